//! CSV with a header, quoted as RFC 4180 has it. The file is in memory as a whole, within a bound: a quote that is not closed takes
//! all that follows.

use std::io::{Cursor, Read};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use serde_json::Value;

use crate::{Fault, Place, Row, RowFault};

/// What is left of a table.
pub(crate) struct Table {
    reader: Reader<Cursor<Vec<u8>>>,
    header: StringRecord,
}

impl Table {
    pub(crate) fn read(from: impl Read, most: usize) -> Result<Self, Fault> {
        let mut bytes = Vec::new();
        from.take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            return Err(Fault::File(format!("the table has more than {most} bytes")));
        }
        let mut reader = ReaderBuilder::new().from_reader(Cursor::new(bytes));
        let header = reader.headers().map_err(|error| fault(&error))?.clone();
        Ok(Self { reader, header })
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, Fault> {
        let mut record = StringRecord::new();
        if !self.reader.read_record(&mut record).map_err(|error| fault(&error))? {
            return Ok(None);
        }
        let line = record.position().map_or(0, |position| position.line() as usize);
        let column = |(name, value): (&str, &str)| (name.to_owned(), Value::String(value.to_owned()));
        let fields = self.header.iter().zip(&record).map(column).collect();
        Ok(Some(Row { place: Place::Line(line), fields }))
    }
}

fn fault(error: &csv::Error) -> Fault {
    let place = Place::Line(error.position().map_or(1, |position| position.line() as usize));
    let reason = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} columns, and the header {expected_len}")
        }
        ErrorKind::Utf8 { err, .. } => format!("not UTF-8 in column {}", err.field() + 1),
        other => format!("{other:?}"),
    };
    Fault::Row { place, fault: RowFault::Malformed(reason) }
}
