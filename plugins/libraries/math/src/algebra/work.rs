//! What a computation may cost, and why one can fail.

use std::cell::Cell;

/// Why an expression has no normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The work allowed was used up.
    TooExpensive,
    /// It has no value, or none that this algebra knows: why.
    Undefined(&'static str),
}

/// A result that can be in trouble.
pub type Outcome<T> = Result<T, Trouble>;

/// An allowance of work, in units of about one operation on terms.
#[derive(Debug)]
pub struct Work(Cell<u64>);

impl Work {
    /// An allowance of so many units.
    pub fn new(units: u64) -> Self {
        Work(Cell::new(units))
    }

    /// Takes from the allowance.
    ///
    /// # Errors
    ///
    /// [`Trouble::TooExpensive`] once it is used up.
    pub fn spend(&self, units: u64) -> Outcome<()> {
        match self.0.get().checked_sub(units) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                self.0.set(0);
                Err(Trouble::TooExpensive)
            }
        }
    }

    /// Tries something for a fraction of what is left; none if that was not enough.
    ///
    /// # Errors
    ///
    /// [`Trouble::Undefined`], as the attempt gives it.
    pub fn attempt<T>(&self, fraction: u64, attempt: impl FnOnce(&Work) -> Outcome<T>) -> Outcome<Option<T>> {
        let share = self.left() / fraction;
        let part = Work::new(share);
        let outcome = attempt(&part);
        self.spend(share - part.left())?;
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Trouble::TooExpensive) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.0.get()
    }
}
