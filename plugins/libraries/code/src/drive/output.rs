//! A test by standard input and output.
//!
//! In: the input, and the outputs of which any is right. Out: what came of it. Error output does not count:
//! no runner keeps it.

use super::{Failure, Job, Outcome, Tested, cut, ended_badly};

pub(super) fn test(job: &Job, input: &str, outputs: &[String]) -> Result<Tested, Failure> {
    let longest = outputs.iter().map(String::len).max().unwrap_or_default();
    let ran = job.run(job.limited(job.program, input, 2 * longest + 1024))?;
    if let Some(tested) = ended_badly(&ran.ending) {
        return Ok(tested);
    }
    let given = String::from_utf8_lossy(&ran.output);
    if !ran.output_cut && outputs.iter().any(|expected| job.problem.rule.texts_agree(&given, expected)) {
        return Ok(Tested::new(Outcome::Passed, ""));
    }
    let more = if ran.output_cut { ", and more than is kept" } else { "" };
    let expected = cut(outputs.first().map_or("", String::as_str));
    let why = format!("input `{}`, expected `{expected}`, got `{}`{more}", cut(input), cut(&given));
    Ok(Tested::new(Outcome::WrongAnswer, why))
}
