//! A verifier as a service: other trainers have their responses graded by a sandboxed plugin.
//!
//! In: an opened verifier, and items (a problem and a response each) as JSON, over HTTP ([`serve`]) or as
//! lines ([`stdio`]). Out: an answer for each item, in the order of the items: a verdict, or an error that
//! says what failed. A grader that fails is never counted as a wrong answer; the client decides what becomes
//! of such a response.
//!
//! Whatever comes in is bounded: who may ask, the size of a request, the items of a client that wait, the
//! bytes that are held, the connections, and the time that a client waits. Clients are served in turn by the
//! time that their work takes, and work that nobody waits for any more ends.
//!
//! Reading order: `items` and `answer` (the two shapes of JSON), `client`, `queue` (whose turn it is) and
//! `service` (how an item is graded), `door` (who may ask), `http` (connections and requests), `stdio`;
//! `budget` and `metrics` beside them.
//!
//! TLS and quotas belong to a proxy before the service. The address is a loopback one unless the user says
//! otherwise.

mod answer;
mod budget;
mod client;
mod door;
mod http;
mod items;
mod metrics;
mod options;
mod queue;
mod refusal;
mod service;
mod stdio;

pub use answer::{Answer, Failure};
pub use door::Door;
pub use http::serve;
pub use options::Options;
pub use service::Service;
pub use stdio::stdio;
