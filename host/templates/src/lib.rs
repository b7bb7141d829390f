//! What authors of plugins start from: projects, files under `host/templates` with the contract of `wit/`,
//! and the way from a module that any compiler made to a component.
//!
//! In: a name, a role and a language; or a module. Out: a folder of files; or a component; or an error that
//! says what to do.

mod bindings;
mod componentize;
mod contract;
mod error;
mod files;
mod name;

use std::path::Path;

use ts_plugin::Role;

pub use componentize::{Encoding, Options, componentize};
pub use error::Error;
pub use files::{Language, ROLES};

/// Writes a new project to a folder, which must hold nothing.
///
/// # Errors
///
/// [`Error`] where the name is none, the role has no template, or the folder is in use or cannot be written.
pub fn write(folder: &Path, name: &str, role: Role, language: Language) -> Result<(), Error> {
    let name = name::checked(name)?;
    let files = files::of(&name, role, language)?;
    let failed = |path: &Path, source| Error::Write { path: path.to_owned(), source };
    if folder.exists() {
        let mut entries = std::fs::read_dir(folder).map_err(|source| failed(folder, source))?;
        if entries.next().is_some() {
            return Err(Error::InUse { folder: folder.to_owned() });
        }
    }
    for (path, content) in files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        std::fs::write(&path, content).map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_whole_and_has_its_names() {
        for (language, role) in Language::ALL.into_iter().flat_map(|one| ROLES.map(|role| (one, role))) {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "my-plugin", role, language).unwrap();
            let what = format!("{role} in {}", language.name());
            let text = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
            for path in ["README.md", "cases.jsonl", "wit/verifier.wit", "wit/worlds.wit"] {
                assert!(!text(path).is_empty(), "{path} of {what}");
            }
            let files = files::of("my_plugin", role, language).unwrap();
            let source = text(&files[0].0);
            assert!(source.contains("my_plugin"), "{what}");
            let is_made = |path: &str| path.starts_with("bindings/") || path.contains("ts_host_plugin_");
            for (path, content) in files.iter().filter(|(path, _)| !is_made(path)) {
                let content = std::str::from_utf8(content).unwrap();
                for unfilled in ["NAME", "ROLE", "NOUN", "SUMMARY", "CASES"] {
                    assert!(!content.contains(unfilled), "{unfilled} in {path} of {what}");
                }
            }
            // The contract's version stands in the contract alone.
            assert!(!source.contains("@0."), "{what}");
        }
    }

    #[test]
    fn a_runner_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), "x", Role::Runner, Language::Rust).unwrap_err();
        assert!(matches!(error, Error::NoTemplate { role: Role::Runner }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_with_files_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "mine").unwrap();
        let error = write(folder.path(), "x", Role::Verifier, Language::Rust).unwrap_err();
        assert!(matches!(error, Error::InUse { .. }));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
