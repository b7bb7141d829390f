//! How much a rewritten step changes what comes next, as far as a server tells: by the most likely tokens of each position.
//!
//! In: the context, the step, the original's text after it, and rewrites. Out: for each rewrite what [`kl_through`] makes of the tokens
//! that the server told of on both sides, position by position. This is no divergence: it is a number that the divergence is not below.

use ts_core::bound::{Seen, kl_through};
use ts_servers::{Likely, Text};

use crate::Error;
use crate::responses::remote::Remote;

/// The original's side, ready to be compared with any number of rewrites.
pub(crate) struct ServerWindow<'a> {
    remote: &'a Remote<'a>,
    context: &'a [u32],
    original: &'a [u32],
    window: &'a [u32],
    top: u32,
    /// Of the window after the original, once it was asked for.
    known: Option<Vec<Likely>>,
}

impl<'a> ServerWindow<'a> {
    /// Compares by `top` tokens a position. Nothing is sent yet.
    pub(crate) fn new(
        remote: &'a Remote<'a>,
        top: u32,
        context: &'a [u32],
        original: &'a [u32],
        window: &'a [u32],
    ) -> Self {
        Self { remote, context, original, window, top, known: None }
    }

    /// What is seen of each rewrite's divergence, at each position of the window. The caller has a place in the turnstile.
    pub(crate) fn see(&mut self, rewrites: &[&[u32]]) -> Result<Vec<Vec<Seen>>, Error> {
        let known = self.known.take();
        let asked = known.is_none().then_some(self.original);
        let steps: Vec<&[u32]> = asked.into_iter().chain(rewrites.iter().copied()).collect();
        let mut sides = self.remote.turnstile().outside(|| self.ask(&steps))?.into_iter();
        let original = match known {
            Some(known) => known,
            None => sides.next().unwrap_or_default(),
        };
        let seen = sides.map(|rewritten| original.iter().zip(rewritten).map(|(p, q)| both(p, &q)).collect());
        let seen = seen.collect();
        self.known = Some(original);
        Ok(seen)
    }

    /// The likely tokens of the window after each of these steps, all at once.
    fn ask(&self, steps: &[&[u32]]) -> Result<Vec<Vec<Likely>>, Error> {
        self.remote.ask_all(steps, |step| {
            let tokens = [self.context, step, self.window].concat();
            let from = self.context.len() + step.len();
            Ok(self.remote.fleet().score(&Text { tokens: &tokens, from, top: self.top })?)
        })
    }
}

/// What the tokens that both sides tell of say of the divergence, of the original's from the rewritten's.
fn both(original: &Likely, rewritten: &Likely) -> Seen {
    let mut ids: Vec<u32> = original.keys().copied().filter(|id| rewritten.contains_key(id)).collect();
    // Sums in one order, so that the same answers give the same bits.
    ids.sort_unstable();
    kl_through(ids.into_iter().map(|id| (original[&id], rewritten[&id])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_one_side_are_not_compared() {
        let ln = f64::ln;
        let original = Likely::from([(1, ln(0.5)), (2, ln(0.25))]);
        let rewritten = Likely::from([(1, ln(0.25)), (3, ln(0.7))]);
        assert_eq!(both(&original, &rewritten), kl_through([(ln(0.5), ln(0.25))]));
    }
}
