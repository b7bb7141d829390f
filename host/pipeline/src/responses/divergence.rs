//! The divergences of one step's rewrites, each found once. TokenSqueeze, section 3.2.
//!
//! In: rewrites. Out: what is known of each: a divergence that the decoder here computed over the whole vocabulary, a bound by which
//! servers refused it before that, or an estimate by servers where there is no decoder.

use std::collections::HashMap;

use ts_core::refinement::reduce_kl;
use ts_model::window_kl::WindowKl;
use ts_recipe::RefineSection;

use crate::Error;
use crate::responses::server_window::ServerWindow;

/// What is known of a rewrite's divergence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Nats, reduced over the window. Of a rewrite that servers refused a bound, which is not below the threshold.
    pub(crate) kl_nats: Option<f64>,
    /// Of an estimate, the mass that it has not seen.
    pub(crate) tail_mass: Option<f64>,
}

/// The divergence of each rewrite, found once: by the decoder here, after servers refused those that cannot pass if they are asked; or,
/// without a decoder, by what servers tell.
pub(crate) struct Divergence<'a> {
    decoder: Option<WindowKl<'a>>,
    servers: Option<ServerWindow<'a>>,
    refine: &'a RefineSection,
    known: HashMap<Vec<u32>, Measured>,
    n_refused: u32,
}

impl<'a> Divergence<'a> {
    /// With a decoder here, servers that are asked first, or servers alone.
    pub(crate) fn new(
        refine: &'a RefineSection,
        decoder: Option<WindowKl<'a>>,
        servers: Option<ServerWindow<'a>>,
    ) -> Self {
        Self { decoder, servers, refine, known: HashMap::new(), n_refused: 0 }
    }

    /// What is known of a rewrite.
    pub(crate) fn of(&self, rewrite: &[u32]) -> Option<Measured> {
        self.known.get(rewrite).copied()
    }

    /// How many were measured here, or estimated.
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
                    self.known.insert(rewrite.to_vec(), Measured { kl_nats, tail_mass });
                } else if kl_nats.is_some_and(|bound| bound >= self.refine.max_kl_nats) {
                    self.n_refused += 1;
                    self.known.insert(rewrite.to_vec(), Measured { kl_nats, tail_mass: None });
                }
            }
            unknown.retain(|rewrite| !self.known.contains_key(*rewrite));
        }
        let Some(decoder) = &self.decoder else { return Ok(()) };
        for (rewrite, by_position) in unknown.iter().zip(decoder.score(&unknown)?) {
            let measured = Measured { kl_nats: reduce_kl(reduction, &by_position), tail_mass: None };
            self.known.insert(rewrite.to_vec(), measured);
        }
        Ok(())
    }
}
