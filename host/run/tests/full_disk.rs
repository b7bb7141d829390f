//! A journal on a disk that fills up: a real file, and a limit on its size that the system enforces.
//!
//! The test starts itself once more under `ulimit -f`, because the limit holds for a whole process.
#![cfg(unix)]

use std::process::Command;

use ts_run::records::ReferenceRecord;
use ts_run::{Error, Journal, Seal};

#[test]
fn a_write_that_fails_leaves_whole_records_and_an_open_journal() {
    let test = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact under_the_limit --ignored",
            test.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs a limit on the size of files, which the other test sets"]
fn under_the_limit() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("j.jsonl");
    let mut journal = Journal::open(&path, Seal::of("this run")).unwrap();
    let record = |id: &str| ReferenceRecord { id: id.to_owned(), chosen_logp: -1.5, rejected_logp: None };
    let long = record(&"x".repeat(1000));
    let error = (0..100).find_map(|_| journal.append(&long).err()).expect("a limit on the size of files");
    let n_records = journal.n_records();
    assert!(matches!(error, Error::Append { n_records: n, .. } if n == n_records), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("start the same command again"), "{hint}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), journal.end());

    // What still fits can still be appended.
    journal.append(&record("short")).unwrap();
    let records: Vec<ReferenceRecord> = journal.records().unwrap().map(|row| row.unwrap().record).collect();
    assert_eq!(records.len() as u64, n_records + 1);
    assert_eq!(records.last().map(|record| record.id.as_str()), Some("short"));
}
