//! Stands in for the model in a run: writes the records of a stage that the model would make, thousands of
//! tokens each.
//!
//! Run with `stand_in RECIPE FOLDER STAGE`, where STAGE is `sample`, `refine`, `reference`, `eval-baseline`
//! or `eval-result`. The records go into the stage's journal, sealed as the run seals them, and `ts-host
//! STAGE` finds all of them there, checks them and takes the stage as done. `tests/python/bench_memory.py`
//! makes runs of any size with it in minutes.
//!
//! Texts are paragraphs of arithmetic in the embedded model's manner, and an answer that is correct for some
//! draws of every problem; tokens are those of its tokenizer. They derive from the problem and the draw.

use std::error::Error;
use std::path::Path;

use ts_core::Outcome;
use ts_core::seed::{SplitMix64, derive_seed};
use ts_model::TextTokenizer;
use ts_pipeline::progress::Silent;
use ts_pipeline::{PastRun, Run, Stage};
use ts_recipe::Loader;
use ts_run::records::{
    EvalRecord, ExampleRecord, ProblemRecord, ReferenceRecord, RefinedRecord, SampleRecord, SelectionRecord,
    StepRecord,
};
use ts_run::{Journal, Record};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tokens of a response's reasoning, at least and at most.
const TOKENS: [u64; 2] = [1000, 5000];
/// How many paragraphs there are to choose from.
const PARAGRAPHS: u64 = 2000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, folder, stage] = &arguments[..] else {
        return Err("usage: stand_in RECIPE FOLDER STAGE".into());
    };
    let stage = Stage::ALL.into_iter().find(|known| known.name() == stage).ok_or("no such stage")?;
    let recipe = Loader { shipped: ts_embedded::RECIPES }.load(recipe, Vec::new())?;
    let run = Run::open(recipe, Path::new(folder), None, String::new(), &Silent, None)?;
    let past = PastRun::open(Path::new(folder))?;
    let writer = Writer::new(&run)?;
    match stage {
        Stage::Sample => writer.samples()?,
        Stage::Refine => writer.refined(&past)?,
        Stage::Reference => writer.reference(&past)?,
        Stage::EvalBaseline => writer.evaluation(stage, 0)?,
        Stage::EvalResult => writer.evaluation(stage, 1)?,
        other => return Err(format!("`{}` needs no model", other.name()).into()),
    }
    Ok(())
}

/// A text and its tokens.
type Piece = (String, Vec<u32>);

/// A response in its parts.
struct Response<'a> {
    paragraphs: Vec<&'a Piece>,
    ending: Piece,
    is_correct: bool,
}

struct Writer<'a> {
    run: &'a Run<'a>,
    paragraphs: Vec<Piece>,
    end_of_text: u32,
}

impl<'a> Writer<'a> {
    fn new(run: &'a Run<'a>) -> Result<Self> {
        let end_of_text =
            run.tokenizer.token_id("<|endoftext|>").ok_or("not the embedded model's tokenizer")?;
        let mut random = SplitMix64::new(1);
        let paragraphs = (0..PARAGRAPHS).map(|_| piece(&run.tokenizer, paragraph(&mut random)));
        Ok(Self { run, paragraphs: paragraphs.collect::<Result<_>>()?, end_of_text })
    }

    fn journal<R: Record>(&self, stage: Stage) -> Result<Journal<R>> {
        Ok(self.run.folder.journal(stage.artefact(), self.run.seal(stage))?)
    }

    fn samples(&self) -> Result<()> {
        let mut journal = self.journal(Stage::Sample)?;
        for problem in self.run.train.problems()? {
            let problem = &problem?;
            for draw in 0..self.run.recipe.sample.n_samples {
                let (text, tokens) =
                    self.response(problem, u64::from(draw), "sample")?.whole(self.end_of_text);
                let (problem, seed) = (problem.id.clone(), u64::from(draw));
                let (finished, retokenised, imported) = (true, false, None);
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
            }
        }
        Ok(())
    }

    /// Every positive without every third of its paragraphs.
    fn refined(&self, past: &PastRun) -> Result<()> {
        let mut journal = self.journal(Stage::Refine)?;
        let mut selections = past.records::<SelectionRecord>(Stage::Select)?;
        for problem in self.run.train.problems()? {
            let problem = &problem?;
            let selection = selections.next().ok_or("selections are missing")??.record;
            for positive in selection.positives {
                let mut response = self.response(problem, u64::from(positive.draw), "sample")?;
                let tokens_before = response.n_tokens() as u32 + 1;
                let mut steps = Vec::new();
                let mut at = 0;
                response.paragraphs.retain(|paragraph| {
                    at += 1;
                    let (before, stays) = (paragraph.1.len() as u32, at % 3 != 0);
                    let after = if stays { before } else { 0 };
                    steps.push(StepRecord {
                        tokens_before: before,
                        tokens_after: after,
                        n_candidates: 64,
                        n_scored: 8,
                        n_tokens: 64 * u64::from(before),
                        kl_nats: (!stays).then_some(0.001),
                        n_refused: 0,
                        estimate: None,
                    });
                    stays
                });
                let (text, tokens) = response.whole(self.end_of_text);
                journal.append(&RefinedRecord {
                    problem: problem.id.clone(),
                    draw: positive.draw,
                    tokens_before,
                    tokens_after: tokens.len() as u32,
                    tokens,
                    text,
                    steps,
                    outcome: Outcome::Correct,
                    kept: true,
                    retokenised: false,
                    max_kl_nats: None,
                    drift: None,
                })?;
            }
        }
        Ok(())
    }

    fn reference(&self, past: &PastRun) -> Result<()> {
        let mut journal = self.journal(Stage::Reference)?;
        for row in past.records::<ExampleRecord>(Stage::Pair)? {
            let ExampleRecord { id, len_chosen, len_rejected, .. } = row?.record;
            let logp = |len: f64| -0.4 * len;
            let record =
                ReferenceRecord { id, chosen_logp: logp(len_chosen), rejected_logp: len_rejected.map(logp) };
            journal.append(&record)?;
        }
        Ok(())
    }

    /// Responses to the held-out problems, without so many paragraphs in three.
    fn evaluation(&self, stage: Stage, fewer: usize) -> Result<()> {
        let mut journal = self.journal(stage)?;
        for problem in self.run.heldout.problems()? {
            let problem = &problem?;
            for run in 0..self.run.recipe.eval.n_runs {
                let mut response = self.response(problem, u64::from(run), "eval")?;
                let mut at = 0;
                response.paragraphs.retain(|_| {
                    at += 1;
                    at % 3 >= fewer
                });
                let n_steps = response.paragraphs.len() as u32;
                let is_correct = response.is_correct;
                let (text, tokens) = response.whole(self.end_of_text);
                journal.append(&EvalRecord {
                    problem: problem.id.clone(),
                    run,
                    seed: u64::from(run),
                    difficulty: problem.difficulty,
                    outcome: if is_correct { Outcome::Correct } else { Outcome::Incorrect },
                    failure: None,
                    tokens: tokens.len() as u32,
                    n_steps,
                    step_tokens: tokens.len() as u32 - 20,
                    finished: true,
                    text,
                    retokenised: false,
                })?;
            }
        }
        Ok(())
    }

    /// The response to a problem with the number of this draw.
    fn response(&self, problem: &ProblemRecord, draw: u64, stage: &str) -> Result<Response<'_>> {
        let mut random = SplitMix64::new(derive_seed(7, stage, &problem.id, draw));
        // Some problems are hard, and none is hopeless.
        let ease = 0.1 + 0.8 * SplitMix64::new(derive_seed(7, "ease", &problem.id, 0)).next_f64();
        let is_correct = random.next_f64() < ease;
        let n_tokens = (TOKENS[0] + random.below(TOKENS[1] - TOKENS[0])) as usize;
        let mut paragraphs = Vec::new();
        let mut so_far = 0;
        while so_far < n_tokens {
            let paragraph = &self.paragraphs[random.below(PARAGRAPHS) as usize];
            so_far += paragraph.1.len();
            paragraphs.push(paragraph);
        }
        let other = random.below(1000).to_string();
        let answer = if is_correct { &problem.reference } else { &other };
        let ending = format!("So that is the answer.\n</think>\n\n\\boxed{{{answer}}}");
        Ok(Response { paragraphs, ending: piece(&self.run.tokenizer, ending)?, is_correct })
    }
}

impl Response<'_> {
    /// Its text, and its tokens with the one that ends it.
    fn whole(&self, end_of_text: u32) -> Piece {
        let pieces = || self.paragraphs.iter().copied().chain([&self.ending]);
        let text = pieces().map(|(text, _)| text.as_str()).collect();
        let tokens = pieces().flat_map(|(_, tokens)| tokens).copied().chain([end_of_text]).collect();
        (text, tokens)
    }

    fn n_tokens(&self) -> usize {
        self.paragraphs.iter().map(|(_, tokens)| tokens.len()).sum::<usize>() + self.ending.1.len()
    }
}

fn piece(tokenizer: &TextTokenizer, text: String) -> Result<Piece> {
    let tokens = tokenizer.encode(&text)?;
    Ok((text, tokens))
}

fn paragraph(random: &mut SplitMix64) -> String {
    let [a, b] = [10 + random.below(90), 10 + random.below(90)];
    let sum = a + b;
    match random.below(4) {
        0 => format!("Next I have to take the number {a} and add to it {b}. So the result is {sum}.\n\n"),
        1 => format!(
            "Wait, let me double-check this before I go on. Going back, {sum} minus {b} gives me {a}, which is what I had \
             before, so this is fine.\n\n"
        ),
        2 => format!("What comes next is the tens, where {a} plus {b} gives me {sum}, so I write {sum}.\n\n"),
        _ => format!(
            "Let me go on to the ones, where {sum} minus {a} gives me {b}, so I write {b} and borrow.\n\n"
        ),
    }
}
