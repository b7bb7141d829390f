//! The service over two streams: an item a line in, an answer a line out, in the order of the items.
//!
//! In: lines of JSON, each an item as in `item.rs`; blank lines are passed over. Out: as many lines. A line
//! that is not an item is answered with an error that says which line and why, and the next one is read. The
//! end of the input is the end.
//!
//! As many lines as the queue holds are read ahead, within the bytes that may be held. A line has the
//! deadline's time from when its work begins: nobody waits for one line alone, and the queue may be long.
//!
//! There are no turns: the lines are one client's.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TryRecvError, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::client::Client;
use crate::items::Place;
use crate::queue::Request;
use crate::refusal::Refusal;
use crate::service::{Service, Shared};

/// What one line is answered with, now or later.
enum Pending {
    Refused(Refusal),
    Asked(Arc<Request>, oneshot::Receiver<Result<(), Refusal>>),
}

/// Grades every line of `input`.
///
/// # Errors
///
/// A stream fails; of kind [`io::ErrorKind::BrokenPipe`] if nobody reads the answers any more.
pub fn stdio(
    service: &Service,
    input: impl BufRead + Send + 'static,
    output: &mut impl Write,
) -> io::Result<()> {
    let shared = Arc::clone(&service.shared);
    let (to, pending) = sync_channel(shared.options.queue.max(1));
    // It is left behind where the answers' reader goes first: nothing interrupts a read.
    thread::Builder::new().name("read".into()).spawn(move || read_all(input, &shared, &to))?;
    loop {
        let next = match pending.try_recv() {
            Ok(next) => next,
            Err(TryRecvError::Disconnected) => return output.flush(),
            Err(TryRecvError::Empty) => {
                // Whoever sends the next line may be waiting for this answer.
                output.flush()?;
                let Ok(next) = pending.recv() else { return Ok(()) };
                next
            }
        };
        let (number, pending) = next?;
        let (outcome, text) = answer(pending, number, output)?;
        service.shared.metrics.item(outcome);
        writeln!(output, "{text}")?;
    }
}

/// Waits for the answer to a line: its outcome, and its JSON.
fn answer(pending: Pending, number: usize, output: &mut impl Write) -> io::Result<(&'static str, String)> {
    let (request, mut word) = match pending {
        Pending::Refused(refusal) => return Ok(refused(&refusal, number)),
        Pending::Asked(request, word) => (request, word),
    };
    let result = match word.try_recv() {
        Ok(result) => result,
        Err(_) => {
            output.flush()?;
            word.blocking_recv().unwrap_or(Err(Refusal::Internal))
        }
    };
    let answer = request.take_answers().and_then(|mut answers| answers.answers.pop());
    Ok(match (result, answer) {
        (Ok(()), Some(answer)) => (answer.outcome, answer.text),
        (Ok(()), None) => refused(&Refusal::Internal, number),
        (Err(refusal), _) => refused(&refusal, number),
    })
}

/// The answer to a line that is refused.
fn refused(refusal: &Refusal, number: usize) -> (&'static str, String) {
    let mut failure = refusal.failure();
    failure.message = failure.message.replace("the body", &format!("line {number}"));
    let answer = Answer::failed(failure);
    (answer.outcome(), answer.to_json("null"))
}

fn read_all(mut input: impl BufRead, shared: &Arc<Shared>, to: &SyncSender<io::Result<(usize, Pending)>>) {
    for number in 1.. {
        let next = match read_line(&mut input, shared.options.max_body_bytes) {
            Ok(None) => return,
            Ok(Some(Line::Whole(bytes))) if bytes.trim_ascii().is_empty() => continue,
            Ok(Some(Line::Whole(bytes))) => Ok((number, ask(bytes, number, shared))),
            Ok(Some(Line::TooLong)) => {
                Ok((number, Pending::Refused(Refusal::BodyTooLarge(shared.options.max_body_bytes))))
            }
            Err(error) => Err(error),
        };
        let is_last = next.is_err();
        // Where nobody takes the answers there is nothing left to do.
        if to.send(next).is_err() || is_last {
            return;
        }
    }
}

/// Puts a line into the queue when there is room for it.
fn ask(mut bytes: Vec<u8>, number: usize, shared: &Arc<Shared>) -> Pending {
    bytes.shrink_to_fit();
    let held = shared.budget.wait_for(Client::Lines, bytes.len());
    let deadline = Some(shared.options.deadline);
    let (request, word) = Request::new(Client::Lines, bytes, Place::Line(number), deadline, held);
    let request = Arc::new(request);
    shared.queue.push(&request);
    Pending::Asked(request, word)
}

enum Line {
    Whole(Vec<u8>),
    /// More bytes than may be; they are read and gone.
    TooLong,
}

/// Reads a line of at most `most` bytes, and of a longer one nothing but its end.
fn read_line(input: &mut impl BufRead, most: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    input.by_ref().take(most as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') || line.len() <= most {
        return Ok(Some(Line::Whole(line)));
    }
    input.skip_until(b'\n')?;
    Ok(Some(Line::TooLong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::service::tests::obedient;
    use serde_json::Value;

    fn answers(input: String, options: Options) -> Vec<Value> {
        let mut output = Vec::new();
        stdio(&obedient(options), io::Cursor::new(input), &mut output).unwrap();
        let lines = String::from_utf8(output).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn answers_keep_the_order_of_the_lines() {
        let line = |index: usize| {
            let reference = ["sleep", "correct", "incorrect", "fail"][index % 4];
            format!("{{\"id\":{index},\"reference\":\"{reference}\",\"response\":\"\"}}\n")
        };
        let options = Options { workers: 4, queue: 3, ..Options::default() };
        let answers = answers((0..40).map(line).collect(), options);
        let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (0..40).collect::<Vec<u64>>());
        assert_eq!(answers[3]["error"]["kind"], "out_of_fuel");
        assert!(answers[3]["verdict"].is_null());
    }

    #[test]
    fn a_line_that_is_no_item_is_answered_in_its_place() {
        let good = r#"{"reference":"correct","response":""}"#;
        let long = format!(r#"{{"reference":"correct","response":"{}"}}"#, "x".repeat(200));
        let input = format!("{good}\n\nnonsense\n{long}\n{{}}\n{good}");
        let answers = answers(input, Options { max_body_bytes: 100, ..Options::default() });
        let said: Vec<_> = answers
            .iter()
            .map(|answer| answer["verdict"].as_str().or(answer["error"]["message"].as_str()).unwrap())
            .collect();
        assert_eq!(said.len(), 5, "{said:?}");
        assert_eq!((said[0], said[4]), ("correct", "correct"));
        assert!(said[1].starts_with("line 3: not JSON"), "{said:?}");
        assert_eq!(said[2], "line 4 has more than 100 bytes");
        assert_eq!(said[3], "line 5: field `reference` is missing");
    }

    #[test]
    fn a_reader_that_goes_is_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let input = "{\"reference\":\"correct\",\"response\":\"\"}\n".repeat(10);
        let service = obedient(Options { queue: 2, ..Options::default() });
        let error = stdio(&service, io::Cursor::new(input), &mut Gone).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
