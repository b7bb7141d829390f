//! Rows of a file from outside, one at a time, none of which takes more memory than a bound.
//!
//! | what a file begins with | what it is |
//! |---|---|
//! | `PAR1` | parquet ([`parquet`]), read in a process of its own |
//! | `[` | one JSON list of objects, as a whole within the bound of a row |
//! | anything, in a file named `*.csv` | CSV with a header ([`csv`]), as a whole within the bound of a row; every value is a text |
//! | anything else | JSON lines, an object on each; empty lines are passed over |
//!
//! Out: [`Row`]s, each a JSON object with its place in the file, or the [`Fault`] after which nothing is read.

mod csv;
mod list;
mod parquet;
mod place;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor};
use std::path::Path;

use serde_json::{Map, Value};
use ts_lines::Lines;

pub use self::parquet::support_processes;
pub use self::place::Place;

/// The columns of a row by their names, or the fields of an object.
pub type Fields = Map<String, Value>;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where in the file.
    pub place: Place,
    /// What it holds.
    pub fields: Fields,
}

/// Why there is no row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system cannot read the file.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The file as a whole is not what it should be.
    #[error("{0}")]
    File(String),
    /// A row is not what it should be.
    #[error("{fault}")]
    Row {
        /// Which.
        place: Place,
        /// What is wrong with it.
        fault: RowFault,
    },
}

/// What is wrong with one row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// It is longer than it may be.
    #[error("the {what} has more than {most} bytes")]
    TooLong {
        /// `line` or `row`.
        what: &'static str,
        /// How many bytes it may have.
        most: usize,
    },
    /// It is not text.
    #[error("not UTF-8 at byte {byte} of the line")]
    NotUtf8 {
        /// The first byte at fault, from 0.
        byte: usize,
    },
    /// It is not a JSON object.
    #[error("not a JSON object: {}", ts_text::json_fault(.0))]
    NotAnObject(serde_json::Error),
    /// It does not follow the form of the file.
    #[error("{0}")]
    Malformed(String),
}

/// Rows, read one at a time.
pub struct Rows {
    source: Source,
    has_begun: bool,
    is_over: bool,
}

type Reader = Box<dyn BufRead + Send>;

enum Source {
    Lines(Lines<Reader>, usize),
    List(list::List),
    Csv(csv::Table),
    Parquet(parquet::Table),
}

impl Rows {
    /// The rows of a file, each of at most `most` bytes.
    ///
    /// # Errors
    /// [`Fault::Read`]; [`Fault::File`] for a file that holds no rows, such as a pointer of Git LFS.
    pub fn open(path: &Path, most: usize) -> Result<Self, Fault> {
        let mut reader = BufReader::new(File::open(path)?);
        let begins = reader.fill_buf()?;
        if begins.starts_with(parquet::MAGIC) {
            return Ok(Self::new(Source::Parquet(parquet::Table::open(path, most)?)));
        }
        refuse_other_files(path, begins)?;
        if has_extension(path, "csv") {
            return Ok(Self::new(Source::Csv(csv::Table::read(reader, most)?)));
        }
        Ok(Self::of_text(Box::new(reader), most))
    }

    /// The rows of JSON lines or of a JSON list in memory.
    pub fn of_bytes(bytes: Vec<u8>, most: usize) -> Self {
        Self::of_text(Box::new(Cursor::new(bytes)), most)
    }

    fn of_text(reader: Reader, most: usize) -> Self {
        Self::new(Source::Lines(Lines::new(reader, most), most))
    }

    fn new(source: Source) -> Self {
        Self { source, has_begun: false, is_over: false }
    }

    fn read(&mut self) -> Result<Option<Row>, Fault> {
        let (lines, most) = match &mut self.source {
            Source::Lines(lines, most) => (lines, *most),
            Source::List(list) => return list.next_row(),
            Source::Csv(table) => return table.next_row(),
            Source::Parquet(table) => return table.next_row(),
        };
        loop {
            let line = lines.next_line().map_err(of_line)?;
            let Some((number, line)) = line else { return Ok(None) };
            let place = Place::Line(number);
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if text.starts_with('[') && !self.has_begun {
                let begins = line.to_owned();
                return self.begin_list(number, &begins, most);
            }
            self.has_begun = true;
            let fields = serde_json::from_str(line).map_err(RowFault::NotAnObject);
            return match fields {
                Ok(fields) => Ok(Some(Row { place, fields })),
                Err(fault) => Err(Fault::Row { place, fault }),
            };
        }
    }

    /// Goes on as a list, of which this is the line on which it begins.
    fn begin_list(&mut self, number: usize, line: &str, most: usize) -> Result<Option<Row>, Fault> {
        let Source::Lines(lines, _) = &mut self.source else { return Ok(None) };
        let mut list = list::List::read(number, line, lines.reader(), most)?;
        let row = list.next_row();
        self.source = Source::List(list);
        row
    }
}

/// Ends after the first fault.
impl Iterator for Rows {
    type Item = Result<Row, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let row = self.read().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

fn of_line(fault: ts_lines::Fault) -> Fault {
    let place = Place::Line(fault.number());
    match fault {
        ts_lines::Fault::TooLong { most, .. } => {
            Fault::Row { place, fault: RowFault::TooLong { what: "line", most } }
        }
        ts_lines::Fault::NotUtf8 { byte, .. } => Fault::Row { place, fault: RowFault::NotUtf8 { byte } },
        ts_lines::Fault::Read(error) => error.into(),
        other => Fault::File(other.to_string()),
    }
}

/// Files that hold no rows, and are taken for such that do.
fn refuse_other_files(path: &Path, begins: &[u8]) -> Result<(), Fault> {
    let kinds: [(&[u8], &str); 5] = [
        (
            b"version https://git-lfs",
            "a pointer of Git LFS, not the file itself: get that with `git lfs pull`",
        ),
        (b"\x1f\x8b", "compressed with gzip: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
        (b"ARROW1", "an Arrow file: write its table as parquet or JSON lines"),
    ];
    let kind = kinds.iter().find(|(magic, _)| begins.starts_with(magic));
    if let Some((_, what)) = kind {
        return Err(Fault::File(format!("it is {what}")));
    }
    if has_extension(path, "parquet") {
        return Err(Fault::File("it is damaged: a parquet file begins with `PAR1`".to_owned()));
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/import").join(name)
    }

    fn all(path: &Path, most: usize) -> (Vec<Row>, Option<String>) {
        let rows = match Rows::open(path, most) {
            Ok(rows) => rows,
            Err(fault) => return (vec![], Some(fault.to_string())),
        };
        let (mut read, mut fault) = (Vec::new(), None);
        for row in rows {
            match row {
                Ok(row) => read.push(row),
                Err(error) => fault = Some(error.to_string()),
            }
        }
        (read, fault)
    }

    #[test]
    fn nested_columns_are_lists_and_objects() {
        let (rows, fault) = all(&fixture("openr1-math.parquet"), 1 << 20);
        assert_eq!((rows.len(), fault), (2, None));
        assert_eq!((rows[1].place, rows[1].place.id()), (Place::Row(2), "row-2".to_owned()));
        assert_eq!(rows[0].fields["finish_reasons"], serde_json::json!(["stop", "stop"]));
        assert_eq!(rows[0].fields["messages"][0]["role"], "user");
        // A column without a value is none of the row's.
        assert!(!rows[0].fields.contains_key("correctness_llama"));
        let (rows, _) = all(&fixture("verl.parquet"), 1 << 20);
        assert_eq!(rows[0].fields["reward_model"]["ground_truth"], "12");
    }

    #[test]
    fn a_row_has_a_bound_in_every_form() {
        let temp = tempfile::tempdir().unwrap();
        let long = "x".repeat(2000);
        for (name, text, reason) in [
            (
                "a.jsonl",
                format!("{{\"a\": 1}}\n{{\"a\": \"{long}\"}}\n"),
                "the line has more than 1000 bytes",
            ),
            (
                "b.json",
                format!("[\n{{\"a\": \"{}\"}},\n{{\"a\": \"{}\"}}]", &long[..600], &long[..600]),
                "the list has more than 1000 bytes",
            ),
            ("c.csv", format!("a\n{long}\n"), "the table has more than 1000 bytes"),
        ] {
            let path = temp.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert_eq!(all(&path, 1000).1.as_deref(), Some(reason), "{name}");
        }
        let (rows, fault) = all(&fixture("gsm8k.parquet"), 64);
        assert_eq!((rows.len(), fault.as_deref()), (0, Some("the row has more than 64 bytes")));
    }

    #[test]
    fn nothing_is_read_after_a_fault() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.jsonl");
        std::fs::write(&path, "{\"a\": 1}\n[]\n{\"a\": 2}\n").unwrap();
        let (rows, fault) = all(&path, 1000);
        assert!(rows.len() == 1 && fault.unwrap().starts_with("not a JSON object: "));
        std::fs::write(&path, " \n[{\"a\": 1}, 2]").unwrap();
        let (rows, fault) = all(&path, 1000);
        assert!(
            rows[0].place == Place::Item(1)
                && rows.len() == 1
                && fault.unwrap().starts_with("not a JSON object")
        );
    }
}
