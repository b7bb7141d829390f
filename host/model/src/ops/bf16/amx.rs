//! A block of a product by AMX, Intel's matrix unit: eight tiles of registers, and one instruction that multiplies two of them.
//!
//! In: packed tiles of up to 32 rows and of 32 columns. Out: their sums, added to f32 numbers or written over them.
//!
//! The intrinsics, the target feature and the detection are unstable in Rust; `asm!` knows the instructions and the registers. A
//! [`Session`] configures the tiles of its thread and releases them when it is dropped; the state of tiles between two blocks of
//! assembly is nobody's but this file's, whose every tile instruction runs inside a session, and sessions do not nest.
//!
//! Source: Intel, "Architectures software developer's manual", volume 1, chapter 18 (programming with Intel AMX); Linux,
//! Documentation/arch/x86/xstate.rst (permission for the tiles' state).

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::block::{Block, SIDE};
use super::tile::ROWS;

/// Bytes of a row of a packed tile: sixteen cells. In the right operand twice as many lie side by side.
const ROW_BYTES: usize = 64;

/// Whether the processor has AMX with bf16, and the operating system lets this process use its tiles.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && is_permitted())
}

fn has_instructions() -> bool {
    /// AMX-BF16 and AMX-TILE in EDX of leaf 7.
    const AMX: u32 = 1 << 22 | 1 << 24;
    /// The states of the tiles and of their configuration.
    const TILE_STATES: u64 = 1 << 17 | 1 << 18;
    const OSXSAVE: u32 = 1 << 27;

    #[target_feature(enable = "xsave")]
    fn enabled_states() -> u64 {
        // SAFETY: XGETBV of register 0 is defined wherever OSXSAVE is set, which the caller saw.
        unsafe { _xgetbv(0) }
    }

    if __cpuid(0).eax < 0x1d || __cpuid(1).ecx & OSXSAVE == 0 || __cpuid_count(7, 0).edx & AMX != AMX {
        return false;
    }
    // SAFETY: OSXSAVE implies XSAVE.
    if unsafe { enabled_states() } & TILE_STATES != TILE_STATES {
        return false;
    }
    // Palette 1: eight tiles of 1 KiB, sixteen rows of 64 bytes.
    let palette = __cpuid_count(0x1d, 1);
    let (tile_bytes, row_bytes) = (palette.eax >> 16, palette.ebx & 0xffff);
    (tile_bytes, row_bytes, palette.ebx >> 16, palette.ecx & 0xffff) == (1024, 64, 8, 16)
}

/// Asks Linux for the state of the tiles, which a process has to do once before it uses them.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: this request takes two numbers and touches no memory of the process.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// What `ldtilecfg` reads: the palette, the bytes of a row and the rows of each tile.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// The tiles of this thread, configured for blocks of a certain number of rows.
///
/// Tiles 0 to 3 hold sums: rows 0 to 15 and columns 0 to 15, the same rows and columns 16 to 31, rows 16 to 31 likewise. Tiles 4
/// and 5 hold the left operand's rows, 6 and 7 the right one's columns.
pub(super) struct Session {
    rows: usize,
    /// Tiles belong to a thread.
    not_send: PhantomData<*const ()>,
}

impl Session {
    /// Configures the tiles for blocks of `rows` rows, 1 to 32.
    pub(super) fn new(rows: usize) -> Self {
        assert!(is_available() && (1..=SIDE).contains(&rows), "AMX for blocks of {rows} rows");
        let (upper, lower) = (rows.min(ROWS) as u8, rows.saturating_sub(ROWS).max(1) as u8);
        let mut configuration =
            Configuration { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        configuration.row_bytes[..8].fill(64);
        configuration.rows[..8].copy_from_slice(&[upper, upper, lower, lower, upper, lower, 16, 16]);
        // SAFETY: AMX is there and permitted, and the configuration is one that palette 1 allows.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly, preserves_flags),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _);
        }
        Self { rows, not_send: PhantomData }
    }

    /// Computes a block of as many rows as the session is for.
    pub(super) fn compute(&self, block: Block<'_>) {
        let Block { left, right, ahead, out, stride, rows, add, .. } = block;
        let steps = right.len() / 2;
        assert!(
            rows == self.rows
                && steps > 0
                && stride >= SIDE
                && out.len() >= (rows - 1) * stride + SIDE
                && left.iter().all(|strip| strip.len() >= steps),
            "a block of {rows} rows in a session of {}",
            self.rows
        );
        let (out, right) = (out.as_mut_ptr(), right.as_ptr());
        let [upper, lower] = left.map(<[_]>::as_ptr);
        // The kernels fetch four lines for each 32 terms, and the processor itself the rest of what is read in order.
        let (ahead, _) = ahead.share(0, 1, steps);
        // SAFETY: the tiles are configured for `rows` rows. The kernels read `steps` tiles of each strip and twice as many of the
        // right operand, and read and write 32 entries of each of `rows` rows of the result; the assertion holds all of them.
        unsafe {
            if rows > ROWS {
                two_strips(upper.cast(), lower.cast(), right.cast(), ahead, steps, out, stride, add);
            } else {
                one_strip(upper.cast(), right.cast(), ahead, steps, out, stride, add);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session configured the tiles; releasing them ends their use by this thread.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Blocks of 17 to 32 rows: for each 32 terms four loads and four products.
///
/// # Safety
/// Within a session for as many rows; `steps` > 0; `upper` and `lower` point at `steps` tiles, `right` at twice as many, and `out` at
/// the rows, `stride` ≥ 32 entries apart.
#[expect(clippy::too_many_arguments, reason = "they are the registers")]
unsafe fn two_strips(
    upper: *const u8,
    lower: *const u8,
    right: *const u8,
    ahead: usize,
    steps: usize,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    // SAFETY: the caller's; every address is within what it vouches for, except those that are prefetched, which fault on nothing.
    unsafe {
        asm!(
            "test {add:e}, {add:e}",
            "jz 2f",
            "tileloadd tmm0, [{out} + {stride}]",
            "tileloadd tmm1, [{out} + {stride} + 64]",
            "tileloadd tmm2, [{out_lower} + {stride}]",
            "tileloadd tmm3, [{out_lower} + {stride} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm6, [{right} + {pair}]",
            "tileloadd tmm4, [{upper} + {row}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm5, [{lower} + {row}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tileloadd tmm7, [{right} + {pair} + 64]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "prefetcht1 [{ahead}]",
            "prefetcht1 [{ahead} + 64]",
            "prefetcht1 [{ahead} + 128]",
            "prefetcht1 [{ahead} + 192]",
            "add {ahead}, 256",
            "add {upper}, 1024",
            "add {lower}, 1024",
            "add {right}, 2048",
            "dec {steps}",
            "jnz 3b",
            "tilestored [{out} + {stride}], tmm0",
            "tilestored [{out} + {stride} + 64], tmm1",
            "tilestored [{out_lower} + {stride}], tmm2",
            "tilestored [{out_lower} + {stride} + 64], tmm3",
            add = in(reg) u32::from(add),
            out = in(reg) out,
            out_lower = in(reg) out.wrapping_add(ROWS * stride),
            stride = in(reg) stride * size_of::<f32>(),
            row = in(reg) ROW_BYTES,
            pair = in(reg) 2 * ROW_BYTES,
            ahead = inout(reg) ahead => _,
            upper = inout(reg) upper => _,
            lower = inout(reg) lower => _,
            right = inout(reg) right => _,
            steps = inout(reg) steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// Blocks of 1 to 16 rows.
///
/// # Safety
/// As for [`two_strips`], with one strip.
unsafe fn one_strip(
    strip: *const u8,
    right: *const u8,
    ahead: usize,
    steps: usize,
    out: *mut f32,
    stride: usize,
    add: bool,
) {
    // SAFETY: as in `two_strips`.
    unsafe {
        asm!(
            "test {add:e}, {add:e}",
            "jz 2f",
            "tileloadd tmm0, [{out} + {stride}]",
            "tileloadd tmm1, [{out} + {stride} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "3:",
            "tileloadd tmm4, [{strip} + {row}]",
            "tileloadd tmm6, [{right} + {pair}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {pair} + 64]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "prefetcht1 [{ahead}]",
            "prefetcht1 [{ahead} + 64]",
            "prefetcht1 [{ahead} + 128]",
            "prefetcht1 [{ahead} + 192]",
            "add {ahead}, 256",
            "add {strip}, 1024",
            "add {right}, 2048",
            "dec {steps}",
            "jnz 3b",
            "tilestored [{out} + {stride}], tmm0",
            "tilestored [{out} + {stride} + 64], tmm1",
            add = in(reg) u32::from(add),
            out = in(reg) out,
            stride = in(reg) stride * size_of::<f32>(),
            row = in(reg) ROW_BYTES,
            pair = in(reg) 2 * ROW_BYTES,
            ahead = inout(reg) ahead => _,
            strip = inout(reg) strip => _,
            right = inout(reg) right => _,
            steps = inout(reg) steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
