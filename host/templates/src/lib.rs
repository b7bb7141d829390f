//! Projects that new plugins start from: files under `host/templates`, and the contract of `wit/`, in the program.
//!
//! In: a name, a role and a language. Out: a folder of files, or an error that says what to do. Left out on purpose: building
//! the project, which its README says how to do; and the terminal.

mod error;
mod files;
mod name;

use std::path::Path;

pub use error::Error;
pub use files::{Language, Role};

/// Writes a new project to a folder, which must hold nothing.
///
/// # Errors
///
/// [`Error`] where the name is none, the language has no template for the role, or the folder is in use or cannot be written.
pub fn write(folder: &Path, name: &str, role: Role, language: Language) -> Result<(), Error> {
    let name = name::checked(name)?;
    let failed = |path: &Path, source| Error::Write { path: path.to_owned(), source };
    if folder.exists() {
        let mut entries = std::fs::read_dir(folder).map_err(|source| failed(folder, source))?;
        if entries.next().is_some() {
            return Err(Error::InUse { folder: folder.to_owned() });
        }
    }
    for (path, text) in files::of(role, language) {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        std::fs::write(&path, text.replace("NAME", &name)).map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_whole_and_has_its_name() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "my-grader", Role::Verifier, language).unwrap();
            for file in ["README.md", "cases.jsonl", "wit/verifier.wit", "wit/worlds.wit"] {
                assert!(folder.path().join(file).is_file(), "{file} of {}", language.name());
            }
            for (path, _) in files::of(Role::Verifier, language) {
                let text = std::fs::read_to_string(folder.path().join(path)).unwrap();
                assert!(!text.contains("NAME"), "{path} of {}", language.name());
            }
        }
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
