//! Checkpoints and data of the Hugging Face hub, in the hub's own cache on disk.
//!
//! In: a [`Name`], such as `Qwen/Qwen3-0.6B@main`. Out: a folder or a file on this disk. What the cache has is taken from there, without
//! asking the hub whether it has changed; [`Hub::fetch_model`] and [`Hub::fetch_file`] download what it has not.
//!
//! A text means the hub if it can mean nothing else: `hub:` or a revision stands in it, or it has the form `org/name` and no such folder is
//! there ([`model_place`]). A folder or file that exists is never looked for on the hub unless `hub:` says so.
//!
//! | variable | what it says |
//! |---|---|
//! | `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME` | where the cache is: by default `~/.cache/huggingface/hub` |
//! | `HF_ENDPOINT` | which hub: by default `https://huggingface.co` |
//! | `HF_TOKEN`, `HF_TOKEN_PATH`, or `token` in `HF_HOME` | who asks |
//! | `HF_HUB_OFFLINE` | `1`: nothing is downloaded |
//!
//! The token goes to the endpoint alone: to no other host that it redirects to, and to no host in plain HTTP but this machine. Nothing
//! that is printed holds it.

mod cache;
mod download;
mod error;
mod name;
mod place;
mod remote;
mod token;

pub use self::cache::{Cache, name_of};
pub use self::download::{Hub, Listener};
pub use self::error::Error;
pub use self::name::{DataFile, Kind, Name};
pub use self::place::{Place, data_place, model_place};
