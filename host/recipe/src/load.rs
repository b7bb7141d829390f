//! From what was typed to a [`Recipe`]: a file, the files that it extends, and the flags over it.
//!
//! `extends = "NAME"` at the top of a file takes another recipe's values first: a shipped one by its name, or
//! a file beside this one. Tables merge key by key, except `settings` tables, which are replaced as one,
//! because they belong to one plugin. A key that no recipe has is an error.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::{Table, Value};

use crate::Recipe;
use crate::reason::reason;
use crate::sources::Sources;

/// What can be wrong with a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a shipped recipe nor a file.
    #[error("no recipe `{name}`: no shipped one has this name, and there is no such file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The shipped recipe that may have been meant.
        meant: Option<String>,
    },
    /// The file cannot be read.
    #[error("cannot read recipe {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("recipe {name}: {message}")]
    Parse {
        /// Which recipe.
        name: String,
        /// Line and reason.
        message: String,
    },
    /// A key that no recipe has, or a value that is none for its key.
    #[error("{place}: {message}")]
    Value {
        /// The line of a recipe, or the flag, that has it.
        place: String,
        /// The key and the reason.
        message: String,
    },
    /// A recipe extends itself.
    #[error("recipe {name} extends itself: {}", chain.join(" -> "))]
    Cycle {
        /// Which recipe.
        name: String,
        /// The way round.
        chain: Vec<String>,
    },
    /// A value that TOML has no form for.
    #[error("the recipe cannot be written: {message}")]
    Unwritable {
        /// What is wrong.
        message: String,
    },
    /// Values out of their range.
    #[error("{}", values.join("; "))]
    OutOfRange {
        /// A sentence each.
        values: Vec<String>,
    },
}

impl RecipeError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { meant: Some(name), .. } => {
                format!("did you mean `{name}`? `ts-host recipe` lists the shipped recipes")
            }
            Self::Unknown { .. } => "`ts-host recipe` lists the shipped recipes".to_owned(),
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::IsADirectory => {
                "a recipe is a TOML file; a run's folder is named by --out or --from".to_owned()
            }
            _ => "`ts-host recipe default` prints every key with its meaning".to_owned(),
        }
    }
}

/// One value that a flag puts over the recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    path: Vec<String>,
    value: Value,
    /// The value of `--set` that it was read from.
    text: Option<String>,
    /// Why a value that begins as a table or a list was read as a text: what is wrong with it as TOML.
    not_toml: Option<String>,
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "--set {text}")?,
            None => write!(f, "{} = {}", self.path.join("."), self.value)?,
        }
        match &self.not_toml {
            Some(fault) => write!(f, " (read as a text, since as TOML it has a fault: {fault})"),
            None => Ok(()),
        }
    }
}

/// Reads `key.key=value`; the value is TOML, or else a text as it stands. An error says what it must be.
impl FromStr for Override {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, value) = text.split_once('=').ok_or("must be KEY=VALUE, such as train.beta=0.2")?;
        let (path, value) = (path.trim(), value.trim());
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err("the key must be words joined by dots, such as train.beta");
        }
        let as_text = || Value::String(value.to_owned());
        let (value, not_toml) = match format!("v = {value}").parse::<Table>() {
            Ok(mut table) => (table.remove("v").unwrap_or_else(as_text), None),
            Err(error) => (as_text(), value.starts_with(['{', '[']).then(|| error.message().to_owned())),
        };
        Ok(Self { text: Some(text.to_owned()), not_toml, ..Self::new(path, value) })
    }
}

impl Override {
    /// A value at a dotted path, such as `train.beta`.
    pub fn new(path: &str, value: impl Into<Value>) -> Self {
        Self {
            path: path.split('.').map(str::to_owned).collect(),
            value: value.into(),
            text: None,
            not_toml: None,
        }
    }

    /// Whether it sets the value at a path, a table that it is in, or something in it.
    pub(crate) fn sets(&self, path: &[&str]) -> bool {
        self.path.iter().zip(path).all(|(own, name)| own == name)
    }

    fn apply(&self, table: &mut Table) -> Result<(), RecipeError> {
        let Some((last, parents)) = self.path.split_last() else { return Ok(()) };
        let mut at = table;
        for key in parents {
            let next = at.entry(key).or_insert_with(|| Value::Table(Table::new()));
            at = next.as_table_mut().ok_or_else(|| RecipeError::Value {
                place: self.to_string(),
                message: format!("`{key}` is a value, not a table"),
            })?;
        }
        // A whole number where the recipe has a fraction is that fraction.
        let value = match (at.get(last), &self.value) {
            (Some(Value::Float(_)), Value::Integer(n)) => Value::Float(*n as f64),
            (_, value) => value.clone(),
        };
        at.insert(last.clone(), value);
        Ok(())
    }
}

/// The recipe that others extend, and that counts where none is named.
const DEFAULT: &str = "default";

/// Characters of a line at fault that an error shows.
const LINE_CHARACTERS: usize = 200;

/// Keys that stand elsewhere than in recipes of before, each with its place now.
const MOVED: [(&str, &str, &str); 3] = [
    ("eval", "budget_tokens", "report.budget_tokens"),
    ("eval", "bootstrap_resamples", "report.bootstrap_resamples"),
    ("plugins.limits", "max_failed_share", "plugins.max_failed_share"),
];

/// Refuses a key that has moved, and says where to.
fn forbid_moved(name: &str, table: &Table, sources: &Sources) -> Result<(), RecipeError> {
    for (section, key, now) in MOVED {
        let mut at = Some(table);
        for part in section.split('.') {
            at = at.and_then(|table| table.get(part)?.as_table());
        }
        if at.is_some_and(|table| table.contains_key(key)) {
            let was = format!("{section}.{key}");
            let place = sources.place(&was, name).to_string();
            return Err(RecipeError::Value { place, message: format!("{was} is now {now}") });
        }
    }
    Ok(())
}

/// Finds recipes by name.
pub struct Loader<'a> {
    /// The shipped recipes: name and text.
    pub shipped: &'a [(&'a str, &'a str)],
}

impl Loader<'_> {
    /// Loads a recipe by the name of a shipped one or the path of a file, puts `overrides` over it, in order,
    /// and validates it.
    pub fn load(&self, name: &str, overrides: Vec<Override>) -> Result<Recipe, RecipeError> {
        self.load_over(DEFAULT, name, overrides)
    }

    /// The same, with the recipe `base` wherever a recipe extends the default one, or is it: what a recipe changes of the default, it
    /// changes of `base`.
    pub fn load_over(&self, base: &str, name: &str, overrides: Vec<Override>) -> Result<Recipe, RecipeError> {
        let mut sources = Sources::default();
        let name = if name == DEFAULT { base } else { name };
        let table = self.table(name, base, None, &mut Vec::new(), &mut sources)?;
        sources.flags = overrides;
        from_table(name, table, &sources)
    }

    /// A recipe that is complete in itself, such as the one that a run folder keeps.
    pub fn parse(name: &str, text: &str) -> Result<Recipe, RecipeError> {
        let table: Table = text.parse().map_err(|e| parse_error(name, text, &e))?;
        from_table(name, table, &Sources { texts: vec![(name.to_owned(), text.to_owned())], flags: vec![] })
    }

    /// That there is no recipe of this name, and which may have been meant.
    pub fn unknown(&self, name: &str) -> RecipeError {
        let meant = ts_text::nearest(name, self.shipped.iter().map(|(name, _)| *name));
        RecipeError::Unknown { name: name.to_owned(), meant: meant.map(str::to_owned) }
    }

    /// The values of a recipe and of those that it extends, `base` in place of the default one.
    fn table(
        &self,
        name: &str,
        base: &str,
        beside: Option<&Path>,
        chain: &mut Vec<String>,
        sources: &mut Sources,
    ) -> Result<Table, RecipeError> {
        if chain.iter().any(|seen| seen == name) {
            chain.push(name.to_owned());
            return Err(RecipeError::Cycle { name: name.to_owned(), chain: chain.clone() });
        }
        chain.push(name.to_owned());
        let (text, folder) = self.text(name, beside)?;
        let mut table: Table = text.parse().map_err(|e| parse_error(name, &text, &e))?;
        let Some(extended) = table.remove("extends") else {
            sources.texts.push((name.to_owned(), text));
            return Ok(table);
        };
        let Value::String(extended) = extended else {
            return Err(RecipeError::Parse {
                name: name.to_owned(),
                message: "`extends` must be the name of a recipe".into(),
            });
        };
        let mut merged = match extended == DEFAULT && name != base && !chain.iter().any(|seen| seen == base) {
            true => self.table(base, base, None, chain, sources)?,
            false => self.table(&extended, base, folder.as_deref(), chain, sources)?,
        };
        merge(&mut merged, table);
        sources.texts.push((name.to_owned(), text));
        Ok(merged)
    }

    fn text(&self, name: &str, beside: Option<&Path>) -> Result<(String, Option<PathBuf>), RecipeError> {
        if let Some((_, text)) = self.shipped.iter().find(|(shipped, _)| *shipped == name) {
            return Ok(((*text).to_owned(), None));
        }
        let path = beside.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((text, Some(path.parent().map_or_else(PathBuf::new, Path::to_owned)))),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Err(self.unknown(name)),
            Err(source) => Err(RecipeError::Read { path, source }),
        }
    }
}

impl Recipe {
    /// This recipe with `overrides` put over it, in order.
    ///
    /// # Errors
    /// [`RecipeError`]: a key that there is not, a value out of its range.
    pub fn with(&self, overrides: Vec<Override>) -> Result<Self, RecipeError> {
        let (name, text) = (&self.run.name, self.to_toml()?);
        let table: Table = text.parse().map_err(|e| parse_error(name, &text, &e))?;
        from_table(name, table, &Sources { texts: vec![], flags: overrides })
    }
}

/// A recipe of a table and the flags over it, validated; an error says where the value at fault was set.
fn from_table(name: &str, mut table: Table, sources: &Sources) -> Result<Recipe, RecipeError> {
    sources.flags.iter().try_for_each(|flag| flag.apply(&mut table))?;
    forbid_moved(name, &table, sources)?;
    let recipe: Recipe = serde_path_to_error::deserialize(table.clone()).map_err(|error| {
        let (key, message) = reason(&error.path().to_string(), error.inner().message(), &table);
        RecipeError::Value { place: sources.place(&key, name).to_string(), message }
    })?;
    recipe.validate().map_err(|error| match error {
        RecipeError::OutOfRange { values } => {
            let placed = |value: String| {
                let key = value.split(' ').next().unwrap_or_default();
                format!("{}: {value}", sources.place(key, name))
            };
            RecipeError::OutOfRange { values: values.into_iter().map(placed).collect() }
        }
        other => other,
    })?;
    Ok(recipe)
}

/// An error in a file that is not TOML, with its line.
fn parse_error(name: &str, text: &str, error: &toml::de::Error) -> RecipeError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let (at, line) = match before.map(|before| before.matches('\n').count()) {
        Some(index) => {
            let line =
                ts_text::line(text.lines().nth(index).unwrap_or_default().trim()).at_most(LINE_CHARACTERS);
            (format!("line {}: ", index + 1), format!(", in `{line}`"))
        }
        None => (String::new(), String::new()),
    };
    RecipeError::Parse { name: name.to_owned(), message: format!("{at}{}{line}", error.message()) }
}

/// Puts `over` over `base`, key by key.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if key != "settings" => merge(below, above),
            (Some(Value::Float(_)), Value::Integer(n)) => {
                base.insert(key, Value::Float(n as f64));
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DEFAULT as TEXT;

    const SHIPPED: &[(&str, &str)] = &[
        ("default", TEXT),
        ("longer", "extends = \"default\"\n[sample]\nn_samples = 64\n"),
        ("loop", "extends = \"loop\"\n"),
        ("own", "extends = \"default\"\n[run]\nname = \"own\"\n[train]\nbeta = 0.7\n"),
        (
            "policy",
            "extends = \"default\"\n[plugins.selection_policy]\nsource = \"q_fix\"\nsettings = { quantile = 0.5 }\n",
        ),
    ];
    const LOADER: Loader<'_> = Loader { shipped: SHIPPED };

    #[test]
    fn a_recipe_takes_the_values_it_does_not_name_from_the_one_it_extends() {
        let base = LOADER.load("default", vec![]).unwrap();
        let longer = LOADER.load("longer", vec![]).unwrap();
        assert_eq!(longer.sample.n_samples, 64);
        assert_eq!(longer.train, base.train);
    }

    #[test]
    fn what_a_recipe_changes_of_the_default_it_changes_of_another() {
        let row = LOADER.load_over("own", "longer", vec![]).unwrap();
        assert_eq!((row.sample.n_samples, row.train.beta, row.run.name.as_str()), (64, 0.7, "own"));
        assert_eq!(LOADER.load_over("own", "default", vec![]).unwrap(), LOADER.load("own", vec![]).unwrap());
        let row = LOADER.load_over("longer", "policy", vec![]).unwrap();
        assert_eq!((row.sample.n_samples, row.plugins.selection_policy.source.as_str()), (64, "q_fix"));
        let error = LOADER.load_over("no.toml", "longer", vec![]).unwrap_err().to_string();
        assert!(error.contains("no recipe `no.toml`"), "{error}");
        assert!(
            LOADER.load_over("loop", "longer", vec![]).unwrap_err().to_string().contains("extends itself")
        );
    }

    #[test]
    fn a_plugins_settings_are_replaced_as_one() {
        let recipe = LOADER.load("policy", vec![]).unwrap();
        let keys: Vec<_> = recipe.plugins.selection_policy.settings.keys().collect();
        assert_eq!(keys, ["quantile"]);
    }

    #[test]
    fn flags_override() {
        let set = |text: &str| text.parse::<Override>().unwrap();
        let flags = vec![set("train.beta=1"), set("run.name = other"), set("model.device=cuda:0")];
        let recipe = LOADER.load("default", flags).unwrap();
        assert_eq!((recipe.train.beta, recipe.run.name.as_str()), (1.0, "other"));
        assert_eq!(recipe.model.device, "cuda:0");
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_errors_that_name_them() {
        let fail = |text: &str| {
            LOADER.load("default", vec![text.parse::<Override>().unwrap()]).unwrap_err().to_string()
        };
        assert_eq!(
            fail("train.betta=1"),
            "--set train.betta=1: a recipe has no `train.betta`; did you mean `train.beta`?"
        );
        let settings = "plugins.verifier.settings";
        assert_eq!(
            fail(&format!("{settings}={{ tolerance = .2 }}")),
            format!(
                "--set {settings}={{ tolerance = .2 }} (read as a text, since as TOML it has a fault: invalid mantissa, expected digits): \
                 {settings} must be a table, not the text \"{{ tolerance = .2 }}\""
            )
        );
        assert!(fail("train.beta=-1").contains("train.beta must be above 0, not -1"));
        assert!(fail("train.beta=nan").contains("train.beta"));
        assert!(fail("sample.top_p=1.5").contains("sample.top_p"));
        assert!(fail("train.schedule=square").contains("square"));
        assert!(LOADER.load("loop", vec![]).unwrap_err().to_string().contains("loop -> loop"));
        let misspelt = LOADER.load("defualt", vec![]).unwrap_err();
        assert!(
            misspelt.to_string().contains("no recipe `defualt`")
                && misspelt.hint().contains("mean `default`")
        );
        assert!(["beta", "=1", "a..b=1"].iter().all(|text| text.parse::<Override>().is_err()));
    }

    #[test]
    fn a_key_that_has_moved_is_named_with_its_new_place() {
        for (section, key, now) in MOVED {
            let flag = format!("{section}.{key}=1").parse::<Override>().unwrap();
            let error = LOADER.load("default", vec![flag]).unwrap_err().to_string();
            assert_eq!(error, format!("--set {section}.{key}=1: {section}.{key} is now {now}"));
            let (section, key) = now.rsplit_once('.').unwrap();
            assert!(TEXT.parse::<Table>().unwrap()[section].get(key).is_some(), "{now}");
        }
        let kept = "[plugins.limits]\nmax_failed_share = 0.1\n";
        assert!(
            Loader::parse("kept", kept).unwrap_err().to_string().contains("is now plugins.max_failed_share")
        );
    }

    #[test]
    fn the_limits_of_the_default_recipe_are_those_of_the_plugins_host() {
        assert_eq!(LOADER.load("default", vec![]).unwrap().plugins.limits, ts_plugin::Limits::default());
    }

    #[test]
    fn an_error_says_the_line_and_keeps_to_one() {
        let fail = |text: &str| Loader::parse("r.toml", text).unwrap_err().to_string();
        assert_eq!(fail("a = 1\n[b\n"), "recipe r.toml: line 2: unclosed table, expected `]`, in `[b`");
        let file = TEXT.replace("\nbeta = ", "\nbeta = \"x\" # ");
        let line = 1 + file.lines().position(|line| line.starts_with("beta = \"x\"")).unwrap();
        assert_eq!(
            fail(&file),
            format!("recipe r.toml:{line}: train.beta must be a number, not the text \"x\"")
        );
        let file = TEXT.replace("\nbeta = ", "\nbeta = -1 # ");
        assert_eq!(fail(&file), format!("recipe r.toml:{line}: train.beta must be above 0, not -1"));
    }

    #[test]
    fn what_a_run_folder_keeps_reads_back_equal() {
        let recipe = LOADER.load("default", vec![]).unwrap();
        assert_eq!(Loader::parse("kept", &recipe.to_toml().unwrap()).unwrap(), recipe);
    }
}
