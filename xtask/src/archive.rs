//! A program for any Linux of this machine's processor: linked to nothing, with its manual pages, completions and licences.
//!
//! In: the working tree. Out: `target/archive/ts-host-VERSION-ARCHITECTURE-linux.tar.gz`, the same bytes from the same program, and its
//! SHA-256. The GNU C library is linked in, whose licence (LGPL) asks that whoever passes the archive on can say from which sources it is
//! built: these.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use ts_text::hexadecimal;

use crate::process;

/// What a shell calls the file in which it looks for the completions of `ts-host`.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "ts-host"), ("fish", "ts-host.fish"), ("zsh", "_ts-host")];

/// Builds the program and the archive.
pub(crate) fn build(root: &Path) -> Result<()> {
    let program = program(root)?;
    let version = process::output(Command::new(&program).arg("--version"))?;
    let version = version.split_whitespace().last().context("`ts-host --version` says no version")?;
    let name = format!("ts-host-{version}-{}-linux", std::env::consts::ARCH);
    let folder = root.join("target/archive");
    let contents = folder.join(&name);
    if contents.exists() {
        std::fs::remove_dir_all(&contents)
            .with_context(|| format!("could not clear {}", contents.display()))?;
    }
    let write = |path: &str, bytes: &[u8]| {
        let path = contents.join(path);
        let made = std::fs::create_dir_all(path.parent().unwrap_or(&contents));
        made.and_then(|()| std::fs::write(&path, bytes))
            .with_context(|| format!("could not write {}", path.display()))
    };
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let path = root.join(file);
        write(file, &std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?)?;
    }
    for (shell, file) in COMPLETIONS {
        let script = process::output(Command::new(&program).args(["completions", shell]))?;
        write(&format!("share/completions/{shell}/{file}"), script.as_bytes())?;
    }
    process::output(Command::new(&program).arg("man").arg(contents.join("share/man/man1")))?;
    // A copy keeps that it may be run.
    let copy = contents.join("bin/ts-host");
    std::fs::create_dir_all(contents.join("bin"))
        .and_then(|()| std::fs::copy(&program, &copy))
        .with_context(|| format!("could not write {}", copy.display()))?;
    let archive = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@0",
        "--mode=go=rX",
        "-I",
        "gzip -n",
        "-cf",
    ]);
    process::run(tar.arg(&archive).arg("-C").arg(&folder).arg(&name))?;
    let bytes = std::fs::read(&archive).with_context(|| format!("could not read {}", archive.display()))?;
    println!("{}  {}", hexadecimal(&Sha256::digest(&bytes)), archive.display());
    Ok(())
}

/// The program, linked to nothing.
fn program(root: &Path) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        bail!("a static program is built on Linux with the GNU C library");
    }
    let folder = root.join("target/static");
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args(["build", "--release", "--locked", "--target", &target, "--target-dir"])
        .arg(&folder);
    process::run(&mut command).context("could not build the program")?;
    Ok(folder.join(target).join("release/ts-host"))
}
