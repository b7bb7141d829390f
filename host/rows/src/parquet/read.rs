//! Reading: from a file to rows, group by group, a page of each column in memory.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use crate::Fields;

/// Most rows of a file: of what is repeated, a few bytes stand for any number.
const MAX_ROWS: i64 = 20_000_000;

/// Gives each row of a file until `give` wants no more. An error is what the library says.
pub(super) fn rows(path: &Path, give: &mut dyn FnMut(Fields) -> bool) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let metadata = reader.metadata().file_metadata();
    let n_rows = metadata.num_rows();
    if !(0..=MAX_ROWS).contains(&n_rows) {
        return Err(format!("it says that it has {n_rows} rows, and up to {MAX_ROWS} are read"));
    }
    let mut n_read = 0;
    for row in reader.get_row_iter(None).map_err(|error| error.to_string())? {
        let Value::Object(mut fields) = row.map_err(|error| error.to_string())?.to_json_value() else {
            return Err("a row is not an object".to_owned());
        };
        // A table has every column in every row.
        fields.retain(|_, value| !value.is_null());
        n_read += 1;
        if n_read > n_rows {
            return Err(format!("it has more than the {n_rows} rows that it says"));
        }
        if !give(fields) {
            return Ok(());
        }
    }
    if n_read < n_rows {
        return Err(format!("it says that it has {n_rows} rows, and has {n_read}"));
    }
    Ok(())
}
