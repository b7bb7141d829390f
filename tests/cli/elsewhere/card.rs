//! The model card: there when the report is, of what the run says, and part of nothing that is checked.

use std::fs;

use super::{copy, host, text, tiny};
use crate::repository;

#[test]
fn a_card_is_written_with_the_report_and_no_digest_counts_it() {
    let host = host();
    // A base as the hub's cache has it, whose README says its licence and more than that.
    let base = host.path("hub/models--org--a-model/snapshots/0123456789abcdef0123456789abcdef01234567");
    copy(repository("host/embedded/checkpoints/plain").as_ref(), &base);
    let readme = "---\nlicense: other\nlicense_name: a-model-license\nlicense_link: LICENSE\ntags:\n- \"x\\u0027\"\n---\n# <img>\n";
    fs::write(base.join("README.md"), readme).unwrap();
    let model = base.to_str().unwrap().to_owned();
    host.run(&tiny(&["run", "--out", "run", "--model", &model]));
    let card = text(host.path("run/model/README.md"));
    let front = card.strip_prefix("---\n").unwrap().split("---\n").next().unwrap();
    assert_eq!(
        front,
        "base_model: org/a-model\nbase_model_relation: finetune\nlibrary_name: transformers\nlicense: other\n\
         license_name: a-model-license\nlicense_link: LICENSE\npipeline_tag: text-generation\ntags:\n- tokensqueeze\n- reasoning\n\
         - dpo\n- ts-host\n"
    );
    assert!(
        card.contains("- base: org/a-model\n- licence of the base, as it says itself: other\n"),
        "{card}"
    );
    // The table of the report, intervals and all.
    let report = text(host.path("run/report.md"));
    let table = report.lines().filter(|line| line.starts_with("| Acc, %") || line.starts_with("| Len-A"));
    assert!(table.clone().count() == 2 && table.into_iter().all(|row| card.contains(row)), "{card}");
    // It changes nothing: the run goes on, its card is made anew where it was lost, and the model is a model for the next round.
    host.run(&["run", "--out", "run"]);
    fs::remove_file(host.path("run/model/README.md")).unwrap();
    host.run(&["report", "run"]);
    assert_eq!(text(host.path("run/model/README.md")), card);
    // A run that takes the model over has no card before it has a report.
    host.run(&["train", "--from", "run", "--out", "heir"]);
    assert!(
        host.path("heir/model/model.safetensors").is_file() && !host.path("heir/model/README.md").exists()
    );
}

#[test]
fn a_base_that_says_no_licence_is_given_none() {
    let host = host();
    let base = host.path("my-model");
    copy(repository("host/embedded/checkpoints/plain").as_ref(), &base);
    fs::remove_file(base.join("README.md")).unwrap();
    host.run(&tiny(&["run", "--out", "run", "--model", "my-model"]));
    let card = text(host.path("run/model/README.md"));
    assert!(!card.contains("\nlicense") && !card.contains("base_model"), "{card}");
    assert!(
        card.contains("- base: my-model\n- licence of the base: not known here; it is the base's to say\n"),
        "{card}"
    );
}
