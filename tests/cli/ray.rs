//! `clients/ray`: whole runs on a Ray cluster on this machine, with a node killed under them.
//!
//! In: the real binary, and the Python files of the package. Out: their output where one fails. Ray is installed under the target
//! folder, once for each version of the requirements, so the tests are ignored unless asked for:
//! `cargo test --release --workspace --test cli -- --ignored ray`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Host, repository};

/// Runs a command, whose output is shown if it fails.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{told}", output.status);
}

/// A Python that has Ray.
fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ray");
    let (python, installed) = (home.join("bin/python"), home.join("installed"));
    let requirements = repository("clients/ray/tests/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-cache-dir",
        "--require-hashes",
        "--requirement",
    ];
    run(Command::new(&python).args(pip).arg(&requirements));
    // Written last: an installation that was cut short begins anew.
    std::fs::write(installed, wanted).unwrap();
    python
}

/// The package is installed as its users install it, beside Ray and not into it: the driver has it, and the nodes have not.
#[test]
#[ignore = "installs Ray"]
fn ray_does_what_one_machine_does() {
    let (host, python) = (Host::new(), python());
    // Building leaves files beside the sources.
    run(Command::new("cp").args(["-R", &repository("clients/ray")]).arg(host.path("source")));
    let pip =
        ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"];
    run(Command::new(&python).args(pip).arg(host.path("package")).arg(host.path("source")));
    let command = |program: &Path| {
        let mut command = host.command(&[]);
        let ts_host = command.get_program().to_owned();
        command = Command::new(program);
        command.current_dir(host.path("")).env("TS_HOST", ts_host).env("PYTHONPATH", host.path("package"));
        host.keeps(&mut command);
        // Nothing is told to Ray's makers, no key is kept in the user's folder, and a GPU stays unused.
        command
            .env("RAY_USAGE_STATS_ENABLED", "0")
            .env("RAY_AUTH_MODE", "disabled")
            .env("CUDA_VISIBLE_DEVICES", "");
        command
    };
    run(command(&host.path("package/bin/ts-host-ray")).args(["run", "--help"]));
    for file in ["test_units.py", "test_manifests.py", "test_cluster.py"] {
        run(command(&python)
            .arg("-B")
            .arg(repository(&format!("clients/ray/tests/{file}")))
            .arg("--verbose"));
    }
}
