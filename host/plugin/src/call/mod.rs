//! A call: when its turn comes, in which instance it is made, what ends it, and why it gave no answer.

pub(crate) mod call_error;
pub(crate) mod cancel;
pub(crate) mod deadline;
pub(crate) mod gate;
pub(crate) mod instance;
pub(crate) mod isolation;
pub(crate) mod lanes;
pub(crate) mod pool;
pub(crate) mod state;
