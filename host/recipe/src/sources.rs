//! Where a value of a recipe was set: a line of a file, or a flag. For what is said of a value that is wrong.

use std::fmt;

use toml::de::{DeTable, DeValue};

use crate::Override;

/// The texts that a recipe was made of.
#[derive(Default)]
pub(crate) struct Sources {
    /// Files and shipped recipes with their texts, the one that was asked for last.
    pub(crate) texts: Vec<(String, String)>,
    /// Flags, in their order; they stand over every text.
    pub(crate) flags: Vec<Override>,
}

/// Where a value was set.
pub(crate) enum Place<'a> {
    /// The flag.
    Flag(&'a Override),
    /// The line of a recipe, from 1.
    Line(&'a str, usize),
    /// The recipe, where no text of it has the key.
    Recipe(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Line(name, line) => write!(f, "recipe {name}:{line}"),
            Self::Recipe(name) => write!(f, "recipe {name}"),
        }
    }
}

impl Sources {
    /// Where a key, written with dots, or what is nearest above it, was set last.
    pub(crate) fn place<'a>(&'a self, key: &str, recipe: &'a str) -> Place<'a> {
        let path: Vec<&str> = key.split('.').collect();
        if let Some(flag) = self.flags.iter().rev().find(|flag| flag.sets(&path)) {
            return Place::Flag(flag);
        }
        let lines = self.texts.iter().rev().filter_map(|(name, text)| {
            let (depth, line) = line_of(text, &path)?;
            Some((depth, Place::Line(name, line)))
        });
        // Of several that go as deep the one that is over the others.
        let deepest = lines.reduce(|best, next| if next.0 > best.0 { next } else { best });
        deepest.map_or(Place::Recipe(recipe), |(_, place)| place)
    }
}

/// How many keys of a path a text has, one in the other, and the line of the last of them.
fn line_of(text: &str, path: &[&str]) -> Option<(usize, usize)> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    for (depth, name) in path.iter().enumerate() {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        let before = text.get(..key.span().start)?;
        found = Some((depth + 1, before.matches('\n').count() + 1));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_where_it_was_set_last() {
        let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let sources = Sources {
            texts: vec![
                text("base", "[run]\nname = 'b'\n[train]\nbeta = 1\nlambda = 2\n"),
                text("over.toml", "extends = 'base'\n\n[train]\nbeta = 2\ninner = { deep = 1 }\n"),
            ],
            flags: vec!["train.lambda=3".parse::<Override>().unwrap(), Override::new("eval", "x")],
        };
        let place = |key: &str| sources.place(key, "over.toml").to_string();
        assert_eq!(place("train.beta"), "recipe over.toml:4");
        assert_eq!(place("train.inner.deep"), "recipe over.toml:5");
        assert_eq!(place("run.name"), "recipe base:2");
        assert_eq!(place("train.lambda"), "--set train.lambda=3");
        assert_eq!(place("eval.n_runs"), "eval = \"x\"");
        assert_eq!(place("train.missing"), "recipe over.toml:3");
        assert_eq!(place("sample"), "recipe over.toml");
        assert_eq!(place("train"), "--set train.lambda=3");
    }
}
