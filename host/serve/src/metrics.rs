//! What the service counts, in the text format of Prometheus.
//!
//! In: requests and items as they are done. Out: the text. Rates and percentiles can be computed from the
//! counters.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper ends of the buckets of latency, seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<u16, u64>,
    items: BTreeMap<&'static str, u64>,
    /// Requests to grade by latency, each in one bucket; those beyond the last are in none.
    buckets: [u64; BUCKETS.len()],
    seconds: f64,
    timed: u64,
    in_flight: u64,
    put_back: u64,
}

impl Metrics {
    /// A request was answered with this status.
    pub(crate) fn request(&self, status: u16) {
        *self.counts().requests.entry(status).or_default() += 1;
    }

    /// A request to grade was answered in full after this time.
    pub(crate) fn graded(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let mut counts = self.counts();
        if let Some(bucket) = BUCKETS.iter().position(|end| seconds <= *end) {
            counts.buckets[bucket] += 1;
        }
        counts.seconds += seconds;
        counts.timed += 1;
    }

    /// An item was answered; see [`crate::Answer::outcome`].
    pub(crate) fn item(&self, outcome: &'static str) {
        *self.counts().items.entry(outcome).or_default() += 1;
    }

    /// A worker begins an item.
    pub(crate) fn begin(&self) {
        self.counts().in_flight += 1;
    }

    /// A worker is done with it.
    pub(crate) fn end(&self) {
        self.counts().in_flight -= 1;
    }

    /// An item was put back for another client.
    pub(crate) fn put_back(&self) {
        self.counts().put_back += 1;
    }

    /// Everything. `queued` is how many items wait.
    pub(crate) fn text(&self, queued: usize) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{line}");
        };
        line(format_args!("# HELP ts_serve_requests_total Requests answered, by status."));
        line(format_args!("# TYPE ts_serve_requests_total counter"));
        for (status, n) in &counts.requests {
            line(format_args!("ts_serve_requests_total{{status=\"{status}\"}} {n}"));
        }
        line(format_args!("# HELP ts_serve_items_total Items answered, by verdict or by kind of error."));
        line(format_args!("# TYPE ts_serve_items_total counter"));
        for (outcome, n) in &counts.items {
            line(format_args!("ts_serve_items_total{{outcome=\"{outcome}\"}} {n}"));
        }
        line(format_args!("# HELP ts_serve_request_seconds From a request to grade to its answer."));
        line(format_args!("# TYPE ts_serve_request_seconds histogram"));
        let mut below = 0;
        for (end, n) in BUCKETS.iter().zip(counts.buckets) {
            below += n;
            line(format_args!("ts_serve_request_seconds_bucket{{le=\"{end}\"}} {below}"));
        }
        line(format_args!("ts_serve_request_seconds_bucket{{le=\"+Inf\"}} {}", counts.timed));
        line(format_args!("ts_serve_request_seconds_sum {}", counts.seconds));
        line(format_args!("ts_serve_request_seconds_count {}", counts.timed));
        line(format_args!("# HELP ts_serve_queue_items Items that wait for a worker."));
        line(format_args!("# TYPE ts_serve_queue_items gauge"));
        line(format_args!("ts_serve_queue_items {queued}"));
        line(format_args!("# HELP ts_serve_in_flight_items Items that are being graded."));
        line(format_args!("# TYPE ts_serve_in_flight_items gauge"));
        line(format_args!("ts_serve_in_flight_items {}", counts.in_flight));
        line(format_args!(
            "# HELP ts_serve_put_back_items_total Times that an item made room for another client's."
        ));
        line(format_args!("# TYPE ts_serve_put_back_items_total counter"));
        line(format_args!("ts_serve_put_back_items_total {}", counts.put_back));
        text
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_all_that_is_below_their_end() {
        let metrics = Metrics::default();
        for ms in [1, 2, 400, 100_000] {
            metrics.graded(Duration::from_millis(ms));
        }
        metrics.request(200);
        metrics.item("correct");
        metrics.begin();
        let text = metrics.text(3);
        for line in [
            "ts_serve_request_seconds_bucket{le=\"0.001\"} 1",
            "ts_serve_request_seconds_bucket{le=\"0.25\"} 2",
            "ts_serve_request_seconds_bucket{le=\"60\"} 3",
            "ts_serve_request_seconds_bucket{le=\"+Inf\"} 4",
            "ts_serve_requests_total{status=\"200\"} 1",
            "ts_serve_items_total{outcome=\"correct\"} 1",
            "ts_serve_queue_items 3",
            "ts_serve_in_flight_items 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in: {text}");
        }
    }
}
