//! TFRecord: each record with its length before it and a checksum behind each of the two.

use crc::{CRC_32_ISCSI, Crc};

const CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A record as it stands in a file: length (u64), masked CRC-32C of the length, data, masked CRC-32C of the data, all little-endian.
pub(crate) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let parts: [&[u8]; 4] = [&length, &masked(&length).to_le_bytes(), data, &masked(data).to_le_bytes()];
    parts.concat()
}

/// A CRC-32C as TFRecord stores it: rotated and shifted, since the CRC of data that holds CRCs is weak.
fn masked(bytes: &[u8]) -> u32 {
    CRC_32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32C, and a record from TensorFlow's documentation of the format.
    #[test]
    fn checksums_by_hand() {
        assert_eq!(CRC_32C.checksum(b"123456789"), 0xe306_9283);
        assert_eq!(masked(b"123456789"), 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8));
        let record = framed(b"");
        assert_eq!((record.len(), &record[..8]), (16, &[0; 8][..]));
        assert_eq!(record[12..], 0xa282_ead8_u32.to_le_bytes());
    }
}
