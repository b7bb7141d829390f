//! Pages of runs that were never run: as hostile as text can be, and as large as a page has to stand.
//!
//! In: records that are made here, sealed as a run seals them. Out: what `report` makes of their folder.

use std::fs;
use std::path::Path;
use std::time::Instant;

use ts_core::Outcome;
use ts_recipe::{Loader, Override, Recipe};
use ts_run::manifest::{FORMAT, Manifest, ModelOrigin, PluginOrigin, ProblemSetOrigin};
use ts_run::records::{
    EvalRecord, ExampleKind, ExampleRecord, GradeRecord, PositiveRecord, ProblemRecord, ReferenceRecord,
    RefinedRecord, SampleRecord, SelectionRecord, StepRecord, TrainRecord,
};
use ts_run::seal::seal_text;
use ts_run::{Artefact, ProblemFile, Record, RunFolder};

use crate::identity;
use crate::report::Report;
use crate::report::compare::{Given, compare, gather, page};
use crate::report::summary::report;
use crate::stage::Stage;

/// What is dangerous in HTML, in a terminal, and to a reader's eyes.
const HOSTILE: &str = "</td></pre></script><script>window.brought=1</script><img src=x onerror=alert(1)>&lt;b>\"'\u{202e}abc\u{1b}[2J\u{0}\u{9b}";

/// What a run that was never run is made of.
struct Made {
    recipe: Recipe,
    folder: RunFolder,
}

/// Its size.
struct Size {
    n_problems: usize,
    n_runs: u32,
    /// Of every problem one positive, which has this text before, with a line feed and an empty line between its steps.
    text: String,
}

/// Writes a run. Every text in it has `hostile` in it, and every name but the run's own, which a recipe has in plain letters.
fn made(path: &Path, size: &Size, hostile: &str) -> Made {
    let overrides = ["sample.n_samples=1", "report.bootstrap_resamples=200"]
        .map(|text| text.parse::<Override>().unwrap());
    let recipe = Loader { shipped: ts_embedded::RECIPES }.load("default", overrides.to_vec()).unwrap();
    fs::create_dir_all(path).unwrap();
    let problem = |id: usize| ProblemRecord {
        id: problem_id(id, hostile),
        prompt: format!("What is {id}? {hostile}").as_str().into(),
        reference: format!("{id}{hostile}"),
        difficulty: Some(id as u32 % 3),
        metadata: Default::default(),
    };
    let sets =
        [(Artefact::ProblemsTrain, "train"), (Artefact::ProblemsHeldout, "heldout")].map(|(set, split)| {
            let kept = ProblemFile::keep(&set.path_in(path), (0..size.n_problems).map(|id| Ok(problem(id))))
                .unwrap();
            let (source, sha256) = (format!("{hostile}.jsonl"), kept.sha256().to_owned());
            ProblemSetOrigin {
                split: split.to_owned(),
                source,
                prompts_sha256: sha256.clone(),
                sha256,
                n: size.n_problems as u64,
            }
        });
    let manifest = Manifest {
        format: FORMAT,
        created: "2026-01-01T00:00:00Z".to_owned(),
        ts_host_version: hostile.to_owned(),
        run_seed: recipe.run.seed,
        device: hostile.to_owned(),
        workers: 2,
        recipe_sha256: identity::recipe_sha256(&recipe).unwrap(),
        model: ModelOrigin { source: hostile.to_owned(), sha256: hostile.to_owned() },
        plugins: vec![PluginOrigin {
            role: "verifier".to_owned(),
            name: hostile.to_owned(),
            version: hostile.to_owned(),
            sha256: hostile.to_owned(),
            origin: hostile.to_owned(),
        }],
        problems: sets.to_vec(),
        stages: Default::default(),
        adopted: None,
        shard: None,
        check: String::new(),
    };
    // The problems come last, as the folder must be empty at first.
    let problems = [Artefact::ProblemsTrain, Artefact::ProblemsHeldout]
        .map(|set| (set, fs::read(set.path_in(path)).unwrap()));
    problems.iter().for_each(|(set, _)| fs::remove_file(set.path_in(path)).unwrap());
    let folder = RunFolder::create_or_resume(path, &manifest).unwrap();
    problems.iter().for_each(|(set, bytes)| fs::write(set.path_in(path), bytes).unwrap());
    fs::write(Artefact::Recipe.path_in(path), seal_text(&recipe.to_toml().unwrap())).unwrap();
    let mut made = Made { recipe, folder };
    made.stages(size, hostile);
    made
}

fn problem_id(id: usize, hostile: &str) -> String {
    format!("p{id:05}{hostile}")
}

impl Made {
    fn write<R: Record>(&mut self, stage: Stage, records: impl IntoIterator<Item = R>) {
        let seal = identity::seal(stage, &self.recipe, self.folder.manifest());
        let mut journal = self.folder.journal::<R>(stage.artefact(), seal).unwrap();
        records.into_iter().for_each(|record| journal.append(&record).unwrap());
        journal.sync().unwrap();
        let n = journal.n_records();
        drop(journal);
        self.folder.mark_done(stage.name(), stage.artefact(), None, n, 1.0).unwrap();
    }

    fn stages(&mut self, size: &Size, hostile: &str) {
        let ids = || (0..size.n_problems).map(|id| problem_id(id, hostile));
        let text = |run: u32| format!("{}\n\n{hostile} {run}\n\n\\boxed{{1}}", size.text);
        let tokens = |after: bool, id: usize| 8_000 / (1 + u32::from(after)) + id as u32 % 100;
        for (stage, after) in [(Stage::EvalBaseline, false), (Stage::EvalResult, true)] {
            let records = ids().enumerate().flat_map(|(at, problem)| {
                (0..size.n_runs).map(move |run| {
                    let correct = !(at + run as usize + usize::from(after)).is_multiple_of(3);
                    EvalRecord {
                        problem: problem.clone(),
                        run,
                        seed: 0,
                        difficulty: Some(at as u32 % 3),
                        outcome: if correct { Outcome::Correct } else { Outcome::Incorrect },
                        failure: None,
                        tokens: tokens(after, at),
                        n_steps: 3,
                        step_tokens: 300,
                        finished: true,
                        text: String::new(),
                        retokenised: false,
                    }
                })
            });
            self.write(stage, records.map(|record| EvalRecord { text: text(record.run), ..record }));
        }
        let sample = |problem: String| SampleRecord {
            problem,
            draw: 0,
            seed: 0,
            tokens: vec![1; 40],
            text: text(0),
            finished: true,
            retokenised: false,
            imported: None,
        };
        self.write(Stage::Sample, ids().map(sample));
        let grade = |problem: String| GradeRecord {
            problem,
            draw: 0,
            outcome: Outcome::Correct,
            score: 1.0,
            answer: None,
            note: hostile.to_owned(),
            failure: None,
            fuel: None,
        };
        self.write(Stage::Grade, ids().map(grade));
        let selection = |problem: String| SelectionRecord {
            problem,
            n_responses: 1,
            n_correct: 1,
            pass_rate: 1.0,
            positives: vec![PositiveRecord { draw: 0, weight: 1.0, keep_steps: None }],
            pairs: Vec::new(),
            sequences: Vec::new(),
        };
        self.write(Stage::Select, ids().map(selection));
        let step = StepRecord {
            tokens_before: 20,
            tokens_after: 10,
            n_candidates: 1,
            n_scored: 1,
            n_tokens: 64,
            kl_nats: Some(0.001),
            n_refused: 0,
            estimate: None,
        };
        let refined = |problem: String| RefinedRecord {
            problem,
            draw: 0,
            tokens: vec![1; 20],
            text: text(1),
            steps: vec![step.clone(), step.clone()],
            tokens_before: 40,
            tokens_after: 20,
            outcome: Outcome::Correct,
            kept: true,
            retokenised: false,
            max_kl_nats: None,
            drift: None,
        };
        self.write(Stage::Refine, ids().map(refined));
        let example = |problem: String| ExampleRecord {
            id: format!("{problem}/0"),
            problem,
            kind: ExampleKind::Sft,
            chosen: 0,
            rejected: None,
            len_chosen: 20.0,
            len_rejected: None,
            weight: 1.0,
        };
        self.write(Stage::Pair, ids().map(example));
        let reference = |problem: String| ReferenceRecord {
            id: format!("{problem}/0"),
            chosen_logp: -1.0,
            rejected_logp: None,
        };
        self.write(Stage::Reference, ids().map(reference));
        let train = |step: u64| TrainRecord {
            step,
            epoch: 0,
            loss: 1.0 / step as f64,
            dpo_loss: Some(0.5),
            sft_loss: Some(0.25),
            sequence_loss: None,
            reward_margin: Some(0.1 * step as f64),
            reward_accuracy: Some(1.0),
            grad_norm: 1.0,
            learning_rate: 1e-5,
            tokens: 10,
            reward_chosen: Some(0.0),
            reward_rejected: Some(-0.1 * step as f64),
        };
        self.write(Stage::Train, (1..=10).map(train));
    }
}

/// The page of a run's folder, as it is written.
fn page_of(path: &Path) -> (String, Report) {
    let report = report(path).unwrap();
    (fs::read_to_string(Artefact::ReportHtml.path_in(path)).unwrap(), report)
}

/// No element but ours, and nothing that a reader does not see.
fn assert_is_text(page: &str) {
    for forbidden in ["<script", "<img", "<iframe", "<b>\"", "alert(1)>", "</pre>"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let seen = |c: char| c == '\n' || !ts_text::is_invisible(c);
    assert!(page.chars().all(seen), "{:?}", page.chars().find(|c| !seen(*c)));
    for tag in ["td", "details", "section", "main", "svg", "p", "tr", "table"] {
        let (opened, closed) = (
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count(),
            page.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(opened, closed, "{tag}");
    }
}

#[test]
fn what_comes_from_outside_is_text_in_the_page() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    let size = Size { n_problems: 4, n_runs: 2, text: format!("{HOSTILE}\n\n{HOSTILE}") };
    drop(made(&path, &size, HOSTILE));
    let (page, report) = page_of(&path);
    assert_is_text(&page);
    let shown = r"&lt;script&gt;window.brought=1&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&amp;lt;b&gt;&quot;'\u{202e}abc\u{1b}[2J\u{0}\u{9b}";
    // Plugins, model, device, problem sets, prompts, references, responses.
    assert!(page.matches(shown).count() > 40, "{}", page.matches(shown).count());
    assert!(report.to_markdown().chars().all(|c| c == '\n' || !ts_text::is_invisible(c)));
    // The same folder, the same bytes.
    assert_eq!(page_of(&path).0, page);
    for part in ["Became wrong", "Became right", "Shortened most", "Rewritten most in stage 2"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_comes_from_outside_is_text_in_a_comparison() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    drop(made(&path, &Size { n_problems: 4, n_runs: 2, text: HOSTILE.to_owned() }, HOSTILE));
    let given =
        |name: &str| Given { name: Some(format!("{name}{HOSTILE}")), strength: None, folder: path.clone() };
    let rivals = gather(&[given("a"), given("b")], "train.learning_rate").unwrap();
    let page = page(&rivals, &compare(&rivals).unwrap()).unwrap();
    assert_is_text(&page);
    assert!(page.matches("&lt;img src=x").count() > 20);
}

/// Where every character is one that is written in ten, and every step as short as steps are, a page has its bound too.
#[test]
fn no_text_makes_a_page_of_more_than_five_megabytes() {
    let place = tempfile::tempdir().unwrap();
    let texts = ["\u{e0041}".repeat(60_000), "&\n\n".repeat(60_000), "& ".repeat(60_000)];
    for (index, text) in texts.into_iter().enumerate() {
        let path = place.path().join(index.to_string());
        drop(made(&path, &Size { n_problems: 12, n_runs: 2, text }, ""));
        let (page, _) = page_of(&path);
        assert!(page.len() < 5_000_000, "{}", page.len());
    }
}

/// 10,000 responses of 8,000 tokens, before and after: 32,000 characters each. PAGE_OUT names a file to copy the page to.
#[test]
#[ignore = "writes 700 MB"]
fn ten_thousand_responses_of_eight_thousand_tokens() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    let step = "Let me go on to the tens, where 3 plus 5 gives me 8, so I write 8, and then I look at it once more.\n\n";
    drop(made(&path, &Size { n_problems: 1250, n_runs: 8, text: step.repeat(32_000 / step.len()) }, ""));
    let begun = Instant::now();
    let (page, report) = page_of(&path);
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(report.baseline.summary.n_responses, 10_000);
    println!("report.html: {} bytes, made in {seconds:.1} s", page.len());
    assert!(page.len() < 5_000_000, "{}", page.len());
    if let Some(out) = std::env::var_os("PAGE_OUT") {
        fs::write(out, page).unwrap();
    }
}
