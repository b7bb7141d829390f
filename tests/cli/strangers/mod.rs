//! What comes from strangers: settings and files that are wrong, checkpoints and plugins that mean harm, and
//! what is shown of them.

mod bad_input;
mod checkpoints;
mod outside;
mod plugins;
