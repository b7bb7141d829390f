//! What somebody may have meant who wrote a name that there is not.

/// The name that a word was most likely meant to be: the one with the fewest letters typed wrong, left out, too many or in
/// the wrong order, if these are at most a third of the word's; of several the first.
///
/// ```
/// assert_eq!(ts_text::nearest("rnu", ["report", "run"]), Some("run"));
/// assert_eq!(ts_text::nearest("selection_polcy", ["verifier", "selection-policy"]), Some("selection-policy"));
/// assert_eq!(ts_text::nearest("train", ["report", "run"]), None);
/// ```
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let word = plain(word);
    let most = word.chars().count().div_ceil(3);
    let distance = |name: &'a str| (strsim::osa_distance(&word, &plain(name)), name);
    let near = names.into_iter().map(distance).filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}
