//! What to try again, and how long to wait before.

use std::time::Duration;

/// How often a request is tried.
const TRIES: u32 = 5;

/// The longest wait between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why one request failed.
#[derive(Debug)]
pub enum Failed<E> {
    /// It may go well the next time, at the earliest after so long.
    ForNow(String, Option<Duration>),
    /// It will not.
    ForGood(E),
}

/// Why nothing came of a request.
#[derive(Debug)]
pub enum GaveUp<E> {
    /// It failed for now, again and again.
    Unreachable {
        /// How often.
        tries: u32,
        /// The last reason.
        reason: String,
    },
    /// It failed for good.
    ForGood(E),
}

/// Tries until it goes well, with pauses that double.
///
/// # Errors
/// [`GaveUp`].
pub fn tried<T, E>(mut once: impl FnMut() -> Result<T, Failed<E>>) -> Result<T, GaveUp<E>> {
    let mut tries = 1;
    loop {
        match once() {
            Ok(done) => return Ok(done),
            Err(Failed::ForGood(error)) => return Err(GaveUp::ForGood(error)),
            Err(Failed::ForNow(reason, _)) if tries == TRIES => {
                return Err(GaveUp::Unreachable { tries, reason });
            }
            Err(Failed::ForNow(_, asked)) => {
                let pause = Duration::from_millis(250 << tries);
                std::thread::sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE));
                tries += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_for_now_is_tried_again_and_what_fails_for_good_is_not() {
        let at_once = Some(Duration::ZERO);
        let mut n = 0;
        let third = tried(|| {
            n += 1;
            if n == 3 { Ok(n) } else { Err(Failed::<()>::ForNow("busy".to_owned(), at_once)) }
        });
        assert!(matches!(third, Ok(3)));
        let never = tried(|| Err::<(), _>(Failed::<()>::ForNow("busy".to_owned(), at_once)));
        assert!(matches!(never, Err(GaveUp::Unreachable { tries: TRIES, reason }) if reason == "busy"));
        let mut n = 0;
        let refused = tried(|| {
            n += 1;
            Err::<(), _>(Failed::ForGood("no"))
        });
        assert!(matches!(refused, Err(GaveUp::ForGood("no"))) && n == 1);
    }
}
