//! Journals that crash, that are changed, and that run out of room.

use std::fs;

use serde::{Deserialize, Serialize};

use super::super::key::Key;
use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    step: u64,
    text: String,
    value: f64,
}

impl Record for Row {
    fn key(&self) -> Key {
        Key::Step(self.step)
    }
}

fn seal() -> Seal {
    Seal::of("this run")
}

fn open(path: &Path) -> Journal<Row> {
    Journal::open(path, seal()).unwrap()
}

fn read(path: &Path) -> Vec<Row> {
    let records = Records::<Row>::open(path, seal()).unwrap();
    records.map(|row| row.unwrap().record).collect()
}

fn rows() -> Vec<Row> {
    let row = |i: u32| Row {
        step: i.into(),
        text: format!("record \"{i}\"\nof Straße"),
        value: 1.0 / f64::from(i),
    };
    (1..=3).map(row).collect()
}

fn write(path: &Path) -> Vec<u8> {
    let mut journal = open(path);
    for row in rows() {
        journal.append(&row).unwrap();
    }
    journal.sync().unwrap();
    assert_eq!(journal.n_records(), 3);
    fs::read(path).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

#[test]
fn whatever_a_crash_cuts_off_the_whole_records_stay() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    for n_bytes in 0..=bytes.len() {
        fs::write(&path, &bytes[..n_bytes]).unwrap();
        let n_whole = bytes[..n_bytes].iter().filter(|&&byte| byte == b'\n').count();
        let mut journal = open(&path);
        assert_eq!(read(&path), rows()[..n_whole]);
        for row in &rows()[n_whole..] {
            journal.append(row).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), bytes, "cut at {n_bytes}");
    }
}

#[test]
fn a_last_line_of_rubbish_is_cut_off() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    for rubbish in [&b"\0\0\0\0\n"[..], b"\xff\n", b"{\"step\":4}\n", b"\0\0"] {
        fs::write(&path, [&bytes[..], rubbish].concat()).unwrap();
        open(&path);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn any_byte_that_changes_is_an_error_with_its_line() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    let first_two: usize = lines(&bytes)[..2].iter().map(|line| line.len()).sum();
    // Without the second line's end the rest is one last line, which is not whole and computed again.
    for at in 0..first_two - 1 {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let line = if at < lines(&bytes)[0].len() { 1 } else { 2 };
        let error = Journal::<Row>::open(&path, seal()).unwrap_err();
        assert!(matches!(error, Error::Broken { line: found, .. } if found == line), "byte {at}: {error}");
        assert!(error.to_string().contains(&format!("j.jsonl:{line}: ")), "{error}");
        assert_eq!(fs::read(&path).unwrap(), changed, "the file is untouched");
    }
}

#[test]
fn a_reader_says_what_belongs_where() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    let [one, two, three] = lines(&bytes)[..] else { unreachable!() };
    let fails = |lines: &[&[u8]]| {
        fs::write(&path, lines.concat()).unwrap();
        let mut records = Records::<Row>::open(&path, seal()).unwrap();
        let expected = (1..=3).try_for_each(|step| records.expect(&Key::Step(step)).map(drop));
        expected.and_then(|()| records.finish()).unwrap_err().to_string()
    };
    assert!(fails(&[one, three]).ends_with("j.jsonl:2: step 3 stands where step 2 belongs"));
    assert!(fails(&[one, two, two, three]).ends_with("j.jsonl:3: step 2 stands where step 3 belongs"));
    assert!(fails(&[one, two]).ends_with("j.jsonl: ends where step 3 belongs"));
    assert!(fails(&[one, two, three, one]).ends_with("j.jsonl:4: step 1 does not belong to this run"));
}

#[test]
fn lines_are_put_into_another_order() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    let [one, two, three] = lines(&bytes)[..] else { unreachable!() };
    fs::write(&path, [three, one, two].concat()).unwrap();
    let mut journal = open(&path);
    let [first, second] = [three.len() as u64, (three.len() + one.len()) as u64];
    journal.reorder(0, &[first, second, 0]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    journal.reorder(one.len() as u64, &[(one.len() + two.len()) as u64, one.len() as u64]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [one, three, two].concat());
    fs::write(&path, &bytes).unwrap();
    let mut journal = open(&path);
    journal.append(&rows()[0]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [&bytes[..], one].concat());
}

#[test]
fn a_number_that_json_cannot_hold_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    let error = open(&path).append(&Row { value: f64::NAN, ..rows()[0].clone() }).unwrap_err();
    assert!(matches!(error, Error::Unwritable { n_records: 3, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn floats_come_back_to_the_last_bit() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = open(&temp.path().join("doubles"));
    let mut rng = ts_core::seed::SplitMix64::new(1);
    let mut written = Vec::new();
    while written.len() < 500 {
        let value = f64::from_bits(rng.next_u64());
        if value.is_finite() {
            journal.append(&Row { value, ..rows()[0].clone() }).unwrap();
            written.push(value.to_bits());
        }
    }
    assert!(read(journal.path()).iter().map(|row| row.value.to_bits()).eq(written));
}

#[test]
fn records_are_dropped_from_the_end() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let bytes = write(&path);
    let mut journal = open(&path);
    journal.truncate(7).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    journal.truncate(1).unwrap();
    assert_eq!((read(&path), journal.n_records()), (rows()[..1].to_vec(), 1));
    for row in &rows()[1..] {
        journal.append(row).unwrap();
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
    let mut journal = open(&path);
    journal.file.write_all(b"[\"to").unwrap();
    journal.is_torn = true;
    journal.append(&rows()[0]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [&bytes[..], lines(&bytes)[0]].concat());
}
