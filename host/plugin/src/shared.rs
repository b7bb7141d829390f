//! What the plugins of one host share: whose turn it is, who hears them, and the processes that run programs.

use std::sync::Arc;

use crate::call::gate::Gate;
use crate::call::isolation::Isolation;
use crate::log::LogSink;
use crate::processes::workers::Workers;

/// What the plugins of one host share.
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    /// Most calls at once; at least 1.
    pub(crate) max_parallel: usize,
    pub(crate) isolation: Isolation,
    pub(crate) log: Option<LogSink>,
    /// None where programs are run in this process.
    pub(crate) workers: Option<Workers>,
}
