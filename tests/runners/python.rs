//! Python programs: how they read and write, what they may import, how they end, and what they cannot do.

use ts_plugin::{Ending, Program, RunLimits, converse};

use crate::{LIMITS, output, python, run};

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn every_way_to_read_and_to_write() {
    for source in [
        "print(int(input()) + int(input()))",
        "import sys\nprint(sum(int(line) for line in sys.stdin))",
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
        "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))",
        "import sys\nprint(sum(int(sys.stdin.buffer.readline()) for _ in range(2)))",
        "print(sum(map(int, open(0).read().split())))",
        "import os\nprint(sum(map(int, os.read(0, 100).split())))",
        "import sys\nsys.stdout.buffer.write(b'7\\n')",
        "import os\nos.write(1, b'7\\n')",
        "import sys, io\nout = io.StringIO()\nprint(7, file=out)\nsys.stdout.write(out.getvalue())",
        "import atexit\natexit.register(print, 7)",
        "import sys\nsys.stdout.write('7')\nsys.exit()",
        "total = 0\ndef add(x):\n    global total\n    total += x\nadd(3); add(4)\nprint(total)",
        "def main():\n    print(7)\nif __name__ == '__main__':\n    main()",
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**27)\n\
         t = threading.Thread(target=lambda: print(7))\nt.start()\nt.join()",
    ] {
        assert_eq!(output(source, "3\n4\n").trim(), "7", "{source}");
    }
    assert_eq!(output("print(input())", "héllo → 世界\n"), "héllo → 世界\n");
    assert_eq!(output("pass", ""), "");
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn what_solutions_import() {
    let modules = "typing math re collections heapq itertools functools bisect operator string copy random statistics hashlib \
        json decimal fractions datetime cmath array io sys os time threading dataclasses enum abc contextlib textwrap struct \
        queue calendar types numbers pprint zlib base64 binascii unicodedata ast inspect traceback warnings secrets \
        collections.abc concurrent.futures pickle csv";
    for module in modules.split_whitespace() {
        assert_eq!(output(&format!("import {module}\nprint({module}.__name__)"), ""), format!("{module}\n"));
    }
    let missing = run("import numpy", "").ending;
    assert!(
        matches!(&missing, Ending::Failed(why) if why.contains("No module named 'numpy'")),
        "{missing:?}"
    );
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn how_programs_end() {
    let failed = |source: &str| match run(source, "").ending {
        Ending::Failed(why) => why,
        other => panic!("{source}: {other:?}"),
    };
    assert_eq!(failed("x = 1\nint('x')"), "ValueError: invalid literal for int() with base 10: 'x' (line 2)");
    assert!(failed("input()").starts_with("EOFError"));
    assert!(failed("def f(): f()\nf()").starts_with("RecursionError"));
    assert!(matches!(run("def f(:\n  pass", "").ending, Ending::NotCompiled(why) if why.contains("line 1")));
    assert_eq!(run("import sys\nsys.exit(3)", "").ending, Ending::Exited(3));
    assert_eq!(run("import sys\nsys.exit('no')", "").ending, Ending::Exited(1));
    assert_eq!(run("raise SystemExit", "").ending, Ending::Exited(0));
    assert_eq!(run("import os\nos._exit(0)", "").ending, Ending::Exited(0));
    assert_eq!(output("try:\n    exit(1)\nexcept SystemExit:\n    print('caught')", ""), "caught\n");
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn limits_hold_and_are_named() {
    for source in [
        "while True: pass",
        "import time\ntime.sleep(100)",
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "while True: print('A' * 100000)",
        "10 ** 10 ** 8",
    ] {
        assert_eq!(run(source, "").ending, Ending::TimeLimit, "{source}");
    }
    for source in
        ["x = []\nwhile True: x.append([0] * 1000)", "s = 'a'\nwhile True: s += s", "bytearray(10 ** 9)"]
    {
        assert_eq!(run(source, "").ending, Ending::MemoryLimit, "{source}");
    }
    let ran = run("print('x' * 10 ** 7)", "");
    assert_eq!((ran.ending, ran.output.len(), ran.output_cut), (Ending::Exited(0), 1 << 20, true));
    let limits = RunLimits { memory_mib: 100_000, ..LIMITS };
    assert!(
        python()
            .run(&Program { source: "pass", input: "", limits })
            .unwrap_err()
            .to_string()
            .contains("at most")
    );
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn the_same_run_twice_is_the_same() {
    let source = "import random, time, os, secrets, uuid\nprint(random.random(), time.time(), os.urandom(4), secrets.token_hex(), \
                  hash('x'), list({'a', 'b', 'c'}), uuid.uuid4(), id([]) % 1000)";
    let (one, other) = (run(source, ""), run(source, ""));
    assert_eq!(one, other);
    // Sleep takes no time, and the clock moves on by it.
    let slept = output("import time\nt = time.time()\ntime.sleep(0.5)\nprint(round(time.time() - t, 3))", "");
    assert_eq!(slept, "0.5\n");
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn nothing_is_to_be_had_outside() {
    for attempt in [
        "open('/etc/passwd').read()",
        "open('x', 'w')",
        "import os; os.listdir('/')[0]",
        "import os; os.mkdir('x')",
        "import os; os.environ['HOME']",
        "import os; os.fork()",
        "import os; os.system('id') and 1 / 0",
        "import subprocess; subprocess.run(['id'])",
        "import socket; socket.create_connection(('127.0.0.1', 80), 1)",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import urllib.request; urllib.request.urlopen('http://localhost')",
        "import ctypes; ctypes.CDLL(None)",
        "import multiprocessing; multiprocessing.Process(target=print).start()",
    ] {
        let source = format!(
            "try:\n    {}\n    print('done')\nexcept Exception:\n    print('denied')",
            attempt.replace("; ", "\n    ")
        );
        assert_eq!(output(&source, ""), "denied\n", "{attempt}");
    }
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn a_program_that_breaks_its_interpreter_breaks_it_for_itself_alone() {
    let limits = RunLimits { time_ms: 200, ..LIMITS };
    for source in [
        "import builtins\nbuiltins.print = None\nbuiltins.compile = None\nbuiltins.exec = None",
        "import sys\nsys.stdout = None\nsys.stdin = None",
        "import sys\nsys.modules.clear()",
        "import sys\nsys.stdout.close()",
        "import os\nos.close(1)",
        "import builtins\nfor name in list(vars(builtins)): setattr(builtins, name, None)",
        "import sys\nframe = sys._getframe()\nwhile frame:\n    frame.f_globals.clear()\n    frame = frame.f_back",
        "import gc\nfor thing in gc.get_objects():\n    if isinstance(thing, dict):\n        try: thing.clear()\n        except Exception: pass",
    ] {
        python().run(&Program { source, input: "", limits }).unwrap();
        assert_eq!(output("print(sum(map(int, input().split())))", "3 4"), "7\n", "after {source}");
    }
}

/// What two programs write that converse, and how they end.
fn conversation(first: &str, second: &str) -> [(String, Ending); 2] {
    let program = |source| Program { source, input: "own\n", limits: LIMITS };
    let (first, second) = converse((python(), &program(first)), (python(), &program(second))).unwrap();
    [first, second].map(|ran| (String::from_utf8(ran.output).unwrap(), ran.ending))
}

#[test]
#[ignore = "needs `cargo xtask runners`"]
fn two_programs_converse() {
    let ask = "input()\nfor n in range(3):\n    print(n, flush=True)\n    got = input()\n    assert got == str(n * n), got\n";
    let answer = "import sys\ninput()\nfor line in sys.stdin:\n    print(int(line) ** 2, flush=True)\n";
    let [asked, answered] = conversation(&format!("{ask}print('\\x04secret', flush=True)"), answer);
    assert_eq!(asked, ("0\n1\n2\n\u{4}secret\n".into(), Ending::Exited(0)));
    assert_eq!(answered, ("0\n1\n4\n".into(), Ending::Exited(0)));
    // Both read: nothing is to come.
    let waits = "import sys\nprint(sys.stdin.read())";
    let [one, other] = conversation(waits, waits);
    assert_eq!((&one, &one.0), (&other, &"own\n\n".into()));
    // One does not compile, or ends, or is stopped: the other finds the end of its input.
    for (lost, ending) in [
        ("1 / 0", Ending::Failed("ZeroDivisionError: division by zero (line 1)".into())),
        ("while True: pass", Ending::TimeLimit),
    ] {
        let [first, second] = conversation(lost, waits);
        assert_eq!((first.1, second), (ending, ("own\n\n".into(), Ending::Exited(0))));
    }
    let [first, second] = conversation("1 1", waits);
    assert!(matches!(first.1, Ending::NotCompiled(_)) && second.0 == "own\n\n", "{first:?}");
}
