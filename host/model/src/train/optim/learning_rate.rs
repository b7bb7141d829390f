//! The learning rate as a function of the step.
//!
//! In: the schedule and a step, counted from 0. Out: the learning rate of that step. It rises linearly over
//! the warm-up, so that step `warmup_steps − 1` has the peak, and then falls to `final_ratio` of the peak at
//! the last step.
//!
//! No schedule looks at the loss. Each is a pure function, so resuming needs only the step.

use std::f64::consts::PI;

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// Not at all.
    Constant,
    /// In equal parts.
    Linear,
    /// Along half a cosine.
    Cosine,
}

/// A schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRate {
    /// The highest learning rate.
    pub peak: f64,
    /// Steps until it is reached; 0 begins with it.
    pub warmup_steps: usize,
    /// Steps of the whole run; later steps have the last one's rate.
    pub total_steps: usize,
    /// How it falls.
    pub decay: Decay,
    /// The last step's rate as a share of the peak, 0 to 1. Without effect on [`Decay::Constant`].
    pub final_ratio: f64,
}

impl LearningRate {
    /// The learning rate of `step`, which counts from 0.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let steps_of_decay = self.total_steps.saturating_sub(self.warmup_steps + 1).max(1);
        let progress = ((step - self.warmup_steps) as f64 / steps_of_decay as f64).min(1.0);
        let remaining = match self.decay {
            Decay::Constant => return self.peak,
            Decay::Linear => 1.0 - progress,
            Decay::Cosine => 0.5 * (1.0 + (PI * progress).cos()),
        };
        self.peak * (self.final_ratio + (1.0 - self.final_ratio) * remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decay: Decay) -> LearningRate {
        LearningRate { peak: 8.0, warmup_steps: 4, total_steps: 9, decay, final_ratio: 0.25 }
    }

    fn rates(schedule: LearningRate) -> Vec<f64> {
        (0..11).map(|step| (schedule.at(step) * 1e9).round() / 1e9).collect()
    }

    #[test]
    fn warm_up_then_fall_to_the_last_step() {
        // Five steps of decay, 4 to 8: progress 0, 1/4, 1/2, 3/4, 1.
        assert_eq!(rates(schedule(Decay::Linear)), [2.0, 4.0, 6.0, 8.0, 8.0, 6.5, 5.0, 3.5, 2.0, 2.0, 2.0]);
        assert_eq!(rates(schedule(Decay::Constant))[3..], [8.0; 8]);
        let cosine = rates(schedule(Decay::Cosine));
        assert_eq!((cosine[4], cosine[6], cosine[8], cosine[10]), (8.0, 5.0, 2.0, 2.0));
    }

    #[test]
    fn no_warm_up_and_one_step() {
        let schedule = LearningRate { warmup_steps: 0, total_steps: 1, ..schedule(Decay::Cosine) };
        assert_eq!(schedule.at(0), 8.0);
        let schedule = LearningRate { warmup_steps: 5, total_steps: 2, ..schedule };
        assert_eq!(schedule.at(1), 3.2);
    }
}
