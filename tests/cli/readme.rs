//! The README, the guide and the page on run folders: every command works, run here with small settings, and
//! every link leads somewhere.

use crate::{Host, SMALL, repository};
use ts_embedded::problem::Task;

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

/// The guide goes on from the run that the README makes.
#[test]
fn every_command_of_the_readme_and_the_guide_works() {
    assert_eq!(run_pages(&["README.md", "docs/guide.md"]), 36);
}

#[test]
fn every_command_of_the_page_on_run_folders_works() {
    assert_eq!(run_pages(&["docs/run-folder.md"]), 10);
}

#[test]
fn every_command_of_the_page_on_imports_works() {
    assert_eq!(run_pages(&["docs/import.md"]), 6);
}

#[test]
fn every_command_of_the_page_on_trainers_works() {
    assert_eq!(run_pages(&["docs/trainers.md"]), 8);
}

/// Responses that a script has changed are graded again, and imitated.
#[test]
fn every_command_of_the_page_on_transformed_responses_works() {
    assert_eq!(run_pages(&["examples/transformed/README.md"]), 8);
}

/// Runs every command of some pages, in one folder; gives how many.
fn run_pages(pages: &[&str]) -> usize {
    let pages: String = pages.iter().map(|page| std::fs::read_to_string(repository(page)).unwrap()).collect();
    let host = furnished();
    let mut n_run = 0;
    for command in commands(&pages) {
        let words: Vec<&str> = words(command);
        let args = match words.as_slice() {
            ["seq", ..] => {
                shell(&host, &format!("{command} {}", SMALL.join(" ")));
                n_run += 1;
                continue;
            }
            ["python3", ..] => {
                shell(&host, command);
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
        let begins_a_run = matches!(args, ["run" | "sample" | "ablate", ..])
            || args[0].starts_with("--")
            || (args.starts_with(&["import", "samples"]) && args.contains(&"--recipe"));
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

/// A folder with what the pages take for granted.
pub(crate) fn furnished() -> Host {
    let host = Host::new();
    for name in ["plugins", "tests", "examples"] {
        std::os::unix::fs::symlink(repository(name), host.path(name)).unwrap();
    }
    std::os::unix::fs::symlink(repository("host/embedded/checkpoints/plain"), host.path("my-model")).unwrap();
    std::os::unix::fs::symlink(repository("host/embedded/checkpoints/teeth"), host.path("another-model"))
        .unwrap();
    std::os::unix::fs::symlink(repository("plugins/math_grader.wasm"), host.path("my_grader.wasm")).unwrap();
    std::fs::write(host.path("train.jsonl"), Task::Plain.train_problems()).unwrap();
    std::fs::write(host.path("heldout.jsonl"), Task::Plain.heldout_problems()).unwrap();
    host
}

/// The words of a command, of which some stand in quotes.
fn words(command: &str) -> Vec<&str> {
    let parts = command.split('"').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        })
        .collect()
}

/// Runs a line of the shell, in which `ts-host` is the binary under test, and programs are those of the folder's `programs` first.
pub(crate) fn shell(host: &Host, line: &str) {
    let program = host.command(&[]).get_program().to_owned();
    let folder = std::path::Path::new(&program).parent().unwrap();
    let programs = host.path("programs");
    let path = format!("{}:{}:{}", programs.display(), folder.display(), std::env::var("PATH").unwrap());
    let mut command = std::process::Command::new("sh");
    command.args(["-c", line]).current_dir(host.path("")).env("PATH", path);
    let output = host.keeps(&mut command).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The lines of the blocks of shell commands.
pub(crate) fn commands(page: &str) -> impl Iterator<Item = &str> {
    page.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap_or_default().lines())
}
