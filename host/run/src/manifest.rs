//! The manifest of a run: what it was made from, and which of its stages are done. `manifest.json`.
//!
//! In go two manifests, the one in the folder and the one of the command at hand; out comes every difference,
//! and whether a run may go on over it. Content decides, by its digest; where it came from does not.
//! The recipe itself lies beside the manifest as `recipe.toml`. The manifest ends with a checksum of itself,
//! so that nothing is believed that was changed in it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artefact::Artefact;
use crate::atomic::{to_text, write_file};
use crate::digest::sha256_bytes;
use crate::shard::Shard;
use crate::{Error, Result};

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 2;

/// What a run was made from, and how far it is. Digests are SHA-256 in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// When the run was started, as RFC 3339 has it; given by the caller.
    pub created: String,
    /// The version of ts-host that started it.
    pub ts_host_version: String,
    /// The seed from which every draw's seed is derived.
    pub run_seed: u64,
    /// What it computes on, for instance `cpu`.
    pub device: String,
    /// Number of threads that compute at once.
    pub workers: u32,
    /// Digest of `recipe.toml`.
    pub recipe_sha256: String,
    /// The model that it starts from.
    pub model: ModelOrigin,
    /// Its plugins, in the recipe's order.
    pub plugins: Vec<PluginOrigin>,
    /// Its problem sets.
    pub problems: Vec<ProblemSetOrigin>,
    /// The stages that have begun, by name.
    #[serde(default)]
    pub stages: BTreeMap<String, StageState>,
    /// Where the trained model came from, if it was trained elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adoption>,
    /// The share of the problems that this folder is for; none where it is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// In the file, SHA-256 of the manifest with this field empty; empty in memory.
    #[serde(default)]
    pub check: String,
}

/// Where the model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOrigin {
    /// A path, or `embedded`.
    pub source: String,
    /// Digest of its weights.
    pub sha256: String,
}

/// Where a plugin came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginOrigin {
    /// The role that it has in this run, for instance `verifier`.
    pub role: String,
    /// Its name, as it describes itself.
    pub name: String,
    /// Its version, as it describes itself.
    pub version: String,
    /// Digest of its component.
    pub sha256: String,
    /// A path, or `embedded`.
    pub origin: String,
}

/// Where a problem set came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemSetOrigin {
    /// What it is for: `train` or `heldout`.
    pub split: String,
    /// A path, or `embedded`.
    pub source: String,
    /// Digest of all the problems as a run folder holds them.
    pub sha256: String,
    /// Digest of their identifiers and prompts alone, which decide what is sampled.
    pub prompts_sha256: String,
    /// Number of problems.
    pub n: u64,
}

/// A trained model that the run took over from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// The folder that it was taken from.
    pub source: String,
    /// What trained it, in its user's words; may be empty.
    pub trained_with: String,
    /// When it was taken over, as RFC 3339 has it; given by the caller.
    pub adopted: String,
    /// Digest of the run's `model/` as it was made of that folder.
    pub sha256: String,
}

/// How far a stage is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StageState {
    /// Whether it is done, and its artefact complete.
    pub done: bool,
    /// File name of its artefact; empty before it is done.
    pub artefact: String,
    /// Records in its artefact; 0 before it is done.
    pub records: u64,
    /// Digest of its artefact; empty before it is done.
    pub sha256: String,
    /// Seconds spent in it, over every time it was resumed.
    pub seconds: f64,
    /// The folder that it left beside its artefact, as `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderState>,
    /// The checkpoint from which an interrupted training goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<FolderState>,
    /// The files of other programs that its records come from; none where it made them itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported: Vec<ImportedFile>,
}

/// A file of another program from which records come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFile {
    /// Its path, as it was given.
    pub source: String,
    /// Digest of the file.
    pub sha256: String,
    /// Who wrote it, such as `verl`.
    pub format: String,
}

/// A folder that a stage left: its name in the run's folder, and its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderState {
    /// Its name, such as `checkpoints/step-00000010`.
    pub name: String,
    /// SHA-256 of each file, by its name in the folder.
    pub files: BTreeMap<String, String>,
}

/// A field in which two manifests differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field, for instance `plugins.verifier.sha256`.
    pub field: String,
    /// Its value in the folder.
    pub old: String,
    /// Its value in the command at hand.
    pub new: String,
    /// Whether the run must not go on over it. Otherwise it is only worth a word: another device, say,
    /// computes the same method with other rounding.
    pub stops: bool,
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {} and is now {}", self.field, self.old, self.new)
    }
}

impl Manifest {
    /// The digest that the file of one of the two problem sets must have. None in a shard, whose manifest has those of the whole
    /// sets.
    pub fn problems_sha256(&self, set: Artefact) -> Option<&str> {
        let split = if set == Artefact::ProblemsTrain { "train" } else { "heldout" };
        let origin = self.problems.iter().find(|set| set.split == split);
        // No file has an empty digest.
        self.shard.is_none().then(|| origin.map_or("", |set| &set.sha256))
    }
}

/// Every field in which the manifests differ, in the order of the fields. Says nothing of `created` and
/// `stages`.
///
/// The run must not go on over another recipe, seed, model, plugin or problem set.
pub fn check_resumable(old: &Manifest, new: &Manifest) -> Vec<Difference> {
    let mut differences = Differences(Vec::new());
    let shard = |manifest: &Manifest| manifest.shard.map_or("none".to_owned(), |shard| shard.to_string());
    differences.stop("shard", shard(old), shard(new));
    differences.stop("run_seed", old.run_seed, new.run_seed);
    differences.stop("recipe_sha256", &old.recipe_sha256, &new.recipe_sha256);
    differences.stop("model.sha256", &old.model.sha256, &new.model.sha256);
    differences.note("model.source", &old.model.source, &new.model.source);
    differences.plugins(&old.plugins, &new.plugins);
    differences.problems(&old.problems, &new.problems);
    differences.note("ts_host_version", &old.ts_host_version, &new.ts_host_version);
    differences.note("device", &old.device, &new.device);
    differences.0
}

/// The differences over which a run must not go on.
pub fn stopping(old: &Manifest, new: &Manifest) -> Vec<Difference> {
    check_resumable(old, new).into_iter().filter(|difference| difference.stops).collect()
}

/// Reads a manifest.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Malformed`]; [`Error::Format`] for one of another format; [`Error::Altered`] for
/// one that was changed.
pub fn read_manifest(path: &Path) -> Result<Manifest> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let malformed = |source: serde_json::Error| {
        let (path, line) = (path.to_owned(), source.line());
        Error::Malformed { path, line, source }
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(malformed)?;
    match value.get("format").and_then(Value::as_u64) {
        Some(found) if found != u64::from(FORMAT) => {
            return Err(Error::Format { path: path.to_owned(), found, expected: FORMAT });
        }
        _ => {}
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(malformed)?;
    // There is one way to write it, so that a change of any byte is seen.
    if bytes == to_text(&sealed(&manifest, path)?, path)?.as_bytes() {
        Ok(Manifest { check: String::new(), ..manifest })
    } else {
        Err(Error::Altered { path: path.to_owned() })
    }
}

/// Writes a manifest.
///
/// # Errors
///
/// [`Error::Io`]; the one that was there before stays.
pub fn write_manifest(path: &Path, manifest: &Manifest) -> Result<()> {
    write_file(path, to_text(&sealed(manifest, path)?, path)?.as_bytes())
}

/// The manifest with its checksum.
fn sealed(manifest: &Manifest, path: &Path) -> Result<Manifest> {
    let blank = Manifest { check: String::new(), ..manifest.clone() };
    let check = sha256_bytes(to_text(&blank, path)?.as_bytes());
    Ok(Manifest { check, ..blank })
}

struct Differences(Vec<Difference>);

impl Differences {
    fn stop<T: PartialEq + Display>(&mut self, field: impl Display, old: T, new: T) {
        self.compare(field, old, new, true);
    }

    fn note<T: PartialEq + Display>(&mut self, field: impl Display, old: T, new: T) {
        self.compare(field, old, new, false);
    }

    fn compare<T: PartialEq + Display>(&mut self, field: impl Display, old: T, new: T, stops: bool) {
        if old != new {
            let (field, old, new) = (field.to_string(), old.to_string(), new.to_string());
            self.0.push(Difference { field, old, new, stops });
        }
    }

    fn plugins(&mut self, old: &[PluginOrigin], new: &[PluginOrigin]) {
        // A recipe may give one role to several plugins, so a role is told apart by its place as well.
        let roles = |plugins: &[PluginOrigin]| {
            let roles: Vec<&str> = plugins.iter().map(|plugin| plugin.role.as_str()).collect();
            roles.join(", ")
        };
        self.stop("plugins", roles(old), roles(new));
        for (old, new) in old.iter().zip(new).filter(|(old, new)| old.role == new.role) {
            let role = &old.role;
            self.stop(format_args!("plugins.{role}.name"), &old.name, &new.name);
            self.stop(format_args!("plugins.{role}.version"), &old.version, &new.version);
            self.stop(format_args!("plugins.{role}.sha256"), &old.sha256, &new.sha256);
            self.note(format_args!("plugins.{role}.origin"), &old.origin, &new.origin);
        }
    }

    fn problems(&mut self, old: &[ProblemSetOrigin], new: &[ProblemSetOrigin]) {
        let splits = |sets: &[ProblemSetOrigin]| {
            let splits: Vec<&str> = sets.iter().map(|set| set.split.as_str()).collect();
            splits.join(", ")
        };
        self.stop("problems", splits(old), splits(new));
        for (old, new) in old.iter().zip(new).filter(|(old, new)| old.split == new.split) {
            let split = &old.split;
            self.stop(format_args!("problems.{split}.sha256"), &old.sha256, &new.sha256);
            self.stop(format_args!("problems.{split}.n"), old.n, new.n);
            self.note(format_args!("problems.{split}.source"), &old.source, &new.source);
        }
    }
}

/// A manifest for the tests of this crate.
#[cfg(test)]
pub(crate) fn example() -> Manifest {
    Manifest {
        format: FORMAT,
        created: "2026-01-02T03:04:05Z".to_owned(),
        ts_host_version: "0.1.0".to_owned(),
        run_seed: 7,
        device: "cpu".to_owned(),
        workers: 2,
        recipe_sha256: "aa".to_owned(),
        model: ModelOrigin { source: "embedded".to_owned(), sha256: "bb".to_owned() },
        plugins: vec![PluginOrigin {
            role: "verifier".to_owned(),
            name: "math".to_owned(),
            version: "0.1.0".to_owned(),
            sha256: "cc".to_owned(),
            origin: "embedded".to_owned(),
        }],
        problems: vec![ProblemSetOrigin {
            split: "train".to_owned(),
            source: "embedded".to_owned(),
            sha256: "dd".to_owned(),
            prompts_sha256: "pp".to_owned(),
            n: 100,
        }],
        stages: BTreeMap::new(),
        adopted: None,
        shard: None,
        check: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(new: &Manifest, stops: bool) -> Vec<String> {
        let differences = check_resumable(&example(), new);
        differences.into_iter().filter(|d| d.stops == stops).map(|d| d.field).collect()
    }

    #[test]
    fn a_run_goes_on_at_another_time_and_place() {
        let mut new = example();
        new.created = "2027-01-01T00:00:00Z".to_owned();
        new.stages.insert("sample".to_owned(), StageState::default());
        assert!(check_resumable(&example(), &new).is_empty());

        new.device = "cuda".to_owned();
        new.workers = 8;
        new.ts_host_version = "0.1.1".to_owned();
        new.model.source = "elsewhere".to_owned();
        new.plugins[0].origin = "elsewhere".to_owned();
        new.problems[0].source = "elsewhere".to_owned();
        assert!(fields(&new, true).is_empty());
        assert_eq!(fields(&new, false).len(), 5, "workers change no result");
    }

    #[test]
    fn a_run_stops_at_other_inputs() {
        let mut new = example();
        new.run_seed = 8;
        new.recipe_sha256 = "x".to_owned();
        new.model.sha256 = "x".to_owned();
        new.plugins[0].sha256 = "x".to_owned();
        new.problems[0].n = 99;
        assert_eq!(
            fields(&new, true),
            ["run_seed", "recipe_sha256", "model.sha256", "plugins.verifier.sha256", "problems.train.n"]
        );
        assert_eq!(check_resumable(&example(), &new)[0].to_string(), "run_seed was 7 and is now 8");

        let mut new = example();
        new.plugins.clear();
        new.problems[0].split = "heldout".to_owned();
        assert_eq!(fields(&new, true), ["plugins", "problems"]);
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_any_other_byte_is_found() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("manifest.json");
        let mut manifest = example();
        manifest.stages.insert("sample".to_owned(), StageState { seconds: 0.1, ..Default::default() });
        write_manifest(&path, &manifest).unwrap();
        assert_eq!(read_manifest(&path).unwrap(), manifest);

        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            fs::write(&path, &other).unwrap();
            assert!(read_manifest(&path).is_err(), "byte {at} of {}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn another_format_is_named_and_rubbish_has_a_line() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("manifest.json");
        fs::write(&path, "{\"format\": 1, \"old\": true}").unwrap();
        assert!(matches!(read_manifest(&path), Err(Error::Format { found: 1, expected: 2, .. })));
        fs::write(&path, "{\"format\": 2,\n rubbish").unwrap();
        assert!(matches!(read_manifest(&path), Err(Error::Malformed { line: 2, .. })));
        fs::write(&path, "{\"format\": 2}").unwrap();
        assert!(matches!(read_manifest(&path), Err(Error::Malformed { .. })));
    }
}
