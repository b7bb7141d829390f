//! One JSON list of objects. It is in memory as a whole, within a bound.

use std::io::{BufRead, Read};

use serde_json::Value;

use crate::{Fault, Place, Row, RowFault};

/// What is left of a list.
pub(crate) struct List {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
}

impl List {
    /// A list of which this line, the first that is not empty, has been read.
    pub(crate) fn read(
        number: usize,
        line: &str,
        rest: &mut impl BufRead,
        most: usize,
    ) -> Result<Self, Fault> {
        // The lines before, so that errors count them.
        let mut text = "\n".repeat((number - 1).min(most)).into_bytes();
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        rest.take((most as u64).saturating_add(1)).read_to_end(&mut text)?;
        if text.len() > most {
            return Err(Fault::File(format!("the list has more than {most} bytes")));
        }
        let items: Vec<Value> = serde_json::from_slice(&text).map_err(|error| Fault::Row {
            place: Place::Line(error.line()),
            fault: RowFault::Malformed(format!("not a JSON list: {error}")),
        })?;
        Ok(Self { items: items.into_iter().enumerate() })
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, Fault> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        let place = Place::Item(index + 1);
        match serde_json::from_value(item) {
            Ok(fields) => Ok(Some(Row { place, fields })),
            Err(error) => Err(Fault::Row { place, fault: RowFault::NotAnObject(error) }),
        }
    }
}
