//! A private copy of Debian's `rustc-web`, for machines whose toolchain lacks the guests' target.
//!
//! Debian packages a newer compiler than its release's own for building browsers, with its source. This
//! unpacks (never installs) those packages under the user's cache folder, builds the standard library for the
//! guests' target from that source once, and puts it where `rustup target add` would have put it. It needs no
//! rights, about 160 MB of downloads, 620 MB of disk and a few minutes.
//!
//! In: apt's package lists. Out: a compiler. `apt-get update`, which changes the system, is the caller's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{TARGET, cargo, prepended, remap, remap_dependencies};
use crate::process;

/// Libraries that the compiler needs beside LLVM. Those that the system has are harmless twice.
const LIBRARIES: [&str; 6] = ["libz3-4", "libedit2", "libbsd0", "libmd0", "libxml2", "libicu72"];

/// Names the way in which the standard library is built here; another one is another library, in another folder.
const BUILD: u32 = 2;

/// A compiler unpacked under the user's cache folder.
pub(crate) struct Debian {
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// The folder of its shared libraries.
    pub(crate) libraries: PathBuf,
}

/// Makes the compiler ready. `None` on a machine that has no apt or does not know the package.
pub(crate) fn prepare() -> Result<Option<Debian>> {
    let Some(version) = candidate("rustc-web") else {
        return Ok(None);
    };
    ensure_new_enough(&version)?;
    let prefix = cache_folder()?.join(format!("rustc-web-{version}-{BUILD}"));
    let usr = prefix.join("usr");
    let debian = Debian { rustc: usr.join("bin/rustc"), libraries: usr.join("lib/x86_64-linux-gnu") };
    // Written last: it says that the rest is complete.
    let complete = prefix.join("complete");
    if !complete.is_file() {
        eprintln!("unpacking rustc-web {version} under {} (once)", prefix.display());
        if prefix.exists() {
            std::fs::remove_dir_all(&prefix)?;
        }
        unpack(&version, &prefix)?;
        build_std(&debian, &prefix)?;
        std::fs::write(&complete, "")?;
    }
    Ok(Some(debian))
}

/// The version that apt would install, if apt is here and knows the package.
fn candidate(package: &str) -> Option<String> {
    let policy = process::output(Command::new("apt-cache").args(["policy", package])).ok()?;
    candidate_in(&policy)
}

fn candidate_in(policy: &str) -> Option<String> {
    policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))
        .filter(|version| *version != "(none)")
        .map(str::to_owned)
}

/// The upstream version, such as `1.96.0`, of a Debian version, such as `1.96.0+dfsg1-1~deb12u2`.
fn upstream(version: &str) -> &str {
    version.split(['+', '-', '~']).next().unwrap_or(version)
}

/// An error if the compiler is older than the one that the workspace asks for, as apt's lists have it on a machine that never fetched them.
fn ensure_new_enough(version: &str) -> Result<()> {
    let numbers =
        |version: &str| version.split('.').map_while(|number| number.parse::<u32>().ok()).collect::<Vec<_>>();
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    if numbers(upstream(version)) < numbers(wanted) {
        bail!(
            "apt knows rustc-web {version} and nothing newer, and Rust {wanted} is needed: run `apt-get update`"
        );
    }
    Ok(())
}

fn unpack(version: &str, prefix: &Path) -> Result<()> {
    let upstream = upstream(version);
    let minor = upstream.rsplit_once('.').map_or(upstream, |(minor, _)| minor);
    let runtime = format!("libstd-rust-web-{minor}");
    let depends = process::output(Command::new("apt-cache").args(["depends", &runtime]))?;
    let llvm = depends
        .split_whitespace()
        .find(|word| word.starts_with("libllvm"))
        .with_context(|| format!("package {runtime} does not say which LLVM it needs"))?;
    let packages = prefix.join("packages");
    std::fs::create_dir_all(&packages)?;
    let mut download = Command::new("apt-get");
    download.current_dir(&packages).args(["-q", "download", llvm]).args(LIBRARIES);
    for package in ["rustc-web", "libstd-rust-web-dev", &runtime, "rust-web-src"] {
        download.arg(format!("{package}={version}"));
    }
    process::run(&mut download).context("could not download the compiler; try `apt-get update` first")?;
    for entry in std::fs::read_dir(&packages)? {
        process::run(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(prefix))?;
    }
    std::fs::remove_dir_all(&packages)?;
    Ok(())
}

/// Builds the standard library for the guests' target and puts it into the compiler's own folder.
fn build_std(debian: &Debian, prefix: &Path) -> Result<()> {
    let usr = prefix.join("usr");
    let source = usr.join("lib/rustlib/src/rust");
    let real_source = source.canonicalize().with_context(|| {
        format!("{} is missing: the source package was unpacked elsewhere", source.display())
    })?;
    let folder = prefix.join("std-build");
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::write(folder.join("src/lib.rs"), "")?;
    std::fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [profile.release]\npanic = \"abort\"\ndebug = false\n",
    )?;
    // Guests are linked with LTO, so the library must carry its bitcode.
    let mut flags =
        vec!["-Cembed-bitcode=yes".to_owned(), remap(&real_source, "/std"), remap(&source, "/std")];
    flags.extend(remap_dependencies()?);
    process::run(
        Command::new(cargo())
            .current_dir(&folder)
            .env("RUSTC", &debian.rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("LD_LIBRARY_PATH", prepended("LD_LIBRARY_PATH", &debian.libraries)?)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .args(["build", "--quiet", "--release", "-Zbuild-std=std,panic_abort"])
            .args(["--target", TARGET, "--target-dir", "target"]),
    )
    .context("could not build the standard library for guests")?;
    let built = folder.join("target").join(TARGET).join("release/deps");
    let installed = usr.join("lib/rustlib").join(TARGET).join("lib");
    std::fs::create_dir_all(&installed)?;
    let mut copied = 0;
    for entry in std::fs::read_dir(&built)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && !text.starts_with("libempty-") {
            std::fs::copy(entry.path(), installed.join(&name))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("the standard library was built, but {} holds none of it", built.display());
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The user's cache folder for this project.
fn cache_folder() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("ts-host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_is_read_from_the_policy() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1\n  Version table:\n";
        assert_eq!(candidate_in(policy).as_deref(), Some("1.96.0+dfsg1-1"));
        assert_eq!(candidate_in("rustc-web:\n  Candidate: (none)\n"), None);
        assert_eq!(candidate_in(""), None);
    }

    #[test]
    fn an_old_compiler_is_refused_before_it_is_fetched() {
        let error = ensure_new_enough("1.85.0+dfsg3-1~deb12u1").unwrap_err().to_string();
        assert!(
            error.contains("rustc-web 1.85.0+dfsg3-1~deb12u1") && error.contains("`apt-get update`"),
            "{error}"
        );
        assert!(ensure_new_enough("1.9.0-1").is_err());
        for version in [env!("CARGO_PKG_RUST_VERSION"), "1.96.0+dfsg1-1~deb12u2", "1.100.0-1", "2.0.0-1"] {
            ensure_new_enough(version).unwrap();
        }
    }

    #[test]
    fn the_upstream_version_is_what_stands_before_debian_s_part() {
        assert_eq!(upstream("1.96.0+dfsg1-1~deb12u2"), "1.96.0");
        assert_eq!(upstream("1.96.0-1"), "1.96.0");
        assert_eq!(upstream("1.96.0"), "1.96.0");
    }
}
