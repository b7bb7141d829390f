//! Which files a template is made of.
//!
//! What a language needs is there once, for every role, and may be the end of every role's source; a role has a source in each language and
//! one file of cases. In all of them NAME stands for the plugin's name, ROLE for its role's interface, NOUN for the role
//! in words, SUMMARY for what the plugin does, and CASES for what its cases are.
//!
//! In: a role and a language. Out: paths within the project, and contents.

use ts_plugin::Role;

use crate::{Error, bindings, contract};

/// What the plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, to `wasm32-unknown-unknown`.
    Rust,
    /// Python, with componentize-py.
    Python,
    /// JavaScript, with componentize-qjs.
    JavaScript,
    /// C, with any compiler that has a C library for WebAssembly.
    C,
    /// Go, with its own compiler.
    Go,
}

impl Language {
    /// Every language that has templates.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Python, Self::JavaScript, Self::C, Self::Go];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::C => "c",
            Self::Go => "go",
        }
    }
}

/// The roles that have templates.
pub const ROLES: [Role; 4] =
    [Role::Verifier, Role::StepSplitter, Role::SelectionPolicy, Role::LengthFunction];

/// What one role's templates have in common.
struct Example {
    noun: &'static str,
    /// What the plugin does, in one sentence, which is its `summary` too.
    summary: &'static str,
    cases: &'static str,
    /// The sources, in the order of [`Language::ALL`].
    sources: [&'static str; 5],
    /// `cases.jsonl`.
    jsonl: &'static str,
}

/// What golden cases are.
const GOLDEN: &str = "inputs, with the output that each should give; with `--update` the outputs of now are written down as right";

macro_rules! example {
    ($role:literal, $noun:literal, $summary:literal, $cases:expr) => {
        Some(Example {
            noun: $noun,
            summary: $summary,
            cases: $cases,
            sources: [
                include_str!(concat!("../rust/", $role, ".rs")),
                include_str!(concat!("../python/", $role, ".py")),
                include_str!(concat!("../javascript/", $role, ".js")),
                include_str!(concat!("../c/", $role, ".c")),
                include_str!(concat!("../go/", $role, ".go")),
            ],
            jsonl: include_str!(concat!("../cases/", $role, ".jsonl")),
        })
    };
}

fn example(role: Role) -> Option<Example> {
    match role {
        Role::Verifier => example!(
            "verifier",
            "verifier",
            "The last line of the response must be the reference, but for the case of ASCII's letters and a box around it.",
            "responses, with the verdict that each should get"
        ),
        Role::StepSplitter => example!(
            "step-splitter",
            "step splitter",
            "A step ends with a blank line; the blank line belongs to the step that it ends.",
            GOLDEN
        ),
        Role::SelectionPolicy => example!(
            "selection-policy",
            "selection policy",
            "Keeps the shortest correct response, and prefers it to each wrong one.",
            GOLDEN
        ),
        Role::LengthFunction => example!(
            "length-function",
            "length function",
            "Length is the number of Unicode characters, plus one for the end of the text.",
            GOLDEN
        ),
        Role::Runner => None,
    }
}

/// What every role's source ends with, after a blank line.
fn end(language: Language) -> Option<&'static str> {
    match language {
        Language::JavaScript => Some(include_str!("../javascript/places.js")),
        Language::Rust | Language::Python | Language::C | Language::Go => None,
    }
}

/// What a language needs for any role: paths and texts, and where the role's source goes.
fn shared(language: Language) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match language {
        Language::Rust => (
            "src/lib.rs",
            &[
                ("README.md", include_str!("../rust/README.md")),
                // Under its own name cargo would take the folder for a package of this workspace.
                ("Cargo.toml", include_str!("../rust/Cargo.toml.in")),
                (".cargo/config.toml", include_str!("../rust/config.toml")),
                (".gitignore", "/target\n"),
            ],
        ),
        Language::Python => (
            "app.py",
            &[
                ("README.md", include_str!("../python/README.md")),
                ("requirements.txt", include_str!("../python/requirements.txt")),
                (".gitignore", "/.venv\n/NAME.wasm\n"),
            ],
        ),
        Language::JavaScript => (
            "app.js",
            &[
                ("README.md", include_str!("../javascript/README.md")),
                ("package.json", include_str!("../javascript/package.json.in")),
                (".gitignore", "/node_modules\n/NAME.wasm\n"),
            ],
        ),
        Language::C => (
            "plugin.c",
            &[
                ("README.md", include_str!("../c/README.md")),
                ("requirements.txt", include_str!("../c/requirements.txt")),
                (".gitignore", "/.venv\n/module.wasm\n/NAME.wasm\n"),
            ],
        ),
        Language::Go => (
            "plugin/plugin.go",
            &[("README.md", include_str!("../go/README.md")), (".gitignore", "/module.wasm\n/NAME.wasm\n")],
        ),
    }
}

/// The files of one template, by path.
pub(crate) fn of(name: &str, role: Role, language: Language) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let example = example(role).ok_or(Error::NoTemplate { role })?;
    let filled = |text: &str| {
        let text = text.replace("NAME", name).replace("ROLE", role.interface()).replace("NOUN", example.noun);
        text.replace("SUMMARY", example.summary).replace("CASES", example.cases).into_bytes()
    };
    let (source, shared) = shared(language);
    let text: Vec<&str> =
        [Some(example.sources[language as usize]), end(language)].into_iter().flatten().collect();
    let mut files = vec![(source.to_owned(), filled(&text.join("\n")))];
    files.extend(shared.iter().map(|(path, text)| ((*path).to_owned(), filled(text))));
    let verbatim = contract::FILES.into_iter().chain([("cases.jsonl", example.jsonl)]);
    files.extend(verbatim.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
    match language {
        Language::C => files.extend(bindings::c(role)?),
        Language::Go => files.extend(bindings::go(role)?),
        Language::Rust | Language::Python | Language::JavaScript => {}
    }
    Ok(files)
}
