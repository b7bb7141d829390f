//! Samples of others: responses that another program sampled become a run's finished `sample` stage.
//!
//! In: a run, and files that [`ts_import::samples`] reads. Out: `samples.jsonl`, as sampling would have left it: `sample.n_samples`
//! responses to every training problem, in the problems' order, each by its tokens. The manifest keeps the files' names, digests and
//! format, and each record the row that it comes from.
//!
//! | what the file has | what the record has |
//! |---|---|
//! | token ids | those; a text beside them must be what they decode to |
//! | text | its tokens by the model's tokenizer, which must decode to that text; what opens the reasoning is left out where the prompt has it already |
//! | whether it ended | that; of text where it is not said, that it ended; of token ids, whether the last ends a text |
//! | more responses than `n_samples` | the first of them |
//! | fewer, to any problem | an error: selection compares responses of equal numbers |
//!
//! A problem is found by its identifier, or else by its question; of lighteval, which writes its instruction around it, by the longest
//! question that the query contains. Rows about other problems are counted and left out.

use std::collections::HashMap;
use std::path::PathBuf;

use ts_import::{Answer, Answered, SampleFormat, samples};
use ts_model::TextTokenizer;
use ts_run::digest::{sha256_file, short_digest};
use ts_run::manifest::ImportedFile;
use ts_run::records::SampleRecord;
use ts_run::{Journal, Key};

use crate::stage::Stage;
use crate::stages::work::{Made, Task, Tasks, Work};
use crate::{Error, Run};

/// Up to so many problems are looked for within a query.
const MOST_CONTAINED: usize = 2_000;

/// Why responses are not a run's samples.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// The stage is done, or has begun.
    #[error("{} has samples already", folder.display())]
    HasSamples {
        /// The run's folder.
        folder: PathBuf,
    },
    /// The import that began in the folder has not come to its end.
    #[error("an import of samples into {} was interrupted", folder.display())]
    Unfinished {
        /// The run's folder.
        folder: PathBuf,
    },
    /// A response cannot be one of this model to this problem.
    #[error("{place}, response {response}: {reason}")]
    NotAResponse {
        /// The file and the row.
        place: String,
        /// Which of the row's responses, from 1.
        response: usize,
        /// What is wrong.
        reason: String,
    },
    /// No row is about any of the run's problems.
    #[error("none of {n_rows} rows answers a training problem of the run; the first answers {first:?}")]
    NoMatch {
        /// How many rows there are.
        n_rows: u64,
        /// The first one's problem.
        first: String,
    },
    /// Problems with fewer responses than the recipe has.
    #[error(
        "problem `{problem}` has {n} responses, and sample.n_samples is {n_samples}; {n_problems} problems have too few, and {n_without} of \
         them none"
    )]
    TooFew {
        /// The first of them.
        problem: String,
        /// Its responses.
        n: u32,
        /// How many each must have.
        n_samples: u32,
        /// How many problems have too few.
        n_problems: u64,
        /// How many have none.
        n_without: u64,
        /// The least that any has.
        least: u32,
    },
}

impl ImportFault {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::HasSamples { .. } => "choose another folder with --out".to_owned(),
            Self::Unfinished { .. } => "start the same `ts-host import samples` again".to_owned(),
            Self::NotAResponse { .. } => "--skip-faulty passes over such responses and says which they are".to_owned(),
            Self::NoMatch { .. } => {
                "--train-problems must be the set that was sampled: `ts-host import` makes it of the same file or of its source"
                    .to_owned()
            }
            Self::TooFew { n_without, .. } if *n_without > 0 => {
                "leave problems without responses out of --train-problems".to_owned()
            }
            Self::TooFew { least, .. } => format!("--set sample.n_samples={least} takes so many of each, into a new folder"),
        }
    }
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedSamples {
    /// Responses that are the run's samples now.
    pub records: u64,
    /// Of those, how many came as text.
    pub from_text: u64,
    /// Responses beyond `sample.n_samples`, left out.
    pub beyond: u64,
    /// Rows about problems that the run does not train on, left out.
    pub elsewhere: u64,
    /// What was passed over as faulty: the first of them, and how many.
    pub faulty: (Vec<String>, u64),
}

/// Faults that are named.
const NAMED: usize = 20;

/// Makes responses in files a run's finished `sample` stage. With `skip_faulty`, rows and responses that cannot be taken are left out.
///
/// # Errors
/// [`ImportFault`]; those of the files; those of the run's folder. What was written until then counts for nothing.
pub fn import_samples(
    run: &mut Run<'_>,
    format: SampleFormat,
    files: &[PathBuf],
    skip_faulty: bool,
) -> Result<ImportedSamples, Error> {
    let started = std::time::Instant::now();
    let stage = Stage::Sample;
    let folder = run.folder.path().to_owned();
    let has_begun = std::fs::metadata(run.folder.path_of(stage.artefact())).is_ok_and(|file| file.len() > 0);
    let is_import = run.folder.state(stage.name()).is_some_and(|state| !state.imported.is_empty());
    if run.folder.is_done(stage.name()) || (has_begun && !is_import) {
        return Err(ImportFault::HasSamples { folder }.into());
    }
    let origins = origins(format, files)?;
    run.folder.mark_imported(stage.name(), origins.clone())?;
    let mut journal: Journal<SampleRecord> = run.folder.journal(stage.artefact(), run.seal(stage))?;
    journal.truncate(0)?;

    let mut import = Import::new(run, format, skip_faulty)?;
    for answered in samples(format, files.to_vec()) {
        match answered {
            Ok(answered) => import.take(answered, &mut journal)?,
            Err(error @ ts_import::Error::NotAProblem { .. }) if skip_faulty => {
                import.pass_over(error.to_string())
            }
            Err(error) => return Err(error.into()),
        }
    }
    journal.sync()?;
    drop(journal);
    let done = import.finish()?;
    for (origin, file) in origins.iter().zip(files) {
        if sha256_file(file)? != origin.sha256 {
            return Err(ts_run::Error::Altered { path: file.clone() }.into());
        }
    }
    let records = in_order(run)?;
    run.folder.mark_done(stage.name(), stage.artefact(), None, records, started.elapsed().as_secs_f64())?;
    Ok(ImportedSamples { records, ..done })
}

fn origins(format: SampleFormat, files: &[PathBuf]) -> Result<Vec<ImportedFile>, Error> {
    let origin = |file: &PathBuf| {
        let (format, sha256) = (format.name().to_owned(), sha256_file(file)?);
        Ok(ImportedFile { source: file.display().to_string(), sha256, format })
    };
    files.iter().map(origin).collect()
}

/// Holds the journal against the list of all samples, and puts it into that order.
fn in_order(run: &Run<'_>) -> Result<u64, Error> {
    let n_samples = run.recipe.sample.n_samples;
    let tasks = || -> Result<Tasks<'_, ()>, Error> {
        Ok(Box::new(run.train.problems()?.map(move |problem| {
            let id = problem?.id;
            Ok(Task { keys: (0..n_samples).map(|draw| Key::Draw(id.clone(), draw)).collect(), input: () })
        })))
    };
    let total = run.train.len() * u64::from(n_samples);
    let work = Work { run, stage: Stage::Sample, unit: "responses", total, workers: run.workers() };
    let missing = |(): &(), (): (), _: &[usize]| -> Result<Vec<Made<SampleRecord>>, Error> {
        Err(ImportFault::Unfinished { folder: run.folder.path().to_owned() }.into())
    };
    work.run(tasks, || Ok(()), missing, |_, _| Ok(()))
}

/// One import, on its way through the files.
struct Import<'a> {
    run: &'a Run<'a>,
    is_contained: bool,
    skip_faulty: bool,
    by_id: HashMap<String, usize>,
    by_question: HashMap<[u8; 16], usize>,
    /// For queries with an instruction around the question.
    questions: Vec<String>,
    /// Of each problem its responses so far.
    counts: Vec<u32>,
    ids: Vec<String>,
    reading: Reading<'a>,
    n_rows: u64,
    first_elsewhere: Option<String>,
    done: ImportedSamples,
}

impl<'a> Import<'a> {
    fn new(run: &'a Run<'a>, format: SampleFormat, skip_faulty: bool) -> Result<Self, Error> {
        let is_contained = format == SampleFormat::Lighteval && run.train.len() <= MOST_CONTAINED as u64;
        let (mut by_id, mut by_question) = (HashMap::new(), HashMap::new());
        let (mut questions, mut ids) = (Vec::new(), Vec::new());
        let mut first_prompt = None;
        for (index, problem) in run.train.problems()?.enumerate() {
            let problem = problem?;
            if first_prompt.is_none() {
                first_prompt = Some(run.prompt_text(&problem)?);
            }
            let question = problem.prompt.question().trim().to_owned();
            by_question.entry(short_digest(&question)).or_insert(index);
            if is_contained {
                questions.push(question);
            }
            by_id.insert(problem.id.clone(), index);
            ids.push(problem.id);
        }
        let opening = opening(&first_prompt.unwrap_or_default(), &run.recipe.prompt.reasoning_end);
        let reading = Reading {
            tokenizer: &run.tokenizer,
            end_of_text: run.end_of_text()?,
            opening,
            most: run.recipe.sample.max_new_tokens,
        };
        let done =
            ImportedSamples { records: 0, from_text: 0, beyond: 0, elsewhere: 0, faulty: (Vec::new(), 0) };
        let counts = vec![0; ids.len()];
        Ok(Self {
            run,
            is_contained,
            skip_faulty,
            by_id,
            by_question,
            questions,
            counts,
            ids,
            reading,
            n_rows: 0,
            first_elsewhere: None,
            done,
        })
    }

    /// Appends the responses of a row.
    fn take(&mut self, answered: Answered, journal: &mut Journal<SampleRecord>) -> Result<(), Error> {
        self.n_rows += 1;
        let Some(index) = self.problem_of(&answered) else {
            self.done.elsewhere += 1;
            self.first_elsewhere.get_or_insert_with(|| shown(&answered));
            return Ok(());
        };
        for (place, answer) in answered.responses.into_iter().enumerate() {
            if self.counts[index] == self.run.recipe.sample.n_samples {
                self.done.beyond += 1;
                continue;
            }
            let from_text = answer.tokens.is_none();
            let read = match self.reading.response(answer) {
                Ok(read) => read,
                Err(reason) => {
                    let fault = ImportFault::NotAResponse {
                        place: answered.place.clone(),
                        response: place + 1,
                        reason,
                    };
                    if !self.skip_faulty {
                        return Err(fault.into());
                    }
                    self.pass_over(fault.to_string());
                    continue;
                }
            };
            let (tokens, text, finished) = read;
            let imported = Some(format!("{}, response {}", answered.place, place + 1));
            let (problem, draw, seed, retokenised) =
                (self.ids[index].clone(), self.counts[index], 0, from_text);
            journal.append(&SampleRecord {
                problem,
                draw,
                seed,
                tokens,
                text,
                finished,
                retokenised,
                imported,
            })?;
            self.counts[index] += 1;
            self.done.from_text += u64::from(from_text);
        }
        Ok(())
    }

    fn problem_of(&self, answered: &Answered) -> Option<usize> {
        let by_id = answered.id.as_ref().and_then(|id| self.by_id.get(id).copied());
        let question = answered.question.as_ref().map(|question| question.trim());
        let by_question = || self.by_question.get(&short_digest(question?)).copied();
        let within = || {
            let query = question.filter(|_| self.is_contained)?;
            let held = self
                .questions
                .iter()
                .enumerate()
                .filter(|(_, it)| !it.is_empty() && query.contains(it.as_str()));
            held.max_by_key(|(_, question)| question.len()).map(|(index, _)| index)
        };
        by_id.or_else(by_question).or_else(within)
    }

    fn pass_over(&mut self, fault: String) {
        let (named, n) = &mut self.done.faulty;
        *n += 1;
        if named.len() < NAMED {
            named.push(fault);
        }
    }

    /// Checks that every problem has its responses.
    fn finish(self) -> Result<ImportedSamples, Error> {
        let n_samples = self.run.recipe.sample.n_samples;
        if self.counts.iter().all(|n| *n == 0) {
            let first = self.first_elsewhere.unwrap_or_default();
            return Err(ImportFault::NoMatch { n_rows: self.n_rows, first }.into());
        }
        if let Some(at) = self.counts.iter().position(|n| *n < n_samples) {
            let number = |is: &dyn Fn(u32) -> bool| self.counts.iter().filter(|n| is(**n)).count() as u64;
            return Err(ImportFault::TooFew {
                problem: self.ids[at].clone(),
                n: self.counts[at],
                n_samples,
                n_problems: number(&|n| n < n_samples),
                n_without: number(&|n| n == 0),
                least: self.counts.iter().copied().min().unwrap_or(0),
            }
            .into());
        }
        Ok(self.done)
    }
}

fn shown(answered: &Answered) -> String {
    let name = answered.id.as_ref().or(answered.question.as_ref()).cloned().unwrap_or_default();
    name.chars().take(100).collect()
}

/// What opens the reasoning, where prompts end with it: the tag, and the white space after it.
fn opening(prompt: &str, reasoning_end: &str) -> Option<(String, String)> {
    let tag = reasoning_end.strip_prefix("</").map(|rest| format!("<{rest}"))?;
    let before = prompt.trim_end();
    before.ends_with(&tag).then(|| (tag, prompt[before.len()..].to_owned()))
}

/// How a response is read.
struct Reading<'a> {
    tokenizer: &'a TextTokenizer,
    /// The tokens that end a text, the one that the template names first.
    end_of_text: Vec<u32>,
    opening: Option<(String, String)>,
    /// Most tokens, the end of text included.
    most: usize,
}

impl Reading<'_> {
    /// Tokens, text and whether it ended.
    fn response(&self, answer: Answer) -> Result<(Vec<u32>, String, bool), String> {
        let Answer { text, tokens, finished } = answer;
        let (mut tokens, said) = match (tokens, text) {
            (Some(tokens), text) => {
                self.check_tokens(&tokens, text.as_deref())?;
                let ended = finished.unwrap_or_else(|| self.ends(&tokens));
                (tokens, ended)
            }
            (None, Some(text)) => (self.tokens_of(&text)?, finished.unwrap_or(true)),
            (None, None) => return Err("it has neither a text nor tokens".to_owned()),
        };
        let ended = self.ends(&tokens);
        if said && !ended {
            tokens.push(*self.end_of_text.first().ok_or("the model has no token that ends a text")?);
        }
        if tokens.is_empty() {
            return Err("it is empty".to_owned());
        }
        if tokens.len() > self.most {
            let n = tokens.len();
            return Err(format!("it has {n} tokens, more than sample.max_new_tokens = {}", self.most));
        }
        let text = self.tokenizer.decode_plain(&tokens).map_err(|error| error.to_string())?;
        Ok((tokens, text, said || ended))
    }

    fn ends(&self, tokens: &[u32]) -> bool {
        tokens.last().is_some_and(|token| self.end_of_text.contains(token))
    }

    /// Checks that token ids are this model's: a text beside them is theirs.
    fn check_tokens(&self, tokens: &[u32], text: Option<&str>) -> Result<(), String> {
        if let Some(place) = tokens.iter().position(|&token| token as usize >= self.tokenizer.vocab_size()) {
            return Err(format!("token {} is none of the tokenizer's", tokens[place]));
        }
        let whole = self.tokenizer.decode(tokens).map_err(|error| error.to_string())?;
        let plain = self.tokenizer.decode_plain(tokens).map_err(|error| error.to_string())?;
        match text {
            Some(text) if ![&whole, &plain].iter().any(|it| it.trim() == text.trim()) => Err(format!(
                "its tokens are another text than the one beside them: {}",
                difference(text, &plain)
            )),
            _ => Ok(()),
        }
    }

    fn tokens_of(&self, text: &str) -> Result<Vec<u32>, String> {
        let text = match &self.opening {
            Some((tag, white)) => match text.trim_start().strip_prefix(tag.as_str()) {
                Some(rest) => rest.strip_prefix(white.as_str()).unwrap_or(rest),
                None => text,
            },
            None => text,
        };
        let tokens = self.tokenizer.encode(text).map_err(|error| error.to_string())?;
        let back = self.tokenizer.decode(&tokens).map_err(|error| error.to_string())?;
        match back == text {
            true => Ok(tokens),
            false => {
                Err(format!("the model's tokenizer does not give its text back: {}", difference(text, &back)))
            }
        }
    }
}

/// Where two texts part.
fn difference(one: &str, other: &str) -> String {
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let at = same.map_or(one.len().min(other.len()), |((at, _), _)| at);
    let from = |text: &str| text.get(at..).unwrap_or_default().chars().take(20).collect::<String>();
    format!("at byte {at}, {:?} and {:?}", from(one), from(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_the_reasoning_is_found_at_the_end_of_prompts() {
        let found = |prompt| opening(prompt, "</think>");
        let expected = |white: &str| Some(("<think>".to_owned(), white.to_owned()));
        assert_eq!(found("<|Assistant|><think>\n"), expected("\n"));
        assert_eq!(found("<|Assistant|><think>"), expected(""));
        assert_eq!(found("<|Assistant|>"), None);
        assert_eq!(found("say <think> and </think>"), None);
        assert_eq!(opening("x", "END"), None);
    }

    #[test]
    fn a_text_that_the_tokenizer_does_not_give_back_is_refused() {
        let json = serde_json::json!({
            "version": "1.0", "added_tokens": [{"id": 5, "content": "<end>", "special": true, "single_word": false, "lstrip": false,
                                                "rstrip": false, "normalized": false}],
            "normalizer": {"type": "NFC"}, "post_processor": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {"type": "BPE", "vocab": {"e": 0, "\u{cc}": 1, "\u{122}": 2, "\u{c3}": 3, "\u{a9}": 4}, "merges": []},
        });
        let tokenizer =
            TextTokenizer::from_bytes(json.to_string().as_bytes(), std::path::Path::new("t.json")).unwrap();
        let opening = Some(("<think>".to_owned(), "\n".to_owned()));
        let reading = Reading { tokenizer: &tokenizer, end_of_text: vec![5], opening, most: 4 };
        let text = |text: &str, finished| Answer { text: Some(text.to_owned()), tokens: None, finished };
        assert_eq!(reading.response(text("ee", None)), Ok((vec![0, 0, 5], "ee".to_owned(), true)));
        assert_eq!(reading.response(text("ee", Some(false))), Ok((vec![0, 0], "ee".to_owned(), false)));
        assert_eq!(reading.response(text("ee<end>", None)), Ok((vec![0, 0, 5], "ee".to_owned(), true)));
        assert_eq!(reading.response(text("<think>\ne", None)), Ok((vec![0, 5], "e".to_owned(), true)));
        // An e and an accent of its own, which NFC makes one character.
        let error = reading.response(text("ee\u{301}", None)).unwrap_err();
        assert!(error.starts_with("the model's tokenizer does not give its text back: at byte 1"), "{error}");
        let tokens = |tokens: &[u32]| Answer { text: None, tokens: Some(tokens.to_vec()), finished: None };
        assert_eq!(reading.response(tokens(&[0, 5])), Ok((vec![0, 5], "e".to_owned(), true)));
        assert_eq!(reading.response(tokens(&[0])), Ok((vec![0], "e".to_owned(), false)));
        assert!(reading.response(tokens(&[])).unwrap_err().contains("empty"));
        assert!(
            reading
                .response(tokens(&[0; 5]))
                .unwrap_err()
                .contains("it has 5 tokens, more than sample.max_new_tokens = 4")
        );
    }

    #[test]
    fn texts_part_at_a_character() {
        assert_eq!(difference("abc", "abd"), "at byte 2, \"c\" and \"d\"");
        assert_eq!(difference("äb", "äbc"), "at byte 3, \"\" and \"c\"");
    }
}
