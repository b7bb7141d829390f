//! How long a call may take: the backstop behind its fuel.
//!
//! In: a limit in milliseconds of processor time, and a look at it now and then from the thread of the call.
//! Out: whether the call has had its time. Processor time is what the thread itself was given, so that a call
//! has as much of it on a machine with a hundred other things to do as on an idle one, and its waiting for
//! others costs it nothing.
//!
//! Time on the wall bounds a machine that stands still, and nothing else: [`STANDSTILL`] times the limit, and
//! ten minutes at least. Where the system does not tell the processor time of a thread (it does on Linux,
//! macOS and the BSDs), that bound is the only one.
//!
//! The time before the first look, an epoch at most, is not counted. To read the clock as a call begins would
//! cost a short call more than its work.

use std::time::{Duration, Instant};

/// How many times its processor time a call may take on the wall.
const STANDSTILL: u32 = 100;
/// No shorter time on the wall is too long.
const STANDSTILL_LEAST: Duration = Duration::from_secs(600);

/// When a call has had its time.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    limit: Duration,
    /// The first look.
    since: Option<Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    processor: Option<Duration>,
    wall: Instant,
}

impl Deadline {
    /// For a call that may take so many milliseconds of its thread's processor time.
    pub(crate) fn new(processor_ms: u64) -> Self {
        Self { limit: Duration::from_millis(processor_ms), since: None }
    }

    /// Looks at the clocks. To be called on the thread of the call.
    pub(crate) fn is_over(&mut self) -> bool {
        self.is_over_at(Look { processor: processor_time(), wall: Instant::now() })
    }

    fn is_over_at(&mut self, now: Look) -> bool {
        let since = *self.since.get_or_insert(now);
        let took = now.processor.zip(since.processor).map(|(now, since)| now.saturating_sub(since));
        let standstill = self.limit.saturating_mul(STANDSTILL).max(STANDSTILL_LEAST);
        took.is_some_and(|took| took >= self.limit) || now.wall.duration_since(since.wall) >= standstill
    }
}

/// What the system has given to this thread, if it reports that.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?))
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_decides_and_the_wall_only_when_it_stands_still() {
        let began = Instant::now();
        let at = |processor_ms: u64, wall_s: u64| Look {
            processor: Some(Duration::from_millis(processor_ms)),
            wall: began + Duration::from_secs(wall_s),
        };
        let over = |limit_ms, now| {
            let mut deadline = Deadline::new(limit_ms);
            assert!(!deadline.is_over_at(at(5, 0)), "the first look starts the clocks");
            deadline.is_over_at(now)
        };
        assert!(!over(50, at(54, 599)));
        assert!(over(50, at(55, 0)));
        assert!(over(50, at(5, 600)), "ten minutes at least");
        assert!(!over(10_000, at(5, 999)), "a hundred times the limit");
        assert!(over(10_000, at(5, 1000)));
    }

    #[test]
    fn without_a_processor_clock_the_wall_alone_counts() {
        let began = Instant::now();
        let at = |wall_s| Look { processor: None, wall: began + Duration::from_secs(wall_s) };
        let mut deadline = Deadline::new(50);
        assert!(![0, 599].map(|wall_s| deadline.is_over_at(at(wall_s))).contains(&true));
        assert!(deadline.is_over_at(at(600)));
    }

    /// The clock is the thread's: another one's work does not move it on.
    #[cfg(unix)]
    #[test]
    fn the_clock_counts_this_thread_s_work_alone() {
        let burn = |least: Duration| {
            let began = processor_time().unwrap();
            while processor_time().unwrap() - began < least {
                std::hint::black_box(0);
            }
        };
        let before = processor_time().unwrap();
        std::thread::spawn(move || burn(Duration::from_millis(200))).join().unwrap();
        assert!(processor_time().unwrap() - before < Duration::from_millis(100));
        burn(Duration::from_millis(1));
        assert!(processor_time().unwrap() - before >= Duration::from_millis(1));
    }
}
