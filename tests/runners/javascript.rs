//! JavaScript programs: how they read and write, asynchronous ones too, how they end, and what they cannot
//! do.

use std::sync::OnceLock;

use ts_plugin::{Ending, Program, Ran, Runner};

use crate::{LIMITS, runner};

fn run(source: &str, input: &str) -> Ran {
    static JAVASCRIPT: OnceLock<Runner> = OnceLock::new();
    JAVASCRIPT
        .get_or_init(|| runner("javascript_runner"))
        .run(&Program { source, input, limits: LIMITS })
        .unwrap()
}

fn output(source: &str, input: &str) -> String {
    let ran = run(source, input);
    assert_eq!(ran.ending, Ending::Exited(0), "{source}");
    String::from_utf8(ran.output).unwrap()
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn every_way_to_read_and_to_write() {
    for source in [
        "const [a, b] = require('fs').readFileSync(0, 'utf8').split('\\n').map(Number);\nconsole.log(a + b);",
        "const text = require('fs').readFileSync('/dev/stdin').toString();\nprocess.stdout.write(`${eval(text.trim().replace('\\n', '+'))}\\n`);",
        "let text = '';\nprocess.stdin.on('data', (part) => text += part);\n\
         process.stdin.on('end', () => console.log(text.trim().split('\\n').reduce((a, b) => +a + +b)));",
        "const lines = require('readline').createInterface({ input: process.stdin });\nlet sum = 0;\n\
         lines.on('line', (line) => sum += Number(line)).on('close', () => console.log(sum));",
        "const lines = require('readline').createInterface({ input: process.stdin });\n\
         (async () => { let sum = 0; for await (const line of lines) sum += Number(line); console.log(sum); })();",
        "async function main() { await new Promise((done) => setTimeout(done, 500)); return 7; }\nmain().then(console.log);",
        "setTimeout(() => console.log(7), 100);",
    ] {
        assert_eq!(output(source, "3\n4\n"), "7\n", "{source}");
    }
    let inspected = output("console.log([1, 'a', { b: [2] }], new Map([[1, 2]]), null, 1.5, -0);", "");
    assert_eq!(inspected, "[ 1, 'a', { b: [ 2 ] } ] Map(1) { 1 => 2 } null 1.5 -0\n");
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn how_programs_end() {
    assert!(matches!(run("let x = ;", "").ending, Ending::NotCompiled(why) if why.contains("SyntaxError")));
    assert!(matches!(run("null.x", "").ending, Ending::Failed(why) if why.contains("TypeError")));
    assert!(
        matches!(run("Promise.reject(new RangeError('no'))", "").ending, Ending::Failed(why) if why.contains("RangeError"))
    );
    assert_eq!(run("process.exit(3)", "").ending, Ending::Exited(3));
    assert_eq!(run("for (;;);", "").ending, Ending::TimeLimit);
    assert_eq!(
        run("const x = []; for (;;) x.push(new Array(1000).fill(0));", "").ending,
        Ending::MemoryLimit
    );
    assert!(matches!(run("(function f() { f(); })();", "").ending, Ending::Failed(_)));
    assert!(
        matches!(run("require('child_process')", "").ending, Ending::Failed(why) if why.contains("Cannot find module"))
    );
    let source = "console.log(Math.random(), Date.now(), performance.now());";
    assert_eq!(run(source, ""), run(source, ""));
}
