//! A parquet file: its rows as JSON objects, nested columns as lists and objects, bytes in base64, moments as text.
//!
//! A damaged file, or one made to harm, has the library panic, or ask for any memory. So a program that calls
//! [`support_processes`] first reads in another process, which is this program again, started with [`ARGUMENT`] and the file's
//! path, and which the system ends at a limit of memory or of processor time. Any other program reads on a thread.
//!
//! In: the path. Out: lines of JSON, [`Message`]s: rows, and at last the end or what is wrong.

mod read;

use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::{Deserialize, Serialize};
use ts_lines::Lines;

use crate::{Fault, Fields, Place, Row, RowFault};

/// What a parquet file begins with, and ends with.
pub(crate) const MAGIC: &[u8] = b"PAR1";

/// The first argument of a process that reads; the others are the file's path and the most bytes of a row.
const ARGUMENT: &str = "--read-parquet";

/// Bytes of address space beyond what the process begins with. A page of a column is in memory as a whole, and its text again as JSON.
const MEMORY_BYTES: u64 = 2 << 30;

/// Seconds of processor time from one row to the next. The first of a group has all of its columns' pages to unpack.
const CPU_SECONDS: u64 = 60;

/// Rows that wait on their way from a thread.
const WAITING: usize = 16;

/// What the reader says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Row(Fields),
    TooLong,
    Fault(String),
    End,
}

/// Lets this program read parquet in a process of its own: this program, started again. To be called first in `main`. In such a
/// process it reads, and returns what came of that: then `main` is to end, with a status of failure for an error. In every other
/// process it returns `None` at once.
#[must_use = "a process that has done its work is to end"]
pub fn support_processes() -> Option<io::Result<()>> {
    if let Some(rest) = ts_confined::started_with(ARGUMENT, 2) {
        let most = rest[1].to_str().and_then(|most| most.parse().ok()).unwrap_or(0);
        return Some(serve(Path::new(&rest[0]), most));
    }
    ts_confined::allow();
    None
}

/// What is left of a table.
pub(crate) struct Table {
    from: From,
    n_rows: usize,
    most: usize,
}

enum From {
    Process(Process),
    Thread(Receiver<Message>),
}

/// Ended when it is not needed any more.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Table {
    pub(crate) fn open(path: &Path, most: usize) -> Result<Self, Fault> {
        let from = match ts_confined::program() {
            Some(program) => From::Process(Process::start(program, path, most)?),
            None => From::Thread(on_thread(path.to_owned(), most)),
        };
        Ok(Self { from, n_rows: 0, most })
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, Fault> {
        let message = match &mut self.from {
            From::Process(process) => process.next_message()?,
            From::Thread(receiver) => {
                receiver.recv().unwrap_or_else(|_| Message::Fault("the reader has failed".to_owned()))
            }
        };
        let place = Place::Row(self.n_rows + 1);
        match message {
            Message::Row(fields) => {
                self.n_rows += 1;
                Ok(Some(Row { place, fields }))
            }
            Message::End => Ok(None),
            Message::TooLong => {
                Err(Fault::Row { place, fault: RowFault::TooLong { what: "row", most: self.most } })
            }
            Message::Fault(reason) => Err(self.damaged(&reason)),
        }
    }

    fn damaged(&self, reason: &str) -> Fault {
        let fault = format!("the parquet file is damaged, or of a kind that is not read: {reason}");
        match self.n_rows {
            0 => Fault::File(fault),
            n => Fault::Row { place: Place::Row(n + 1), fault: RowFault::Malformed(fault) },
        }
    }
}

impl Process {
    fn start(program: &Path, path: &Path, most: usize) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(path).arg(most.to_string());
        // What the process says as it ends is said better by whoever started it.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let from = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        // A row's text within its message is a little longer.
        Ok(Self { child, lines: Lines::new(BufReader::new(from), most.saturating_add(64)) })
    }

    fn next_message(&mut self) -> io::Result<Message> {
        let line = self.lines.next_line().map_err(|fault| match fault {
            ts_lines::Fault::Read(error) => error,
            other => io::Error::other(other.to_string()),
        })?;
        let message = line.and_then(|(_, line)| serde_json::from_str(line).ok());
        match message {
            Some(message) => Ok(message),
            None => Ok(Message::Fault(self.end()?)),
        }
    }

    /// Why it ended without a word.
    fn end(&mut self) -> io::Result<String> {
        let status = self.child.wait()?;
        Ok(format!(
            "reading it took more than {} MiB of memory, or {CPU_SECONDS} seconds of processor time ({status})",
            MEMORY_BYTES >> 20
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing that it would have to put away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a file to standard output.
fn serve(path: &Path, most: usize) -> io::Result<()> {
    ts_confined::limit_memory(MEMORY_BYTES)?;
    ts_confined::limit_time(CPU_SECONDS)?;
    // Whoever started this process hears of a panic as a fault of the file.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut since_limit = 0;
    let mut tell = |message: Message| -> io::Result<()> {
        let line = match serde_json::to_vec(&message)? {
            line if line.len() > most.saturating_add(32) => serde_json::to_vec(&Message::TooLong)?,
            line => line,
        };
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        since_limit += line.len() + 256;
        if since_limit > 1 << 20 || !matches!(message, Message::Row(_)) {
            since_limit = 0;
            ts_confined::limit_time(CPU_SECONDS)?;
            out.flush()?;
        }
        Ok(())
    };
    let last = read_caught(path, &mut tell)?;
    tell(last)
}

/// Reads a file on a thread.
fn on_thread(path: PathBuf, most: usize) -> Receiver<Message> {
    let (sender, receiver) = sync_channel(WAITING);
    std::thread::spawn(move || {
        let tell = |message: Message| send(&sender, message, most);
        if let Ok(last) = read_caught(&path, &mut &tell) {
            let _ = sender.send(last);
        }
    });
    receiver
}

fn send(sender: &SyncSender<Message>, message: Message, most: usize) -> io::Result<()> {
    let is_short = |length: usize| length <= most.saturating_add(32);
    let message = match serde_json::to_vec(&message)? {
        line if is_short(line.len()) => message,
        _ => Message::TooLong,
    };
    sender.send(message).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// Gives each row, and at last what ends them; an error if nobody listens any more.
fn read_caught(path: &Path, tell: &mut dyn FnMut(Message) -> io::Result<()>) -> io::Result<Message> {
    let mut unheard = None;
    let mut give = |fields| match tell(Message::Row(fields)) {
        Ok(()) => true,
        Err(error) => {
            unheard = Some(error);
            false
        }
    };
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read::rows(path, &mut give)));
    let last = match read {
        Ok(Ok(())) => Message::End,
        Ok(Err(reason)) => Message::Fault(reason),
        Err(panic) => Message::Fault(what_it_says(panic.as_ref())),
    };
    unheard.map_or(Ok(last), Err)
}

fn what_it_says(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
}
