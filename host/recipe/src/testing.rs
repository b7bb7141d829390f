//! What the tests of several sections need.

use crate::{Loader, Override, Recipe};

/// The default recipe.
pub(crate) const DEFAULT: &str = include_str!("../../../recipes/default.toml");

/// The default recipe with changes, each as `--set` takes it; or what is wrong with them.
pub(crate) fn load(changes: &[&str]) -> Result<Recipe, String> {
    let loader = Loader { shipped: &[("default", DEFAULT)] };
    let changes = changes.iter().map(|change| change.parse::<Override>().unwrap()).collect();
    loader.load("default", changes).map_err(|error| error.to_string())
}
