//! Values that are held in many places, and compared often with themselves.
//!
//! In: a value. Out: a handle that is cheap to clone; two that share a value are equal without a look at it.
//! The counted pointer of the standard library knows this of equality, and not of order.

use std::cmp::Ordering;
use std::ops::Deref;
use std::rc::Rc;

/// A shared value.
#[derive(Debug, PartialEq, Eq)]
pub struct Shared<T: ?Sized>(Rc<T>);

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Rc::clone(&self.0))
    }
}

impl<T: ?Sized + Ord> Ord for Shared<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        if Rc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl<T: ?Sized + Ord> PartialOrd for Shared<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: ?Sized, V: Into<Rc<T>>> From<V> for Shared<T> {
    fn from(value: V) -> Self {
        Shared(value.into())
    }
}
