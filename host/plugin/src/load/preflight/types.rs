//! The types of a component, counted without going deeper than they may be nested.
//!
//! In: a section of types. Out: how many there are, those within others among them. The parser's own reader
//! goes down into nested types by recursion, three bytes a level and without a bound, so it is given only
//! what nests nothing.
//!
//! A type that names others is bounded by the parser, as it validates.

use std::ops::Range;

use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration};

use super::{Count, DEPTH, Stop, at_most};

/// First bytes of the types that hold declarations: of a component, of an instance.
const HOLDS_DECLARATIONS: [u8; 2] = [0x41, 0x42];
/// First byte of a declaration that is a type.
const DECLARES_A_TYPE: u8 = 0x01;

/// Counts the types of a section.
pub(super) fn count(bytes: &[u8], section: Range<usize>, types: &mut Count) -> Result<(), Stop> {
    let start = section.start;
    let mut reader = BinaryReader::new(bytes.get(section).unwrap_or_default(), start);
    for _ in 0..reader.read_var_u32()? {
        a_type(&mut reader, 0, types)?;
    }
    Ok(())
}

fn a_type(reader: &mut BinaryReader<'_>, depth: u64, types: &mut Count) -> Result<(), Stop> {
    types.add(1)?;
    at_most("types within one another", depth, DEPTH, None)?;
    if !HOLDS_DECLARATIONS.contains(&next(reader)?) {
        reader.read::<ComponentType<'_>>()?;
        return Ok(());
    }
    reader.read_u8()?;
    for _ in 0..reader.read_var_u32()? {
        if next(reader)? == DECLARES_A_TYPE {
            reader.read_u8()?;
            a_type(reader, depth + 1, types)?;
        } else {
            types.add(1)?;
            reader.read::<ComponentTypeDeclaration<'_>>()?;
        }
    }
    Ok(())
}

/// The next byte, which stays to be read.
fn next(reader: &BinaryReader<'_>) -> Result<u8, Stop> {
    Ok(reader.clone().read_u8()?)
}
