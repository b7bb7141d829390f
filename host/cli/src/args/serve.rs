//! `ts-host serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use ts_recipe::Override;

use super::values::{address, at_least_one, key_value, seconds, threads};

/// Flags of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The verifier: a .wasm file, a folder with one, the name of an embedded plugin, or https://… or oci://… with a digest; after it,
    /// runners for a verifier of programs [default: those beside the verifier]
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) plugin: Vec<String>,
    /// A setting of the verifier, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) setting: Vec<(String, Value)>,
    /// A limit of the grader, such as plugins.limits.fuel=4000000000; any value of a recipe's `plugins.limits`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Override>,
    /// Address to listen at; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8377", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Read items from standard input and write answers to standard output, a line each, instead
    #[arg(long, conflicts_with = "listen")]
    pub(crate) stdio: bool,
    /// Show what the plugin says, on standard error: what it logs and what it writes, a hundred lines in ten seconds
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Items graded at once, where none takes long; 0 is one a core
    #[arg(long, default_value_t = 0, value_parser = threads)]
    pub(crate) workers: usize,
    /// Items of one client that may wait; a request that finds no room is answered with 503
    #[arg(long, default_value_t = 4096, value_parser = at_least_one)]
    pub(crate) queue: usize,
    /// Largest body of a request, or line, MiB
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    pub(crate) max_body_mib: usize,
    /// Seconds after which what is left of a request is answered with an error, and its work ends
    #[arg(long, default_value_t = 60, value_parser = seconds)]
    pub(crate) deadline: u64,
    /// Keys, one of which a request must have: lines NAME KEY in a file that only its owner may open; more of them in the environment
    /// as TS_HOST_SERVE_KEYS
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Listen at an address that other machines reach without asking for a key
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) no_key: bool,
    /// A name by which clients reach the service, beside the loopback ones and its address; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// An origin whose pages may ask from a browser, such as https://example.org; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
}
