//! Why a request as a whole got no answers.
//!
//! In: what was wrong. Out: a status, and a [`Failure`] as its body:
//! `{"error": {"kind", "message", "hint"}}`. A grader that fails is not refused: that is the answer to a
//! single item.

use crate::answer::Failure;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// The body is not what it should be; the text says what and where.
    Malformed(String),
    /// The body has more bytes than this.
    BodyTooLarge(usize),
    /// More items than can ever wait.
    TooManyItems { items: usize, most: usize },
    /// The body did not arrive in time.
    Slow,
    /// The connection broke off.
    Broken,
    /// As many items wait as may.
    QueueFull,
    /// As many bytes are held as may be.
    MemoryFull,
    /// Nothing is at this path.
    NoSuchPath(String),
    /// The path takes this method only.
    WrongMethod(&'static str),
    /// What is posted does not say that it is JSON.
    NotJson,
    /// It is sent to another host.
    WrongHost,
    /// A page of others sends it.
    CrossSite,
    /// It has no key, or none that is known.
    NoKey,
    /// The time was up before the request was read.
    Late,
    /// The host failed at it.
    Internal,
}

impl Refusal {
    /// The status of the answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Broken => 400,
            Self::NoKey => 401,
            Self::CrossSite => 403,
            Self::NoSuchPath(_) => 404,
            Self::WrongMethod(_) => 405,
            Self::Slow => 408,
            Self::BodyTooLarge(_) | Self::TooManyItems { .. } => 413,
            Self::NotJson => 415,
            Self::WrongHost => 421,
            Self::Internal => 500,
            Self::QueueFull | Self::MemoryFull | Self::Late => 503,
        }
    }

    /// The header that belongs to the status, if one does.
    pub(crate) fn header(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::QueueFull | Self::MemoryFull | Self::Late => Some(("retry-after", "1")),
            Self::NoKey => Some(("www-authenticate", "Bearer")),
            Self::WrongMethod(method) => Some(("allow", method)),
            _ => None,
        }
    }

    /// What is said about it.
    pub(crate) fn failure(&self) -> Failure {
        let (kind, message, hint) = match self {
            Self::Malformed(what) => (
                "malformed",
                what.clone(),
                "an item is {\"id\"?, \"prompt\"?, \"reference\", \"response\", …}, a batch {\"items\": […]}",
            ),
            Self::BodyTooLarge(most) => (
                "too_large",
                format!("the body has more than {most} bytes"),
                "send fewer items at once, or give --max-body-mib more",
            ),
            Self::TooManyItems { items, most } => (
                "too_large",
                format!("{items} items, and {most} may wait"),
                "send fewer items at once, or give --queue more",
            ),
            Self::Slow => ("slow", "the body did not arrive in time".to_owned(), "send it at once"),
            Self::Broken => ("broken", "the body broke off".to_owned(), "send it whole"),
            Self::QueueFull => (
                "full",
                "as many items of yours wait as may".to_owned(),
                "come back after the seconds in Retry-After",
            ),
            Self::MemoryFull => (
                "full",
                "as many bytes of requests are held as may be, or as many of yours".to_owned(),
                "come back after the seconds in Retry-After",
            ),
            Self::NoSuchPath(path) => (
                "no_such_path",
                format!("nothing is at {path}"),
                "POST /v1/grade, GET /health and GET /metrics are",
            ),
            Self::WrongMethod(method) => {
                ("wrong_method", format!("the path takes {method} only"), "use that method")
            }
            Self::NotJson => (
                "not_json",
                "what is posted must be JSON and say so".to_owned(),
                "send the header Content-Type: application/json, and no Content-Encoding",
            ),
            Self::WrongHost => (
                "wrong_host",
                "the request names a host that is not this service".to_owned(),
                "use the address that the service listens at, or start it with --allow-host NAME",
            ),
            Self::CrossSite => (
                "cross_site",
                "the request comes from a page of another site".to_owned(),
                "start the service with --allow-origin ORIGIN if the page may ask",
            ),
            Self::NoKey => (
                "no_key",
                "the request has no key that this service knows".to_owned(),
                "send the header Authorization: Bearer KEY",
            ),
            Self::Late => (
                "late",
                "the time was up before the request was read".to_owned(),
                "come back after the seconds in Retry-After",
            ),
            Self::Internal => (
                "internal",
                "the host failed at this request".to_owned(),
                "this is a fault in ts-host; tell its authors",
            ),
        };
        Failure { kind, message, hint: Some(hint.to_owned()) }
    }
}
