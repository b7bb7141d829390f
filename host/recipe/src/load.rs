//! From what was typed to a [`Recipe`]: a file, the files that it extends, and the flags over it.
//!
//! `extends = "NAME"` at the top of a file takes another recipe's values first: a shipped one by its name, or
//! a file beside this one. Tables merge key by key, except `settings` tables, which are replaced as one,
//! because they belong to one plugin. A key that no recipe has is an error.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::Recipe;

/// What can be wrong with a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Neither a shipped recipe nor a file.
    #[error("no recipe `{name}`: there is no such file, and the shipped recipes are {}", shipped.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        shipped: Vec<String>,
    },
    /// The file cannot be read.
    #[error("cannot read recipe {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or not a recipe.
    #[error("recipe {name}: {message}")]
    Parse {
        /// Which recipe.
        name: String,
        /// Line, key and reason.
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
    /// A flag that is not `key.key=value`, or names no table.
    #[error("--set {text}: {message}")]
    Override {
        /// The flag's value.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// A value that TOML has no form for.
    #[error("the recipe cannot be written: {message}")]
    Unwritable {
        /// What is wrong.
        message: String,
    },
    /// Values out of their range.
    #[error("recipe out of range: {}", values.join("; "))]
    OutOfRange {
        /// A sentence each.
        values: Vec<String>,
    },
}

impl RecipeError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "`ts-host recipe` lists the shipped recipes",
            _ => "`ts-host recipe default` prints every key with its meaning",
        }
    }
}

/// One value that a flag puts over the recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    path: Vec<String>,
    value: Value,
}

impl Override {
    /// A value at a dotted path, such as `train.beta`.
    pub fn new(path: &str, value: impl Into<Value>) -> Self {
        Self { path: path.split('.').map(str::to_owned).collect(), value: value.into() }
    }

    /// Reads `key.key=value`; the value is TOML, or else a text as it stands.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let wrong = |message: &str| RecipeError::Override { text: text.into(), message: message.into() };
        let (path, value) =
            text.split_once('=').ok_or_else(|| wrong("must be KEY=VALUE, such as train.beta=0.2"))?;
        let (path, value) = (path.trim(), value.trim());
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(wrong("the key must be words joined by dots, such as train.beta"));
        }
        let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
        Ok(Self::new(path, parsed.unwrap_or_else(|| Value::String(value.to_owned()))))
    }

    fn apply(self, table: &mut Table) -> Result<(), RecipeError> {
        let text = self.path.join(".");
        let Some((last, parents)) = self.path.split_last() else { return Ok(()) };
        let mut at = table;
        for key in parents {
            let next = at.entry(key).or_insert_with(|| Value::Table(Table::new()));
            at = next.as_table_mut().ok_or_else(|| RecipeError::Override {
                text: text.clone(),
                message: format!("`{key}` is a value, not a table"),
            })?;
        }
        // A whole number where the recipe has a fraction is that fraction.
        let value = match (at.get(last), self.value) {
            (Some(Value::Float(_)), Value::Integer(n)) => Value::Float(n as f64),
            (_, value) => value,
        };
        at.insert(last.clone(), value);
        Ok(())
    }
}

/// Characters of a line at fault that an error shows.
const LINE_CHARACTERS: usize = 200;

/// Keys that stand elsewhere than in recipes of before, each with its place now.
const MOVED: [(&str, &str, &str); 3] = [
    ("eval", "budget_tokens", "report.budget_tokens"),
    ("eval", "bootstrap_resamples", "report.bootstrap_resamples"),
    ("plugins.limits", "max_failed_share", "plugins.max_failed_share"),
];

/// Refuses a key that has moved, and says where to.
fn forbid_moved(name: &str, table: &Table) -> Result<(), RecipeError> {
    for (section, key, now) in MOVED {
        let mut at = Some(table);
        for part in section.split('.') {
            at = at.and_then(|table| table.get(part)?.as_table());
        }
        if at.is_some_and(|table| table.contains_key(key)) {
            let message = format!("{section}.{key} is now {now}");
            return Err(RecipeError::Parse { name: name.to_owned(), message });
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
        from_table(name, self.table(name, None, &mut Vec::new())?, overrides)
    }

    /// A recipe that is complete in itself, such as the one that a run folder keeps.
    pub fn parse(name: &str, text: &str) -> Result<Recipe, RecipeError> {
        let table: Table = text.parse().map_err(|e| parse_error(name, text, &e))?;
        forbid_moved(name, &table)?;
        let recipe: Recipe = toml::from_str(text).map_err(|e| parse_error(name, text, &e))?;
        recipe.validate()?;
        Ok(recipe)
    }

    fn table(
        &self,
        name: &str,
        beside: Option<&Path>,
        chain: &mut Vec<String>,
    ) -> Result<Table, RecipeError> {
        if chain.iter().any(|seen| seen == name) {
            chain.push(name.to_owned());
            return Err(RecipeError::Cycle { name: name.to_owned(), chain: chain.clone() });
        }
        chain.push(name.to_owned());
        let (text, folder) = self.text(name, beside)?;
        let mut table: Table = text.parse().map_err(|e| parse_error(name, &text, &e))?;
        let Some(base) = table.remove("extends") else { return Ok(table) };
        let Value::String(base) = base else {
            return Err(RecipeError::Parse {
                name: name.to_owned(),
                message: "`extends` must be the name of a recipe".into(),
            });
        };
        let mut merged = self.table(&base, folder.as_deref(), chain)?;
        merge(&mut merged, table);
        Ok(merged)
    }

    fn text(&self, name: &str, beside: Option<&Path>) -> Result<(String, Option<PathBuf>), RecipeError> {
        if let Some((_, text)) = self.shipped.iter().find(|(shipped, _)| *shipped == name) {
            return Ok(((*text).to_owned(), None));
        }
        let path = beside.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((text, Some(path.parent().map_or_else(PathBuf::new, Path::to_owned)))),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Err(RecipeError::Unknown {
                name: name.to_owned(),
                shipped: self.shipped.iter().map(|(name, _)| (*name).to_owned()).collect(),
            }),
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
        let text = self.to_toml()?;
        let table: Table = text.parse().map_err(|e| parse_error(&self.run.name, &text, &e))?;
        from_table(&self.run.name, table, overrides)
    }
}

/// A recipe of values that stand in no file, with `overrides` put over them, in order. Through text: an error then shows the line at fault all the same.
fn from_table(name: &str, mut table: Table, overrides: Vec<Override>) -> Result<Recipe, RecipeError> {
    for value in overrides {
        value.apply(&mut table)?;
    }
    forbid_moved(name, &table)?;
    let wrong = |message: String| RecipeError::Parse { name: name.to_owned(), message };
    let text = toml::to_string(&table).map_err(|error| wrong(error.to_string()))?;
    let recipe: Recipe = toml::from_str(&text)
        .map_err(|error| wrong(format!("{}{}", error.message(), line_at_fault(&text, &error).1)))?;
    recipe.validate()?;
    Ok(recipe)
}

/// An error in a file, with its line.
fn parse_error(name: &str, text: &str, error: &toml::de::Error) -> RecipeError {
    let (number, line) = line_at_fault(text, error);
    let at = number.map(|number| format!("line {number}: ")).unwrap_or_default();
    RecipeError::Parse { name: name.to_owned(), message: format!("{at}{}{line}", error.message()) }
}

/// The number of the line, from 1, and the line itself as the end of a sentence.
fn line_at_fault(text: &str, error: &toml::de::Error) -> (Option<usize>, String) {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return (None, String::new());
    };
    let index = before.matches('\n').count();
    let line = text.lines().nth(index).unwrap_or_default().trim();
    (Some(index + 1), format!(", in `{}`", ts_text::line(line).at_most(LINE_CHARACTERS)))
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

    const DEFAULT: &str = include_str!("../../../recipes/default.toml");
    const SHIPPED: &[(&str, &str)] = &[
        ("default", DEFAULT),
        ("longer", "extends = \"default\"\n[sample]\nn_samples = 64\n"),
        ("loop", "extends = \"loop\"\n"),
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
    fn a_plugins_settings_are_replaced_as_one() {
        let recipe = LOADER.load("policy", vec![]).unwrap();
        let keys: Vec<_> = recipe.plugins.selection_policy.settings.keys().collect();
        assert_eq!(keys, ["quantile"]);
    }

    #[test]
    fn flags_override() {
        let set = |text: &str| Override::parse(text).unwrap();
        let flags = vec![set("train.beta=1"), set("run.name = other"), set("model.device=cuda:0")];
        let recipe = LOADER.load("default", flags).unwrap();
        assert_eq!((recipe.train.beta, recipe.run.name.as_str()), (1.0, "other"));
        assert_eq!(recipe.model.device, "cuda:0");
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_errors_that_name_them() {
        let fail = |text: &str| {
            LOADER.load("default", vec![Override::parse(text).unwrap()]).unwrap_err().to_string()
        };
        assert!(fail("train.betta=1").contains("betta"));
        assert!(fail("train.beta=-1").contains("train.beta must be above 0, not -1"));
        assert!(fail("train.beta=nan").contains("train.beta"));
        assert!(fail("sample.top_p=1.5").contains("sample.top_p"));
        assert!(fail("train.schedule=square").contains("square"));
        assert!(LOADER.load("loop", vec![]).unwrap_err().to_string().contains("loop -> loop"));
        assert!(LOADER.load("nowhere", vec![]).unwrap_err().to_string().contains("default, longer"));
        assert!(Override::parse("beta").is_err());
    }

    #[test]
    fn a_key_that_has_moved_is_named_with_its_new_place() {
        for (section, key, now) in MOVED {
            let flag = Override::parse(&format!("{section}.{key}=1")).unwrap();
            let error = LOADER.load("default", vec![flag]).unwrap_err().to_string();
            assert_eq!(error, format!("recipe default: {section}.{key} is now {now}"));
            let (section, key) = now.rsplit_once('.').unwrap();
            assert!(DEFAULT.parse::<Table>().unwrap()[section].get(key).is_some(), "{now}");
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
        let hostile = fail("\"\\u001b[2J\\nready to run\" = 1\n");
        assert!(hostile.contains(r#"in `"\u001b[2J\nready to run" = 1`"#), "{hostile}");
        let flag = Override::parse("train.betta=1").unwrap();
        let unseen = LOADER.load("default", vec![flag]).unwrap_err().to_string();
        assert!(unseen.ends_with("in `betta = 1`") && !unseen.contains("line "), "{unseen}");
    }

    #[test]
    fn what_a_run_folder_keeps_reads_back_equal() {
        let recipe = LOADER.load("default", vec![]).unwrap();
        assert_eq!(Loader::parse("kept", &recipe.to_toml().unwrap()).unwrap(), recipe);
    }
}
