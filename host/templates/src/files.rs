//! Which files a template is made of.
//!
//! In: a role and a language. Out: paths within the project, and texts in which NAME stands for the plugin's name. Left out on
//! purpose: other roles than verifier; `wit/worlds.wit` has their worlds.

/// What the plugin is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Grades responses.
    Verifier,
}

/// What the plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, to `wasm32-unknown-unknown`.
    Rust,
    /// Python, with componentize-py.
    Python,
    /// JavaScript, with componentize-qjs.
    JavaScript,
}

impl Language {
    /// Every language that has templates.
    pub const ALL: [Language; 3] = [Language::Rust, Language::Python, Language::JavaScript];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::JavaScript => "javascript",
        }
    }
}

/// A path, and a text.
type File = (&'static str, &'static str);

/// The contract. Its files refer to one another, so a project has all of them.
const WIT: [File; 8] = [
    ("wit/length-function.wit", include_str!("../../../wit/length-function.wit")),
    ("wit/plugin.wit", include_str!("../../../wit/plugin.wit")),
    ("wit/runner.wit", include_str!("../../../wit/runner.wit")),
    ("wit/selection-policy.wit", include_str!("../../../wit/selection-policy.wit")),
    ("wit/step-splitter.wit", include_str!("../../../wit/step-splitter.wit")),
    ("wit/types.wit", include_str!("../../../wit/types.wit")),
    ("wit/verifier.wit", include_str!("../../../wit/verifier.wit")),
    ("wit/worlds.wit", include_str!("../../../wit/worlds.wit")),
];

const RUST: &[File] = &[
    ("README.md", include_str!("../rust/README.md")),
    // Under its own name cargo would take the folder for a package of this workspace.
    ("Cargo.toml", include_str!("../rust/Cargo.toml.in")),
    (".cargo/config.toml", include_str!("../rust/config.toml")),
    (".gitignore", "/target\n"),
    ("src/lib.rs", include_str!("../rust/verifier/lib.rs")),
];

const PYTHON: &[File] = &[
    ("README.md", include_str!("../python/README.md")),
    ("requirements.txt", include_str!("../python/requirements.txt")),
    (".gitignore", "/.venv\n/NAME.wasm\n"),
    ("app.py", include_str!("../python/app.py")),
];

const JAVASCRIPT: &[File] = &[
    ("README.md", include_str!("../javascript/README.md")),
    ("package.json", include_str!("../javascript/package.json.in")),
    (".gitignore", "/node_modules\n/NAME.wasm\n"),
    ("app.js", include_str!("../javascript/app.js")),
];

/// The files of one template.
pub(crate) fn of(role: Role, language: Language) -> impl Iterator<Item = File> {
    let Role::Verifier = role;
    let own = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::JavaScript => JAVASCRIPT,
    };
    let cases = ("cases.jsonl", include_str!("../cases.jsonl"));
    own.iter().copied().chain(WIT).chain([cases])
}
