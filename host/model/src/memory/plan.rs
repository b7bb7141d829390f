//! A plan: bytes by what they are for.

use std::fmt;

use super::bytes::human;

/// What memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The parameters.
    Weights,
    /// Keys and values of tokens that were read.
    Cache,
    /// What layers compute, and in training keep for the backward pass.
    Activations,
    /// Scores of the whole vocabulary.
    Logits,
    /// Sets of gradients: of micro-batches in the making, of those that wait, and their sum.
    Gradients,
    /// The optimiser's moments, and the f32 copy of parameters in half precision.
    Optimiser,
    /// What a checkpoint takes while it is read or written.
    Files,
    /// What the allocator and threads hold beside that.
    Allocator,
}

/// Bytes that a worker's thread and its part of the allocator take before it does anything large; measured.
const BYTES_OF_WORKER: u64 = 64 << 20;

/// One in so many bytes that come and go in small pieces is held by the allocator and used by nobody, where it keeps what is freed;
/// measured.
const SLACK: u64 = 4;
/// The same of activations, whose pieces have many sizes and in long contexts are large.
const SLACK_OF_ACTIVATIONS: u64 = 2;
/// The same of gradients, which are larger pieces of few sizes.
const SLACK_OF_GRADIENTS: u64 = 8;

impl Part {
    /// Its name for people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Cache => "cache",
            Self::Activations => "activations",
            Self::Logits => "logits",
            Self::Gradients => "gradients",
            Self::Optimiser => "optimiser",
            Self::Files => "files",
            Self::Allocator => "allocator",
        }
    }
}

/// Bytes at the fullest point of a stage, by what they are for, in the order of [`Part`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    parts: Vec<(Part, u64)>,
}

impl Plan {
    /// A plan of these parts; those of the same kind are added up, and those of nothing left out.
    pub fn new(parts: impl IntoIterator<Item = (Part, u64)>) -> Self {
        let mut plan = Self::default();
        for (part, bytes) in parts {
            match plan.parts.iter_mut().find(|(other, _)| *other == part) {
                Some((_, sum)) => *sum = sum.saturating_add(bytes),
                None if bytes > 0 => plan.parts.push((part, bytes)),
                None => {}
            }
        }
        plan.parts.sort();
        plan
    }

    /// The one of several points in time that takes the most; the first of equals.
    pub fn fullest(points: impl IntoIterator<Item = Self>) -> Self {
        points.into_iter().reduce(|a, b| if b.total() > a.total() { b } else { a }).unwrap_or_default()
    }

    /// The plan with what the allocator holds for so many workers.
    pub(super) fn with_allocator(self, workers: usize) -> Self {
        let slack = [
            (Part::Cache, SLACK),
            (Part::Logits, SLACK),
            (Part::Activations, SLACK_OF_ACTIVATIONS),
            (Part::Gradients, SLACK_OF_GRADIENTS),
        ]
        .into_iter()
        .fold(0, |sum: u64, (part, slack)| sum.saturating_add(self.of(part) / slack));
        let of_workers = BYTES_OF_WORKER.saturating_mul(workers.max(1) as u64);
        Self::new(self.parts.into_iter().chain([(Part::Allocator, slack.saturating_add(of_workers))]))
    }

    /// The parts that take anything.
    pub fn parts(&self) -> &[(Part, u64)] {
        &self.parts
    }

    /// Bytes of one part.
    pub fn of(&self, part: Part) -> u64 {
        self.parts.iter().find(|(other, _)| *other == part).map_or(0, |(_, bytes)| *bytes)
    }

    /// Bytes of all.
    pub fn total(&self) -> u64 {
        self.parts.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }
}

/// `3.4 GiB (weights 513 MiB, cache 2.9 GiB)`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", human(self.total()))?;
        for (place, (part, bytes)) in self.parts.iter().enumerate() {
            write!(f, "{}{} {}", if place == 0 { " (" } else { ", " }, part.name(), human(*bytes))?;
        }
        if self.parts.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_up_ordered_and_shown() {
        let plan = Plan::new([
            (Part::Logits, 0),
            (Part::Cache, 1 << 20),
            (Part::Weights, 1 << 30),
            (Part::Cache, 1 << 20),
        ]);
        assert_eq!(plan.parts(), [(Part::Weights, 1 << 30), (Part::Cache, 2 << 20)]);
        assert_eq!((plan.of(Part::Cache), plan.of(Part::Files)), (2 << 20, 0));
        assert_eq!(plan.to_string(), "1.0 GiB (weights 1.0 GiB, cache 2.0 MiB)");
        assert_eq!(Plan::default().to_string(), "0 bytes");
    }

    #[test]
    fn the_allocator_holds_a_share_of_what_moves_and_some_for_each_worker() {
        let moving = [(Part::Cache, 100), (Part::Activations, 30), (Part::Logits, 8), (Part::Gradients, 50)];
        let plan = Plan::new([(Part::Weights, 1000)].into_iter().chain(moving));
        assert_eq!(plan.with_allocator(2).of(Part::Allocator), 25 + 15 + 2 + 6 + (128 << 20));
    }

    #[test]
    fn the_fullest_point_counts() {
        let [small, large] = [3, 5].map(|bytes| Plan::new([(Part::Weights, bytes)]));
        assert_eq!(Plan::fullest([small.clone(), large.clone(), small]), large);
        assert_eq!(Plan::fullest([]).total(), 0);
        assert_eq!(Plan::new([(Part::Weights, u64::MAX), (Part::Cache, 1)]).total(), u64::MAX);
    }
}
