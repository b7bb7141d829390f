//! Messages between this program and itself, over a pipe.
//!
//! A message is its length, four bytes, the low one first, and so many bytes of postcard.

use std::io::{Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a message.
pub(crate) fn write(to: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(std::io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// The next message; `None` at the end.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> std::io::Result<Option<T>> {
    Ok(match read_bytes(from)? {
        Some(bytes) => Some(postcard::from_bytes(&bytes).map_err(std::io::Error::other)?),
        None => None,
    })
}

/// The bytes of the next message; `None` at the end.
pub(crate) fn read_bytes(from: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        return if error.kind() == std::io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let length = u64::from(u32::from_le_bytes(length));
    let mut bytes = Vec::new();
    if from.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes))
}
