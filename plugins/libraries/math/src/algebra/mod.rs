//! Exact algebra: a normal form for expressions.
//!
//! An expression becomes a sum of terms, a term a rational coefficient times powers of atoms ([`sum`]): names, π,
//! e, i, primes under roots, functions, and sums that cannot be multiplied out. Powers ([`power`], [`number`]) and
//! functions ([`function`]) know their exact values; [`normal`] walks the tree. Two expressions with one normal form are
//! equal. The converse holds for polynomials, and for roots of positive rationals; beyond, [`crate::decide`] has
//! the last word.
//!
//! Reals are meant wherever i is not written: `\sqrt[3]{-8}` is −2, `\sqrt{x^2}` is |x|, and an identity
//! counts where both sides are real.
//!
//! Every step is paid for ([`work`]), so no expression takes long.

pub mod function;
pub mod normal;
mod number;
pub mod power;
mod range;
mod settle;
mod shared;
pub mod substitute;
pub mod sum;
pub mod work;

pub use normal::normal;
pub(crate) use number::ratio;
pub(crate) use range::RUNNING;
pub use shared::Shared;
pub(crate) use sum::WHOLE;
pub use sum::{Atom, Monomial, Sum, Term};
pub use work::{Outcome, Trouble, Work};
