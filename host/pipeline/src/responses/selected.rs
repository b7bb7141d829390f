//! What a run has of each problem after stage 2, problem by problem: the responses, the selection, the
//! refined positives.
//!
//! The artefacts are in the order of the problems, so they are read side by side, and only one problem's part
//! of each is held.

use std::collections::BTreeMap;

use ts_run::records::{
    ExampleKind, ExampleRecord, ProblemRecord, RefinedRecord, SampleRecord, SelectionRecord,
};
use ts_run::{Key, Records};

use crate::stage::Stage;
use crate::{Error, Run};

/// What there is of one problem after selection.
pub(crate) struct Selected {
    pub(crate) selection: SelectionRecord,
    /// By draw, with the places of their lines.
    samples: BTreeMap<u32, (SampleRecord, u64)>,
}

/// What there is of one problem after stage 2.
pub(crate) struct Responses {
    pub(crate) selected: Selected,
    /// By draw, with the places of their lines.
    refined: BTreeMap<u32, (RefinedRecord, u64)>,
}

/// A response, as it was sampled or refined.
#[derive(Clone, Copy)]
pub(crate) struct Response<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) text: &'a str,
    /// Whether it, or a rewrite in it, came as text alone and was tokenised here.
    pub(crate) retokenised: bool,
    pub(crate) place: Place,
}

/// Where a response stands: which artefact, and where its line begins, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Sampled(u64),
    Refined(u64),
}

impl Selected {
    /// A response, and where its line begins, in bytes.
    fn placed(&self, draw: u32) -> Result<&(SampleRecord, u64), Error> {
        self.samples.get(&draw).ok_or_else(|| self.no_draw(draw))
    }

    /// A response.
    pub(crate) fn sample(&self, draw: u32) -> Result<&SampleRecord, Error> {
        self.placed(draw).map(|(sample, _)| sample)
    }

    /// A selection that names a response which there is not.
    fn no_draw(&self, draw: u32) -> Error {
        let message = format!("problem `{}` has no draw {draw}", self.selection.problem);
        Error::Inconsistent { file: "selection.jsonl", message }
    }
}

impl Responses {
    /// A response as it was sampled.
    pub(crate) fn sampled(&self, draw: u32) -> Result<Response<'_>, Error> {
        let (sample, offset) = self.selected.placed(draw)?;
        let SampleRecord { tokens, text, retokenised, .. } = sample;
        Ok(Response { tokens, text, retokenised: *retokenised, place: Place::Sampled(*offset) })
    }

    /// A preferred response: refined if it was; none if refinement dropped it.
    pub(crate) fn preferred(&self, draw: u32) -> Result<Option<Response<'_>>, Error> {
        match self.refined.get(&draw) {
            Some((refined, _)) if !refined.kept => Ok(None),
            Some((RefinedRecord { tokens, text, retokenised, .. }, offset)) => {
                Ok(Some(Response { tokens, text, retokenised: *retokenised, place: Place::Refined(*offset) }))
            }
            None => self.sampled(draw).map(Some),
        }
    }

    /// The two responses of an example, the other one for a pair.
    pub(crate) fn sides(
        &self,
        example: &ExampleRecord,
    ) -> Result<(Response<'_>, Option<Response<'_>>), Error> {
        let chosen = match example.kind {
            ExampleKind::Sequence => Some(self.sampled(example.chosen)?),
            ExampleKind::Pair | ExampleKind::Sft => self.preferred(example.chosen)?,
        };
        let chosen = chosen.ok_or_else(|| self.selected.no_draw(example.chosen))?;
        Ok((chosen, example.rejected.map(|draw| self.sampled(draw)).transpose()?))
    }
}

/// Reads [`Selected`], problem by problem.
pub(crate) struct SelectedReader {
    n_samples: u32,
    samples: Records<SampleRecord>,
    selections: Records<SelectionRecord>,
}

impl SelectedReader {
    pub(crate) fn open(run: &Run<'_>) -> Result<Self, Error> {
        Ok(Self {
            n_samples: run.recipe.sample.n_samples,
            samples: run.records(Stage::Sample)?,
            selections: run.records(Stage::Select)?,
        })
    }

    /// Of the next problem, which must be this one.
    pub(crate) fn of(&mut self, problem: &ProblemRecord) -> Result<Selected, Error> {
        let selection = self.selections.expect(&Key::Problem(problem.id.clone()))?.record;
        let mut samples = BTreeMap::new();
        for draw in 0..self.n_samples {
            let row = self.samples.expect(&Key::Draw(problem.id.clone(), draw))?;
            samples.insert(draw, (row.record, row.offset));
        }
        Ok(Selected { selection, samples })
    }
}

/// Reads [`Responses`], problem by problem.
pub(crate) struct ResponseReader {
    selected: SelectedReader,
    refined: Records<RefinedRecord>,
}

impl ResponseReader {
    pub(crate) fn open(run: &Run<'_>) -> Result<Self, Error> {
        Ok(Self { selected: SelectedReader::open(run)?, refined: run.records(Stage::Refine)? })
    }

    /// Of the next problem, which must be this one.
    pub(crate) fn of(&mut self, problem: &ProblemRecord) -> Result<Responses, Error> {
        let selected = self.selected.of(problem)?;
        let mut refined = BTreeMap::new();
        for positive in &selected.selection.positives {
            let row = self.refined.expect(&Key::Draw(problem.id.clone(), positive.draw))?;
            refined.insert(positive.draw, (row.record, row.offset));
        }
        Ok(Responses { selected, refined })
    }
}

/// How many of something the selections have, all together.
pub(crate) fn count_selected(run: &Run<'_>, of: impl Fn(&SelectionRecord) -> usize) -> Result<u64, Error> {
    let mut count = 0;
    let mut selections = run.records::<SelectionRecord>(Stage::Select)?;
    for problem in run.train.problems()? {
        count += of(&selections.expect(&Key::Problem(problem?.id))?.record) as u64;
    }
    Ok(count)
}
