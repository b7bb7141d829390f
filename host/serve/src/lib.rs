//! A verifier as a service: other trainers have their responses graded by a sandboxed plugin.
//!
//! In: an opened verifier, and items (a problem and a response each) as JSON, over HTTP ([`serve`]) or as lines
//! ([`stdio`]). Out: an answer for each item, in the order of the items: a verdict, or an error that says what failed. A
//! grader that fails is never counted as a wrong answer; the client decides what becomes of such a response.
//!
//! Whatever comes in is bounded: the size of a request, the items that wait, the bytes that are held, the connections, and
//! the time that a client waits.
//!
//! Reading order: `item` and `answer` (the two shapes of JSON), `queue` and `service` (how an item is graded), `http`
//! and `impatient` (connections), `routes` (requests), `stdio`; `budget` and `metrics` beside them.
//!
//! Left out on purpose: TLS, passwords, and which plugin is served. The address is a loopback one unless the user says
//! otherwise, and what is put before it can do the rest.

mod answer;
mod budget;
mod http;
mod impatient;
mod item;
mod metrics;
mod options;
mod queue;
mod refusal;
mod routes;
mod service;
mod stdio;

pub use answer::{Answer, Failure};
pub use http::serve;
pub use options::Options;
pub use service::Service;
pub use stdio::stdio;
