//! Tests of the whole: what no single crate can test alone. The tests are in `tests/`, their data in `data/`.
//!
//! | test | what it holds fast |
//! |---|---|
//! | `plugins` | what every plugin that ships describes and answers, as built, on the real host |
//!
//! In: the built plugins. Out: nothing; this crate has no code of its own. Left out on purpose: what a crate's
//! own tests cover.
