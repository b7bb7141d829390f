//! A body of bounded size.
//!
//! In: a body as it comes. Out: its bytes, which are held before they are kept; or why not. Its buffer grows
//! as bytes come, never by what a client announces.

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::budget::Held;
use crate::refusal::Refusal;

/// How much of a body that is too large is read to its end, so that the client hears why: this many times
/// what is allowed.
const READ_ON: usize = 4;

/// Reads a body of at most `most` bytes.
pub(super) async fn read(mut body: Incoming, most: usize, held: &mut Held) -> Result<Vec<u8>, Refusal> {
    let hint = body.size_hint();
    if hint.lower() > most.saturating_mul(READ_ON) as u64 {
        return Err(Refusal::BodyTooLarge(most));
    }
    let announced = hint.exact().and_then(|announced| usize::try_from(announced).ok());
    let (mut bytes, mut n_read, mut refusal) = (Vec::new(), 0_usize, None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        n_read += data.len();
        if refusal.is_none() {
            if n_read > most {
                refusal = Some(Refusal::BodyTooLarge(most));
            } else if !held.grow(data.len()) {
                refusal = Some(Refusal::MemoryFull);
            } else {
                add(&mut bytes, data, announced);
                continue;
            }
            bytes = Vec::new();
        }
        // The rest is read and thrown away: a client that still sends does not hear.
        if n_read > most.saturating_mul(READ_ON) {
            break;
        }
    }
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Doubles the buffer when it is full, but not beyond what is to come.
fn add(bytes: &mut Vec<u8>, data: &[u8], announced: Option<usize>) {
    let needed = bytes.len() + data.len();
    if needed > bytes.capacity() {
        let doubled = needed.max(2 * bytes.len());
        let capacity = announced.map_or(doubled, |announced| doubled.min(announced).max(needed));
        bytes.reserve_exact(capacity - bytes.len());
    }
    bytes.extend_from_slice(data);
}
