//! What a guest pays for the work that the host does for it: fuel, as for its own instructions.
//!
//! In: a call of the host by a guest, and the bytes that it handed over or is handed. Out: less fuel, or the
//! end of the call: a guest that calls the host for ever runs out of fuel like one that loops, at the same
//! call on every machine.
//!
//! It does not pay here for programs' WASI, whose functions have limits of their own (`programs/sandbox.rs`),
//! nor for the time of the programs that a verifier has run, which is counted apart (`imports/runners.rs`).

use wasmtime::{StoreContextMut, Trap};

/// Fuel for entering the host and coming back: what as much time is worth in the guest's own instructions,
/// some 200 ns.
const PER_CALL: u64 = 500;
/// Fuel for a byte that passes: it is copied, and a text is checked.
const PER_BYTE: u64 = 1;

/// Charges a guest for one call of the host in which so many bytes pass.
///
/// # Errors
///
/// [`Trap::OutOfFuel`] where it cannot pay; then nothing is left.
pub(crate) fn host_call<T>(store: &mut StoreContextMut<'_, T>, bytes: usize) -> wasmtime::Result<()> {
    let price = PER_CALL.saturating_add(PER_BYTE.saturating_mul(bytes as u64));
    let left = store.get_fuel()?;
    store.set_fuel(left.saturating_sub(price))?;
    if left < price { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
}
