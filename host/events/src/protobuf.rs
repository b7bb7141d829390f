//! What event files need of protocol buffers: messages of numbers, texts and messages.

/// A message as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// An `Event`: its time, in seconds since 1970, and its step.
    pub(crate) fn event(wall_time: f64, step: u64) -> Self {
        let mut event = Self::default();
        event.key(1, 1);
        event.bytes.extend(wall_time.to_le_bytes());
        // A number that is 0 is not written.
        if step == 0 { event } else { event.number(2, step) }
    }

    pub(crate) fn number(mut self, field: u64, value: u64) -> Self {
        self.key(field, 0);
        self.varint(value);
        self
    }

    pub(crate) fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, 5);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn text(self, field: u64, text: &str) -> Self {
        self.block(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u64, message: Self) -> Self {
        self.block(field, &message.bytes)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn block(mut self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
        self
    }

    /// A field's number, and how its value is written: 0 a varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the encoding's documentation: field 1 of 150 is 08 96 01; field 2 of "testing" is 12 07 and the text.
    #[test]
    fn fields_as_documented() {
        assert_eq!(Message::default().number(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().text(2, "testing").into_bytes();
        assert_eq!(text, [&[0x12, 0x07][..], b"testing"].concat());
        assert_eq!(Message::default().number(1, u64::MAX).into_bytes().len(), 11);
    }
}
