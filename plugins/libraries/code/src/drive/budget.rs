//! The time that all tests of a response have together.
//!
//! A response has so many tests as its problem, each with a time limit: without a total, a program that loops
//! would cost the limit times the number of tests. Time is counted as fuel, so that it is used up at the same
//! instruction on every machine.
//!
//! In: what runs used. Out: what the next may use. Compilation happens once for a text, and has limits of its
//! own.

use std::cell::Cell;

use crate::runner::{Ending, FUEL_PER_MS, Limits, Ran};

/// What is left of a response's time.
#[derive(Debug)]
pub(crate) struct Budget {
    fuel: Cell<u64>,
}

impl Budget {
    pub(crate) fn of_ms(time_ms: u32) -> Self {
        Budget { fuel: Cell::new(u64::from(time_ms) * FUEL_PER_MS) }
    }

    /// Limits within what is left; none if that is less than a millisecond.
    pub(super) fn within(&self, limits: Limits) -> Option<Limits> {
        let left = u32::try_from(self.fuel.get() / FUEL_PER_MS).unwrap_or(u32::MAX);
        (left > 0).then_some(Limits { time_ms: limits.time_ms.min(left), ..limits })
    }

    /// Counts what a run used.
    pub(super) fn spend(&self, ran: &Ran) {
        self.fuel.set(self.fuel.get().saturating_sub(ran.fuel));
    }
}

/// Whether a run was stopped by less than the limit that it should have had.
pub(super) fn was_cut_short(ran: &Ran, had: Limits, due: Limits) -> bool {
    ran.ending == Ending::TimeLimit && had.time_ms < due.time_ms
}
