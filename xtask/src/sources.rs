//! The hash of everything in the repository that decides a plugin's bytes.
//!
//! Hashed: the files of the plugin's crate and of every workspace crate that it uses, `wit/` as it is now,
//! the profile, the workspace's entries for their dependencies, and the `Cargo.lock` entries of all
//! dependencies, direct and indirect. Development dependencies are not: they do not reach the component.
//!
//! In: a plugin's name. Out: 64 hexadecimal digits. The toolchain is not in it; the lock file records that
//! beside this hash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use toml::{Table, Value};
use ts_text::hexadecimal;

/// Where the crates of the plugins are, by role.
const COMPONENTS: &str = "plugins/components";

/// The manifests that hashing reads, parsed once.
pub(crate) struct Sources {
    root: PathBuf,
    workspace: Table,
    locked: Table,
}

impl Sources {
    /// Reads the root manifest and `Cargo.lock`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        Ok(Sources {
            root: root.to_path_buf(),
            workspace: table(&root.join("Cargo.toml"))?,
            locked: table(&root.join("Cargo.lock"))?,
        })
    }

    /// The plugins by name, and the folder of each: the members of the workspace below `plugins/components`.
    pub(crate) fn plugins(&self) -> Result<BTreeMap<String, PathBuf>> {
        let members = self.workspace.get("workspace").and_then(|workspace| workspace.get("members"));
        let members = members.and_then(Value::as_array).context("the workspace lists no members")?;
        let folders = members.iter().filter_map(Value::as_str).map(PathBuf::from);
        folders
            .filter(|folder| folder.starts_with(COMPONENTS))
            .map(|folder| {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !is_cdylib(&table(&self.root.join(&folder).join("Cargo.toml"))?) {
                    bail!("{}: the crate of a plugin is a `cdylib`", folder.display());
                }
                Ok((name, folder))
            })
            .collect()
    }

    /// The hash of one plugin's sources; its crate is in `folder`, seen from the root.
    pub(crate) fn hash(&self, folder: &Path) -> Result<String> {
        let mut parts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        // Not the folder within: no plugin is built against a contract that was released before.
        for file in files(&self.root.join("wit"))? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            parts.insert(format!("file wit/{name}"), std::fs::read(&file)?);
        }
        let mut external = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![folder.to_path_buf()];
        while let Some(folder) = open.pop() {
            if !seen.insert(folder.clone()) {
                continue;
            }
            self.add_folder(&mut parts, &folder.join("src"))?;
            let manifest = table(&self.root.join(&folder).join("Cargo.toml"))?;
            for name in dependencies(&manifest) {
                let entry = self
                    .workspace_entry(name)
                    .with_context(|| format!("{}: `{name}` is no workspace dependency", folder.display()))?;
                parts.insert(format!("dependency {name}"), entry.to_string().into_bytes());
                match entry.get("path").and_then(Value::as_str) {
                    Some(path) => open.push(PathBuf::from(path)),
                    None => drop(external.insert(name.to_owned())),
                }
            }
            parts.insert(format!("manifest {}", folder.display()), manifest_part(&manifest));
        }
        for package in locked_closure(&self.locked, external)? {
            parts.insert(package, Vec::new());
        }
        for profile in ["release", "guest"] {
            let settings = self.workspace.get("profile").and_then(|profiles| profiles.get(profile));
            let settings = settings.map(Value::to_string).unwrap_or_default();
            parts.insert(format!("profile {profile}"), settings.into_bytes());
        }
        Ok(hash_parts(&parts))
    }

    fn workspace_entry(&self, name: &str) -> Option<&Value> {
        self.workspace.get("workspace")?.get("dependencies")?.get(name)
    }

    /// Adds every file below a folder, under its path with `/` between the parts.
    fn add_folder(&self, parts: &mut BTreeMap<String, Vec<u8>>, folder: &Path) -> Result<()> {
        let full = self.root.join(folder);
        let entries =
            std::fs::read_dir(&full).with_context(|| format!("could not list {}", full.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.add_folder(parts, &path)?;
            } else {
                let name = path.to_string_lossy().replace('\\', "/");
                parts.insert(format!("file {name}"), std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }
}

/// The files of a folder, not of those within.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.is_file()).collect())
}

/// The SHA-256 of some bytes, as 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn table(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    text.parse().with_context(|| format!("{} is no TOML", path.display()))
}

fn is_cdylib(manifest: &Table) -> bool {
    let kinds = manifest.get("lib").and_then(|lib| lib.get("crate-type")).and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")))
}

/// The names of a manifest's dependencies, without those of its tests.
fn dependencies(manifest: &Table) -> impl Iterator<Item = &str> {
    manifest
        .get("dependencies")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
}

/// What of a crate's manifest can change its component: all but its tests' dependencies and its lints.
fn manifest_part(manifest: &Table) -> Vec<u8> {
    let mut kept = manifest.clone();
    kept.remove("dev-dependencies");
    kept.remove("lints");
    kept.to_string().into_bytes()
}

/// `name version checksum` of every package that the named ones need, as `Cargo.lock` has them.
fn locked_closure(locked: &Table, names: BTreeSet<String>) -> Result<BTreeSet<String>> {
    let packages = locked.get("package").and_then(Value::as_array).context("Cargo.lock lists no packages")?;
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = names.into_iter().collect();
    while let Some(wanted) = open.pop() {
        // Cargo.lock writes `name`, and adds the version only where the name alone is ambiguous.
        let mut words = wanted.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let mut known = false;
        for package in packages {
            let fits = text(package, "name") == name && version.is_none_or(|v| text(package, "version") == v);
            if !fits {
                continue;
            }
            known = true;
            let entry = ["name", "version", "checksum"].map(|key| text(package, key)).join(" ");
            if found.insert(entry) {
                let needs = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
                open.extend(needs.filter_map(Value::as_str).map(str::to_owned));
            }
        }
        if !known {
            bail!("Cargo.lock does not know `{wanted}`; run `cargo fetch`");
        }
    }
    Ok(found)
}

/// One hash over named parts. Lengths are hashed too, so that no two sets of parts run together alike.
fn hash_parts(parts: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in parts {
        for piece in [name.as_bytes(), bytes] {
            hash.update((piece.len() as u64).to_le_bytes());
            hash.update(piece);
        }
    }
    hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_the_published_one() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        assert_eq!(hash_parts(&BTreeMap::new()), empty);
    }

    #[test]
    fn parts_do_not_run_together() {
        let parts = |name: &str, bytes: &str| BTreeMap::from([(name.to_owned(), bytes.as_bytes().to_vec())]);
        assert_ne!(hash_parts(&parts("ab", "c")), hash_parts(&parts("a", "bc")));
    }

    #[test]
    fn the_closure_follows_dependencies_and_versions() {
        let locked: Table = r#"
            [[package]]
            name = "a"
            version = "1.0.0"
            checksum = "aa"
            dependencies = ["b 2.0.0"]
            [[package]]
            name = "b"
            version = "1.0.0"
            checksum = "b1"
            [[package]]
            name = "b"
            version = "2.0.0"
            checksum = "b2"
            dependencies = ["a"]
        "#
        .parse()
        .unwrap();
        let found = locked_closure(&locked, BTreeSet::from(["a".to_owned()])).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a 1.0.0 aa", "b 2.0.0 b2"]);
        assert!(locked_closure(&locked, BTreeSet::from(["c".to_owned()])).is_err());
    }

    #[test]
    fn dependencies_of_tests_do_not_count() {
        let manifest: Table = "[dependencies]\na = 1\n[dev-dependencies]\nb = 1\n".parse().unwrap();
        assert_eq!(dependencies(&manifest).collect::<Vec<_>>(), ["a"]);
        assert_eq!(manifest_part(&manifest), b"[dependencies]\na = 1\n");
    }
}
