//! The session of the guide: from no project to the main job with one's own grader.
//!
//! In: the guide's console block. Out: nothing, or a failure. The main job is made small here; the times in
//! the guide are those of the whole.

use crate::readme;

/// Settings under which the main job takes seconds.
const SMALL: [&str; 7] = [
    "problems.max_train=12",
    "problems.max_heldout=6",
    "sample.n_samples=8",
    "refine.n_rewrites=8",
    "train.epochs=1",
    "eval.n_runs=2",
    "report.bootstrap_resamples=100",
];

/// Runs what is typed in the session, and compares what the commands before the main job print.
pub(crate) fn runs() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide.md")).unwrap();
    let session = guide.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let typed = |line: &str| Some(line.strip_prefix("$ ")?.split("  #").next()?.trim_end().to_owned());
    let small: String = SMALL.iter().map(|setting| format!(" --set {setting}")).collect();
    let mut commands: Vec<String> = session.lines().filter_map(typed).collect();
    let main_job = commands.last_mut().unwrap();
    assert!(main_job.starts_with("ts-host --plugin "), "{main_job}");
    main_job.push_str(&small);

    let folder = tempfile::tempdir().unwrap();
    let said = readme::run(folder.path(), folder.path(), "python", &commands.join("\n"));
    let before_the_main_job = session.rsplit_once("\n$ ").unwrap().0;
    for line in before_the_main_job
        .lines()
        .filter(|line| !line.starts_with("$ ") && !line.contains(" cases a second"))
    {
        assert!(said.contains(line), "`{line}` is not in what was printed:\n{said}");
    }
    assert!(said.contains("held-out problems, 2 runs at temperature"), "{said}");
}
