//! The divergences of one step's rewrites, each found once. TokenSqueeze, section 3.2.
//!
//! In: rewrites. Out: what is known of each: a divergence that the decoder here computed over the whole vocabulary, a bound by which
//! servers refused it before that, or an estimate by servers where there is no decoder.

use std::collections::HashMap;

use candle_core::Tensor;
use ts_core::refinement::{KlReduction, reduce_kl};
use ts_model::window_kl::{Scored, WindowKl};
use ts_recipe::RefineSection;

use crate::Error;
use crate::responses::server_window::ServerWindow;

/// What is known of a rewrite's divergence.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Nats, reduced over the window. Of a rewrite that was refused a bound, which is not below the threshold.
    pub(crate) kl_nats: Option<f64>,
    /// Of an estimate, the mass that it has not seen.
    pub(crate) tail_mass: Option<f64>,
    /// What the decoder makes of the window after it, if it may be chosen: [`Scored::Whole`].
    pub(crate) after: Option<Tensor>,
}

/// The divergence of each rewrite, found once: by the decoder here, after servers refused those that cannot pass if they are asked; or,
/// without a decoder, by what servers tell.
pub(crate) struct Divergence<'a> {
    decoder: Option<WindowKl<'a>>,
    servers: Option<ServerWindow<'a>>,
    refine: &'a RefineSection,
    /// The largest divergence that may be looked for, nats after the reduction.
    max_kl_nats: f64,
    known: HashMap<Vec<u32>, Measured>,
    n_refused: u32,
}

impl<'a> Divergence<'a> {
    /// With a decoder here, servers that are asked first, or servers alone. Of a rewrite whose divergence is not below `max_kl_nats` no
    /// more is found than that.
    pub(crate) fn new(
        refine: &'a RefineSection,
        max_kl_nats: f64,
        decoder: Option<WindowKl<'a>>,
        servers: Option<ServerWindow<'a>>,
    ) -> Self {
        Self { decoder, servers, refine, max_kl_nats, known: HashMap::new(), n_refused: 0 }
    }

    /// What is known of a rewrite.
    pub(crate) fn of(&self, rewrite: &[u32]) -> Option<&Measured> {
        self.known.get(rewrite)
    }

    /// What the decoder makes of the window after the original step, if it read that: [`WindowKl::after`].
    pub(crate) fn after_original(&self) -> Result<Option<Tensor>, Error> {
        Ok(self.decoder.as_ref().map(WindowKl::after).transpose()?.flatten())
    }

    /// How many were looked at here, or estimated.
    pub(crate) fn n_measured(&self) -> u32 {
        self.known.len() as u32 - self.n_refused
    }

    /// How many servers refused.
    pub(crate) fn n_refused(&self) -> u32 {
        self.n_refused
    }

    /// Finds those of `rewrites` that are not known yet, all together.
    pub(crate) fn learn<'r>(&mut self, rewrites: impl Iterator<Item = &'r [u32]>) -> Result<(), Error> {
        let mut unknown: Vec<&[u32]> = Vec::new();
        for rewrite in rewrites {
            if !self.known.contains_key(rewrite) && !unknown.contains(&rewrite) {
                unknown.push(rewrite);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let reduction = self.refine.kl_reduction;
        if let Some(servers) = &mut self.servers {
            for (rewrite, seen) in unknown.iter().zip(servers.see(&unknown)?) {
                let bounds: Vec<f64> = seen.iter().map(|seen| seen.bound_nats).collect();
                let kl_nats = reduce_kl(reduction, &bounds);
                if self.decoder.is_none() {
                    let tail_mass: f64 = seen.iter().map(|seen| seen.tail_mass).sum();
                    let tail_mass = Some(tail_mass / seen.len().max(1) as f64);
                    self.known.insert(rewrite.to_vec(), Measured { kl_nats, tail_mass, after: None });
                } else if kl_nats.is_some_and(|bound| bound >= self.max_kl_nats) {
                    self.n_refused += 1;
                    self.known.insert(rewrite.to_vec(), Measured { kl_nats, tail_mass: None, after: None });
                }
            }
            unknown.retain(|rewrite| !self.known.contains_key(*rewrite));
        }
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        // A choice that looks at every divergence is told every one. A tail is not below the mean.
        let limit_nats = match (self.refine.early_stop, reduction) {
            (false, _) => f64::INFINITY,
            (true, KlReduction::Sum) => self.max_kl_nats,
            (true, KlReduction::Mean | KlReduction::Tail) => self.max_kl_nats * decoder.n_positions() as f64,
        };
        for (rewrite, scored) in unknown.iter().zip(decoder.score_below(&unknown, limit_nats)?) {
            let (by_position, after) = match scored {
                Scored::Whole { kl_nats, after } => (reduce_kl(reduction, &kl_nats), after),
                Scored::Refused { kl_nats } => (reduce_kl(reduction, &kl_nats), None),
            };
            self.known.insert(rewrite.to_vec(), Measured { kl_nats: by_position, tail_mass: None, after });
        }
        Ok(())
    }
}
