//! Event files of TensorBoard: scalars over steps, which trackers such as `trackio` and `wandb` read too.
//!
//! In: a folder, and scalars by tag and step. Out: a file that TensorBoard follows while it grows. Every event is handed to the
//! operating system in one write, and a reader takes a torn last one for one that is still to come, so a file is readable at any time
//! and after any end of its writer. Times come from the caller.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("events-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let mut file = ts_events::EventFile::create(&folder, 1_764_460_800.0)?;
//! file.scalars(1, 1_764_460_801.0, &[("train/loss", 0.5)])?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod protobuf;
mod record;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use protobuf::Message;

/// An event file open for writing.
#[derive(Debug)]
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Begins a file in a folder that exists. Its name has the time in it, seconds since 1970, so that a reader that follows the folder
    /// goes on to it from one that was begun earlier; its first events say that steps begin anew.
    ///
    /// # Errors
    /// The file cannot be created or written, or is there already.
    pub fn create(folder: &Path, wall_time: f64) -> io::Result<Self> {
        let millis = (wall_time.max(0.0) * 1e3) as u64;
        let name = format!("events.out.tfevents.{:010}.{:03}.ts-host", millis / 1000, millis % 1000);
        let file = File::options().append(true).create_new(true).open(folder.join(name))?;
        let mut events = Self { file };
        events.write(Message::event(wall_time, 0).text(3, "brain.Event:2"))?;
        // SessionLog { status: START }: a reader that had seen later steps forgets them.
        events.write(Message::event(wall_time, 0).message(7, Message::default().number(1, 1)))?;
        Ok(events)
    }

    /// Writes the scalars of a step. One that is not finite is shown as such.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn scalars(&mut self, step: u64, wall_time: f64, scalars: &[(&str, f64)]) -> io::Result<()> {
        let value = |summary: Message, (tag, value): &(&str, f64)| {
            summary.message(1, Message::default().text(1, tag).float(2, *value as f32))
        };
        let summary = scalars.iter().fold(Message::default(), value);
        self.write(Message::event(wall_time, step).message(5, summary))
    }

    fn write(&mut self, event: Message) -> io::Result<()> {
        self.file.write_all(&record::framed(&event.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that TensorBoard's own writer makes of the same events.
    #[test]
    fn a_file_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(folder.path(), 1.5).unwrap();
        file.scalars(300, 2.25, &[("train/loss", 0.5), ("x", -1.0)]).unwrap();
        let bytes = std::fs::read(folder.path().join("events.out.tfevents.0000000001.500.ts-host")).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = [
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c",
            "0d000000000000003c37b83409000000000000f83f3a020801b718825c",
            "2b00000000000000861bc34b09000000000000024010ac022a1d0a110a0a747261696e2f6c6f7373150000003f0a080a017815000080bf076313ec",
        ];
        assert_eq!(hex, expected.concat());
        assert!(EventFile::create(folder.path(), 1.5).is_err(), "a file is never written over");
    }
}
