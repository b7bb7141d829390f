//! A journal: one file, one JSON record per line, only ever appended to. What a stage has computed is in one.
//!
//! In go records, one at a time; out they come when the journal is opened again, in the same order. A crash
//! in the middle of a write leaves an incomplete last line, which opening cuts off; that record is computed
//! again. Anything else that is no record is an error with its line, because deleting it could lose work.
//! Left out on purpose: an index. A stage keeps in memory what it needs to know of its records.
//!
//! ```
//! # use ts_run::journal::Journal;
//! # let folder = std::env::temp_dir().join(format!("journal-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("numbers.jsonl");
//! let (mut journal, before) = Journal::<f64>::open(&path)?;
//! assert!(before.is_empty());
//! journal.append(&0.1)?;
//! drop(journal);
//!
//! let (_, before) = Journal::<f64>::open(&path)?;
//! assert_eq!(before, [0.1]);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// A journal open for appending.
#[derive(Debug)]
pub struct Journal<T> {
    file: File,
    path: PathBuf,
    /// Length in bytes of the whole records.
    whole_bytes: u64,
    n_records: u64,
    /// Whether a failed write may have left something after the whole records.
    is_torn: bool,
    _records: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens a journal, creating it if it is not there, and reads its records. Cuts off an incomplete last
    /// line.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Malformed`] for a line that is no `T`, with the file untouched.
    pub fn open(path: &Path) -> Result<(Self, Vec<T>)> {
        let file = File::options().read(true).append(true).create(true).open(path);
        let file = file.map_err(Error::io("open", path))?;
        let (records, whole_bytes) = read_records(&file, path)?;
        let journal = Self {
            file,
            path: path.to_owned(),
            whole_bytes,
            n_records: records.len() as u64,
            is_torn: false,
            _records: PhantomData,
        };
        let n_bytes = journal.file.metadata().map_err(Error::io("read", path))?.len();
        if n_bytes > whole_bytes {
            journal.file.set_len(whole_bytes).map_err(Error::io("shorten", path))?;
        }
        Ok((journal, records))
    }

    /// Appends one record: its line in one write, handed to the operating system before this returns. It
    /// survives the end of this process; [`Journal::sync`] makes it survive the end of the machine.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] for a record that would not read back, as one with a NaN; [`Error::Append`] for
    /// a write that failed, on a full disk for instance. In both cases the journal holds the records that it
    /// held before, and further ones can be appended.
    pub fn append(&mut self, record: &T) -> Result<()> {
        let line = self.line(record)?;
        if self.is_torn {
            self.file.set_len(self.whole_bytes).map_err(|source| self.append_error(source))?;
            self.is_torn = false;
        }
        if let Err(source) = write_or_restore(&mut self.file, self.whole_bytes, &line, &mut self.is_torn) {
            return Err(self.append_error(source));
        }
        self.whole_bytes += line.len() as u64;
        self.n_records += 1;
        Ok(())
    }

    /// Drops every record after the first `n_records`; keeps all if there are not more.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn truncate(&mut self, n_records: u64) -> Result<()> {
        if n_records >= self.n_records {
            return Ok(());
        }
        let bytes = std::fs::read(&self.path).map_err(Error::io("read", &self.path))?;
        let kept: usize =
            bytes.split_inclusive(|&byte| byte == b'\n').take(n_records as usize).map(<[u8]>::len).sum();
        self.file.set_len(kept as u64).map_err(Error::io("shorten", &self.path))?;
        (self.whole_bytes, self.n_records, self.is_torn) = (kept as u64, n_records, false);
        Ok(())
    }

    /// Forces everything appended so far to disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("write", &self.path))
    }

    /// Number of records: those read on opening and those appended since.
    pub fn n_records(&self) -> u64 {
        self.n_records
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The record's line. Reads it back, because JSON has no NaN and would hold `null` in its place.
    fn line(&self, record: &T) -> Result<Vec<u8>> {
        let unwritable =
            |source| Error::Unwritable { path: self.path.clone(), n_records: self.n_records, source };
        let mut line = serde_json::to_vec(record).map_err(unwritable)?;
        serde_json::from_slice::<T>(&line).map_err(unwritable)?;
        line.push(b'\n');
        Ok(line)
    }

    fn append_error(&self, source: io::Error) -> Error {
        Error::Append { path: self.path.clone(), n_records: self.n_records, source }
    }
}

/// Reads the records of a journal that this process does not write. Passes over an incomplete last line.
///
/// # Errors
///
/// [`Error::Io`], also if there is no such file; [`Error::Malformed`].
pub fn read_journal<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    Ok(read_records(&file, path)?.0)
}

/// The records of a file, and the number of bytes that they take up.
fn read_records<T: DeserializeOwned>(file: &File, path: &Path) -> Result<(Vec<T>, u64)> {
    let mut reader = BufReader::new(file);
    let mut records = Vec::new();
    let mut whole_bytes = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let n_bytes = reader.read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        if line.last() != Some(&b'\n') {
            return Ok((records, whole_bytes)); // the end, or a line that a crash cut short
        }
        match serde_json::from_slice(&line) {
            Ok(record) => records.push(record),
            Err(error) => {
                let is_last = reader.fill_buf().map_err(Error::io("read", path))?.is_empty();
                if is_last && !error.is_data() {
                    return Ok((records, whole_bytes)); // a crash of the machine lost part of the line
                }
                return Err(Error::Malformed {
                    path: path.to_owned(),
                    line: records.len() + 1,
                    source: error,
                });
            }
        }
        whole_bytes += n_bytes as u64;
    }
}

/// What appending needs of a file, so that a test can have a full disk.
trait AppendOnly: Write {
    fn cut(&mut self, n_bytes: u64) -> io::Result<()>;
}

impl AppendOnly for File {
    fn cut(&mut self, n_bytes: u64) -> io::Result<()> {
        self.set_len(n_bytes)
    }
}

/// Writes a line; if that fails, cuts the file back to `whole_bytes`, and says in `is_torn` if that failed
/// too.
fn write_or_restore(
    file: &mut impl AppendOnly,
    whole_bytes: u64,
    line: &[u8],
    is_torn: &mut bool,
) -> io::Result<()> {
    file.write_all(line).and_then(|()| file.flush()).inspect_err(|_| {
        *is_torn = file.cut(whole_bytes).is_err();
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    type Record = (String, f64);

    fn records() -> Vec<Record> {
        let record = |i: u32| (format!("record \"{i}\"\nof Straße"), 1.0 / f64::from(i));
        (1..=3).map(record).collect()
    }

    fn write(path: &Path) -> Vec<u8> {
        let (mut journal, before) = Journal::<Record>::open(path).unwrap();
        assert!(before.is_empty());
        for record in records() {
            journal.append(&record).unwrap();
        }
        journal.sync().unwrap();
        assert_eq!(journal.n_records(), 3);
        fs::read(path).unwrap()
    }

    #[test]
    fn whatever_a_crash_cuts_off_the_whole_records_stay() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j.jsonl");
        let bytes = write(&path);
        for n_bytes in 0..=bytes.len() {
            fs::write(&path, &bytes[..n_bytes]).unwrap();
            let n_whole = bytes[..n_bytes].iter().filter(|&&byte| byte == b'\n').count();

            assert_eq!(read_journal::<Record>(&path).unwrap(), records()[..n_whole]);
            assert_eq!(fs::read(&path).unwrap().len(), n_bytes, "reading changes nothing");

            let (mut journal, before) = Journal::<Record>::open(&path).unwrap();
            assert_eq!(before, records()[..n_whole]);
            for record in &records()[n_whole..] {
                journal.append(record).unwrap();
            }
            assert_eq!(fs::read(&path).unwrap(), bytes, "cut at {n_bytes}");
        }
    }

    #[test]
    fn a_last_line_of_rubbish_is_cut_off() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j.jsonl");
        let bytes = write(&path);
        for rubbish in [&b"\0\0\0\0\n"[..], b"\xff\n", b"[\"x\",\n", b"\0\0"] {
            fs::write(&path, [&bytes[..], rubbish].concat()).unwrap();
            let (_, before) = Journal::<Record>::open(&path).unwrap();
            assert_eq!(before, records());
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn an_earlier_line_of_rubbish_is_an_error_with_its_line() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j.jsonl");
        for text in ["[\"a\",1.0]\nrubbish\n[\"b\",2.0]\n", "[\"a\",1.0]\n{\"valid\":\"other kind\"}\n"] {
            fs::write(&path, text).unwrap();
            let error = Journal::<Record>::open(&path).unwrap_err();
            assert!(matches!(error, Error::Malformed { line: 2, .. }), "{error}");
            assert!(error.to_string().contains("j.jsonl:2: not a record"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "the file is untouched");
        }
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j.jsonl");
        let bytes = write(&path);
        let (mut journal, _) = Journal::<Record>::open(&path).unwrap();
        let error = journal.append(&("x".to_owned(), f64::NAN)).unwrap_err();
        assert!(matches!(error, Error::Unwritable { n_records: 3, .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn floats_come_back_to_the_last_bit() {
        let temp = tempfile::tempdir().unwrap();
        let (mut doubles, _) = Journal::<f64>::open(&temp.path().join("doubles")).unwrap();
        let (mut singles, _) = Journal::<f32>::open(&temp.path().join("singles")).unwrap();
        let mut rng = ts_core::seed::SplitMix64::new(1);
        let mut written = (Vec::new(), Vec::new());
        while written.0.len() < 500 {
            let bits = rng.next_u64();
            let (double, single) = (f64::from_bits(bits), f32::from_bits(bits as u32));
            if double.is_finite() && single.is_finite() {
                doubles.append(&double).unwrap();
                singles.append(&single).unwrap();
                written.0.push(double.to_bits());
                written.1.push(single.to_bits());
            }
        }
        let read = |path: &Path| read_journal::<f64>(path).unwrap().into_iter().map(f64::to_bits);
        assert!(read(doubles.path()).eq(written.0));
        let read = |path: &Path| read_journal::<f32>(path).unwrap().into_iter().map(f32::to_bits);
        assert!(read(singles.path()).eq(written.1));
    }

    #[test]
    fn records_are_dropped_from_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j.jsonl");
        let bytes = write(&path);
        let (mut journal, _) = Journal::<Record>::open(&path).unwrap();
        journal.truncate(7).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        journal.truncate(1).unwrap();
        assert_eq!(
            (read_journal::<Record>(&path).unwrap(), journal.n_records()),
            (records()[..1].to_vec(), 1)
        );
        for record in &records()[1..] {
            journal.append(record).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
        journal.truncate(0).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    /// A disk with room for some bytes.
    struct SmallDisk {
        bytes: Vec<u8>,
        room: usize,
        can_cut: bool,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n_bytes = bytes.len().min(self.room - self.bytes.len());
            self.bytes.extend(&bytes[..n_bytes]);
            if n_bytes == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(n_bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl AppendOnly for SmallDisk {
        fn cut(&mut self, n_bytes: u64) -> io::Result<()> {
            if !self.can_cut {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.truncate(n_bytes as usize);
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_leaves_whole_records_only() {
        let mut disk = SmallDisk { bytes: b"[1]\n".to_vec(), room: 6, can_cut: true };
        let mut is_torn = false;
        let error = write_or_restore(&mut disk, 4, b"[2]\n", &mut is_torn).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.bytes, b"[1]\n");
        assert!(!is_torn);

        disk.can_cut = false;
        assert!(write_or_restore(&mut disk, 4, b"[2]\n", &mut is_torn).is_err());
        assert!(is_torn);
    }

    #[test]
    fn a_torn_journal_is_restored_before_the_next_record() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j.jsonl");
        let bytes = write(&path);
        let (mut journal, _) = Journal::<Record>::open(&path).unwrap();
        journal.file.write_all(b"[\"to").unwrap();
        journal.is_torn = true;
        journal.append(&records()[0]).unwrap();
        let first_line = bytes.split_inclusive(|&byte| byte == b'\n').next().unwrap();
        assert_eq!(fs::read(&path).unwrap(), [&bytes[..], first_line].concat());
    }
}
