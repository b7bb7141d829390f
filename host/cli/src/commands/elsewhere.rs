//! Plugins of registries and URLs that a command names are here before it begins, and downloads are said.

use anyhow::Result;
use ts_recipe::{Elsewhere, Recipe};

use super::hub::tell;

/// Downloads what a recipe names and the store does not have, and writes its digest into the recipe. `file` is the recipe's own, whose
/// lock counts.
#[cfg(feature = "training")]
pub(super) fn pin(recipe: &mut Recipe, file: Option<&std::path::Path>) -> Result<()> {
    Ok(Elsewhere::new(&mut tell).pin(recipe, file)?)
}

/// Downloads what flags name by digest and the store does not have. `recipe` has the limit of their size.
pub(super) fn have(recipe: &Recipe, sources: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
    let most = recipe.plugins.limits.component_bytes();
    let have = |source: &str| Elsewhere::new(&mut tell).have(source, most);
    Ok(sources.into_iter().try_for_each(|source| have(source.as_ref()))?)
}
