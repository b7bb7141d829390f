//! Every command of the README and of the page on run folders does what it says: run here, on small settings.

use crate::{Host, SMALL, repository};

/// What the paper's recipes need to run without a GPU on a model of 1,024 positions.
const ON_THIS_MACHINE: &[&str] = &[
    "--set",
    "model.device=cpu",
    "--set",
    "model.dtype=f32",
    "--set",
    "sample.max_new_tokens=640",
    "--set",
    "eval.max_new_tokens=640",
];

#[test]
fn every_command_of_the_readme_works() {
    assert!(run_page("README.md") >= 15);
}

#[test]
fn every_command_of_the_page_on_run_folders_works() {
    assert_eq!(run_page("docs/run-folder.md"), 10);
}

/// Runs every command of a page; gives how many.
fn run_page(page: &str) -> usize {
    let page = std::fs::read_to_string(repository(page)).unwrap();
    let host = Host::new();
    for name in ["plugins", "tests"] {
        std::os::unix::fs::symlink(repository(name), host.path(name)).unwrap();
    }
    std::os::unix::fs::symlink(repository("host/embedded/checkpoint"), host.path("my-model")).unwrap();
    std::os::unix::fs::symlink(repository("plugins/math_grader.wasm"), host.path("my_grader.wasm")).unwrap();
    std::fs::write(host.path("train.jsonl"), ts_embedded::train_problems()).unwrap();
    std::fs::write(host.path("heldout.jsonl"), ts_embedded::heldout_problems()).unwrap();

    let mut n_run = 0;
    for command in commands(&page) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let args = match words.as_slice() {
            ["seq", ..] => {
                shell(&host, &format!("{command} {}", SMALL.join(" ")));
                n_run += 1;
                continue;
            }
            ["ts-host", args @ ..] | ["cargo", "run", "--release", "--", args @ ..] => args,
            // The gate runs these.
            ["cargo", "test" | "xtask", ..] => {
                let gate = std::fs::read_to_string(repository(".ci/run")).unwrap();
                assert!(gate.contains(&words[..2].join(" ")), "{command}");
                continue;
            }
            _ => panic!("no test runs `{command}`"),
        };
        let begins_a_run = matches!(args, ["run" | "sample" | "ablate", ..]) || args[0].starts_with("--");
        let mut args = args.to_vec();
        if args[0] == "ablate" {
            args = vec!["ablate", "--rows", "default", "--seeds", "1,2"]; // of the shipped rows only one
        }
        if begins_a_run && !args.contains(&"--from") {
            args.extend(SMALL);
        }
        if args.iter().any(|arg| arg.starts_with("deepseek-")) && !matches!(args[..], ["recipe", ..]) {
            args.extend(ON_THIS_MACHINE);
        }
        match args[..] {
            ["serve", ..] => assert!(crate::serve::starts(&host, &args), "{command}"),
            _ => drop(host.run(&args)),
        }
        n_run += 1;
    }
    n_run
}

/// Runs a line of the shell, in which `ts-host` is the binary under test.
fn shell(host: &Host, line: &str) {
    let program = host.command(&[]).get_program().to_owned();
    let folder = std::path::Path::new(&program).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = std::process::Command::new("sh");
    command.args(["-c", line]).current_dir(host.path("")).env("PATH", path);
    command.env("XDG_CACHE_HOME", host.path("cache")).env("XDG_STATE_HOME", host.path("state"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The lines of the blocks of shell commands.
fn commands(readme: &str) -> impl Iterator<Item = &str> {
    readme.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap_or_default().lines())
}
