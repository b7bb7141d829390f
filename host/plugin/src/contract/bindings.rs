//! The generated side of the plugin contract: `wit/` as Rust.
//!
//! One expansion over the world with every role. The host uses the generated code interface by interface
//! (`GuestIndices`, `Guest`), never as a whole world, so a component exports only the roles that it has.
//! Parameters borrow, results own.
//!
//! Nothing here leaves the crate. Each role's own file has the types that callers see, and the checks that
//! stand between these and those.

// Generated code answers to the generator's style, not to ours.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "every-role",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
});
