//! Gives the interpreter in a component a larger stack.
//!
//! The tools link an interpreter with one MiB for C's stack, in which recursion through C (for Python a
//! cached function, a sort's key, an operator's method; for JavaScript any call) is some 2,000 levels deep;
//! no option changes it. C's stack in WebAssembly is a part of memory, so a larger one is: more memory, the
//! pointer to the stack's top at the new end, and the limits that the interpreter computed from the top at
//! its start. Each of these is one number in the first module of the component.
//!
//! In: a component. Out: the same component with other numbers, or an error if one is not where it is
//! expected. No byte is moved: every number is written in as many bytes as it had.

use anyhow::{Context, Result, bail, ensure};

/// Bytes of a page of memory.
const PAGE: u32 = 1 << 16;
/// Where the tools put the top of the stack.
const TOP: u32 = 1 << 20;

/// Sections of a module, and the two of a component that hold one.
const MODULE: u8 = 1;
const COMPONENT: u8 = 4;
const MEMORY: u8 = 5;
const GLOBALS: u8 = 6;
const DATA: u8 = 11;

/// How the stack of an interpreter grows.
pub(super) struct Stack {
    /// Pages of memory for the new stack.
    pub(super) pages: u32,
    /// How far from the old stack's bottom the interpreter refuses to go deeper, bytes: softly, and in
    /// earnest.
    pub(super) limits: Option<[u32; 2]>,
}

/// A section's kind, and where its content is.
type Section = (u8, std::ops::Range<usize>);

/// Changes the component.
pub(super) fn deepen(component: &mut [u8], stack: &Stack) -> Result<()> {
    let module = first_module(component, 0..component.len())?;
    let sections = sections(component, module)?;
    let place = |kind, name| {
        let found = sections.iter().find(|(found, _)| *found == kind);
        found
            .map(|(_, range)| range.clone())
            .with_context(|| format!("the interpreter's module has no {name}"))
    };

    // One memory of 32-bit addresses without a maximum: `1, 0, pages`.
    let at = place(MEMORY, "memory")?.start;
    ensure!(
        component.get(at..at + 2) == Some(&[1, 0]),
        "the interpreter's memory is not declared as expected"
    );
    let (pages, end) = number(component, at + 2)?;
    write(component, at + 2..end, pages + stack.pages, false)?;
    let bottom = pages * PAGE;
    let top = bottom + stack.pages * PAGE;

    // The pointer, and for Python the top: `i32, mutable, i32.const TOP, end`.
    let (_, mut at) = number(component, place(GLOBALS, "variables")?.start)?;
    let mut changed = 0;
    while component.get(at..at + 3) == Some(&[0x7f, 1, 0x41]) {
        let (value, end) = number(component, at + 3)?;
        if value != TOP || component.get(end) != Some(&0x0b) {
            break;
        }
        write(component, at + 3..end, top, true)?;
        changed += 1;
        at = end + 1;
    }
    ensure!(changed > 0, "the pointer to the interpreter's stack is not where it is expected");

    if let Some([soft, hard]) = stack.limits {
        let triple = |base: u32, top: u32| [top, base + soft, base + hard].map(u32::to_le_bytes).concat();
        let old = triple(0, TOP);
        let data = place(DATA, "data")?;
        let found: Vec<usize> = component[data.clone()]
            .windows(old.len())
            .enumerate()
            .filter(|(_, w)| *w == old)
            .map(|(i, _)| i)
            .collect();
        let [at] = found[..] else {
            bail!("the interpreter's limits were found {} times, not once", found.len());
        };
        let at = data.start + at;
        component[at..at + old.len()].copy_from_slice(&triple(bottom, top));
    }
    Ok(())
}

/// The content of the first module in a component, or in the first component within.
fn first_module(bytes: &[u8], component: std::ops::Range<usize>) -> Result<std::ops::Range<usize>> {
    for (kind, range) in sections(bytes, component)? {
        match kind {
            MODULE => return Ok(range),
            COMPONENT => return first_module(bytes, range),
            _ => {}
        }
    }
    bail!("the component holds no module")
}

/// The sections after the eight bytes with which a module or a component begins.
fn sections(bytes: &[u8], range: std::ops::Range<usize>) -> Result<Vec<Section>> {
    let mut sections = Vec::new();
    let mut at = range.start + 8;
    while at < range.end {
        let (size, start) = number(bytes, at + 1)?;
        let end = start + size as usize;
        ensure!(end <= range.end, "a section is longer than what holds it");
        sections.push((bytes[at], start..end));
        at = end;
    }
    Ok(sections)
}

/// A number in LEB128, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> Result<(u32, usize)> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.get(at).context("a number is cut short")?;
        at += 1;
        value |= u32::from(byte & 127) << shift;
        if byte < 128 {
            return Ok((value, at));
        }
    }
    bail!("a number is too long")
}

/// Writes another number in the bytes of one. One that has a sign must not seem negative.
fn write(bytes: &mut [u8], range: std::ops::Range<usize>, value: u32, signed: bool) -> Result<()> {
    let size = range.len();
    let room = 7 * size - usize::from(signed);
    ensure!(
        u64::from(value) < 1 << room,
        "{value} does not fit in the {size} bytes of the number that it replaces"
    );
    for (index, byte) in bytes[range].iter_mut().enumerate() {
        let more = if index + 1 < size { 128 } else { 0 };
        *byte = (value >> (7 * index)) as u8 & 127 | more;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with one module: two pages, the pointer, and the limits in its data.
    fn component(data: &[u8]) -> Vec<u8> {
        let memory = [MEMORY, 3, 1, 0, 2];
        let globals = [GLOBALS, 9, 1, 0x7f, 1, 0x41, 0x80, 0x80, 0xc0, 0x00, 0x0b];
        let data = [&[DATA, data.len() as u8][..], data].concat();
        let module = [&b"\0asm\x01\0\0\0"[..], &memory, &globals, &data].concat();
        [&b"\0asm\x0d\0\x01\0"[..], &[MODULE, module.len() as u8], &module].concat()
    }

    fn limits(top: u32, soft: u32, hard: u32) -> Vec<u8> {
        [top, soft, hard].map(u32::to_le_bytes).concat()
    }

    #[test]
    fn the_stack_is_at_the_end_of_the_larger_memory() {
        let stack = Stack { pages: 16, limits: Some([0x4000, 0x2000]) };
        let mut changed = component(&limits(TOP, 0x4000, 0x2000));
        deepen(&mut changed, &stack).unwrap();
        let (bottom, top) = (2 * PAGE, 18 * PAGE);
        let expected = component(&limits(top, bottom + 0x4000, bottom + 0x2000));
        let differ: Vec<_> = changed.iter().zip(&expected).filter(|(a, b)| a != b).map(|(a, _)| *a).collect();
        // 18 pages, and 18 << 16 = 0x120000 in the four bytes of the pointer.
        assert_eq!(differ, [18, 0xc8]);
    }

    #[test]
    fn what_is_not_as_expected_is_an_error() {
        let stack = |limits| Stack { pages: 16, limits };
        let twice = [limits(TOP, 1, 2), limits(TOP, 1, 2)].concat();
        for data in [Vec::new(), twice] {
            assert!(deepen(&mut component(&data), &stack(Some([1, 2]))).is_err());
        }
        let mut other = component(&[]);
        let at = other.windows(2).position(|w| w == [0xc0, 0x00]).unwrap();
        other[at] = 0xc1;
        assert!(deepen(&mut other, &stack(None)).is_err());
        assert!(deepen(&mut component(&[]), &Stack { pages: 126, limits: None }).is_err());
        assert!(deepen(&mut component(&[])[..20], &stack(None)).is_err());
    }
}
