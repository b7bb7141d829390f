//! The chore `runners`: builds the components that run programs, from the packages of their languages.
//!
//! A runner is an interpreter with some text of ours in it, too big to commit. What it is made of (our text,
//! the contract, the versions of the packages that make the component, how they are used) decides its key; a
//! component is kept under its key in `target/runners`, and a build whose key is there copies it and needs no
//! network.
//!
//! In: `plugins/runners`, `wit/`, and the package managers of Python and JavaScript. Out:
//! `plugins/*_runner.wasm`. Their bytes are not locked, since they differ between
//! machines.

mod deepen;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process;
use crate::sources::{files, sha256};
use deepen::Stack;

/// Names the way in which components are made here; another one makes others, under other keys.
const RECIPE: u32 = 1;

/// Where the sources of the runners are, a folder each.
const SOURCES: &str = "plugins/runners";

/// What makes sets have one order in every build.
const SAME_RANDOM: &str = include_str!("runners/same_random.rs");

/// A package of a registry, and its version.
type Package = (&'static str, &'static str);

/// A runner and what makes it.
struct Runner {
    language: &'static str,
    /// The folder of its sources, and the file that it becomes.
    name: &'static str,
    /// The package that makes the component, and what the sources need.
    packages: &'static [Package],
    /// Installs the packages in a folder, if they are not there.
    install: fn(&Path, &[Package]) -> Result<()>,
    /// Makes the component: the tools' folder, that of the sources, the contract's, and where to.
    make: fn(&Path, &Path, &Path, &Path) -> Result<()>,
    stack: Stack,
}

const RUNNERS: [Runner; 2] = [
    Runner {
        language: "python",
        name: "python_runner",
        packages: &[("componentize-py", "0.25.1")],
        install: install_python,
        make: make_python,
        // 8 MiB, which is what Python has elsewhere.
        stack: Stack { pages: 128, limits: Some([0x4000, 0x2000]) },
    },
    Runner {
        language: "javascript",
        name: "javascript_runner",
        packages: &[("componentize-qjs", "0.4.5"), ("acorn", "8.15.0")],
        install: install_javascript,
        make: make_javascript,
        // 5 MiB, for twice the depth that node reaches. More would not fit in the bytes of the old number.
        stack: Stack { pages: 80, limits: None },
    },
];

/// Checks the name of a language.
pub(crate) fn is_language(name: &str) -> bool {
    RUNNERS.iter().any(|runner| runner.language == name)
}

/// Builds every runner, or that of one language, or takes it from the cache.
pub(crate) fn build(root: &Path, language: Option<&str>) -> Result<()> {
    let cache = root.join("target/runners");
    for runner in RUNNERS.iter().filter(|runner| language.is_none_or(|language| language == runner.language))
    {
        let folder = root.join(SOURCES).join(runner.name);
        let kept = cache.join(key(root, &folder, runner.packages)?).with_extension("wasm");
        if !kept.is_file() {
            make(runner, &cache, &folder, &root.join("wit"), &kept)
                .with_context(|| format!("could not make {}", runner.name))?;
        }
        let to = root.join("plugins").join(runner.name).with_extension("wasm");
        let component = std::fs::read(&kept)?;
        std::fs::write(&to, &component).with_context(|| format!("could not write {}", to.display()))?;
        println!("{:<20} {:>9} bytes  {}", runner.name, component.len(), &sha256(&component)[..16]);
    }
    Ok(())
}

fn make(runner: &Runner, cache: &Path, folder: &Path, wit: &Path, to: &Path) -> Result<()> {
    let (package, version) = runner.packages[0];
    let tools = cache.join("tools").join(format!("{package}-{version}"));
    (runner.install)(&tools, runner.packages)
        .with_context(|| format!("could not install {package} {version}"))?;
    // The tools write beside the sources and look for packages above them, so they get a fresh copy.
    let sources = tools.join("source");
    if sources.exists() {
        std::fs::remove_dir_all(&sources)?;
    }
    std::fs::create_dir_all(&sources)?;
    for file in files(folder)? {
        std::fs::copy(&file, sources.join(file.file_name().unwrap_or_default()))?;
    }
    let part = to.with_extension("part");
    (runner.make)(&tools, &sources, wit, &part)?;
    let mut component = std::fs::read(&part)?;
    deepen::deepen(&mut component, &runner.stack).context("could not enlarge the stack")?;
    std::fs::write(&part, &component)?;
    std::fs::rename(&part, to)?;
    Ok(())
}

/// The hash of what a component is made of.
fn key(root: &Path, folder: &Path, packages: &[Package]) -> Result<String> {
    let mut files = [files(folder)?, files(&root.join("wit"))?].concat();
    files.sort();
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    for file in &files {
        let content = std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
        add(file.strip_prefix(root).unwrap_or(file).to_string_lossy().as_bytes());
        add(&content);
    }
    for (package, version) in packages {
        add(format!("{package} {version}").as_bytes());
    }
    add(format!("recipe {RECIPE} {SAME_RANDOM}").as_bytes());
    Ok(ts_text::hexadecimal(&hash.finalize()))
}

fn install_python(tools: &Path, packages: &[Package]) -> Result<()> {
    if tools.join("bin").join(packages[0].0).is_file() {
        return Ok(());
    }
    let venv = || process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(tools));
    if venv().is_err() {
        debian(&["python3-venv"]).context("making a runner for Python takes python3 with its venv module")?;
        venv()?;
    }
    let wanted = packages.iter().map(|(package, version)| format!("{package}=={version}"));
    process::run(Command::new(tools.join("bin/pip")).args(["install", "--quiet"]).args(wanted))
}

fn make_python(tools: &Path, sources: &Path, wit: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new(tools.join("bin/componentize-py"));
    command.arg("-d").arg(wit).args(["-w", "runner-plugin", "componentize", "app", "-p"]);
    command.arg(sources).arg("-o").arg(to);
    if cfg!(target_os = "linux") {
        command.env("LD_PRELOAD", same_random(tools)?);
    }
    process::run(&mut command)
}

/// The library that takes the place of the system's random numbers. Elsewhere than on Linux sets are in
/// another order in every build, as they are in every run of Python.
fn same_random(tools: &Path) -> Result<PathBuf> {
    let (source, library) = (tools.join("same_random.rs"), tools.join("libsame_random.so"));
    std::fs::write(&source, SAME_RANDOM)?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "--crate-type=cdylib", "-Cpanic=abort", "-Copt-level=3", "-o"]);
    process::run(command.arg(&library).arg(&source))?;
    Ok(library)
}

fn install_javascript(tools: &Path, packages: &[Package]) -> Result<()> {
    if packages.iter().all(|(package, _)| tools.join("node_modules").join(package).is_dir()) {
        return Ok(());
    }
    std::fs::create_dir_all(tools)?;
    let npm = || {
        let wanted = packages.iter().map(|(package, version)| format!("{package}@{version}"));
        process::run(Command::new("npm").args(["install", "--silent", "--prefix"]).arg(tools).args(wanted))
    };
    if npm().is_err() {
        debian(&["nodejs", "npm"]).context("making a runner for JavaScript takes node and npm")?;
        npm()?;
    }
    Ok(())
}

fn make_javascript(tools: &Path, sources: &Path, wit: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("node");
    command.arg(tools.join("node_modules/componentize-qjs/cli.mjs"));
    command.arg("--wit").arg(wit).arg("--js").arg(sources.join("app.js")).arg("--module-root").arg(tools);
    command.args(["--world", "runner-plugin", "--sync", "--output"]).arg(to);
    process::run(&mut command)
}

/// Installs packages of Debian, where this is Debian and we may.
fn debian(packages: &[&str]) -> Result<()> {
    let missing = packages.join(", ");
    let is_root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !Path::new("/etc/debian_version").is_file() {
        bail!("install {missing} (so named in Debian) and run this again");
    }
    process::run(Command::new("apt-get").args(["install", "--yes", "--quiet"]).args(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_name() {
        assert!(is_language("python") && is_language("javascript"));
        assert!(!is_language("python_runner") && !is_language(""));
    }

    #[test]
    fn a_key_changes_with_every_part_and_with_nothing_else() {
        let root = std::env::temp_dir().join(format!("ts-host-runners-{}", std::process::id()));
        let (folder, wit) = (root.join("plugins/runners/x_runner"), root.join("wit"));
        for folder in [&folder, &wit] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(folder.join("app.py"), "pass").unwrap();
        std::fs::write(wit.join("runner.wit"), "interface runner {}").unwrap();
        let key = |version| key(&root, &folder, &[("maker", version)]).unwrap();
        let first = key("1");
        assert_eq!(first, key("1"));
        assert_ne!(first, key("2"));
        std::fs::write(folder.join("app.py"), "pass\n").unwrap();
        let second = key("1");
        assert_ne!(first, second);
        std::fs::write(wit.join("runner.wit"), "interface runner { }").unwrap();
        assert_ne!(second, key("1"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
