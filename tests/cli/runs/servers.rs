//! Runs whose responses come from servers: here from one that draws with the run's own model, and fails on demand.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use ts_embedded::problem::Task;
use ts_model::generate::{Finish, Prompt, Request, Sampling, Unwatched, generate};
use ts_model::{LanguageModel, Prefix, TextTokenizer};
use ts_stub_server::{Ask, Drawn, Fault, Kind, Stub};

use crate::readme::{commands, furnished, shell};
use crate::{ARTEFACTS, Host, SMALL, read, repository, small};

/// The name of what is no test but a server.
const SERVER: &str = "runs::servers::a_server_for_another_test";

/// A model that answers as a server does.
struct Model {
    model: LanguageModel,
    tokenizer: TextTokenizer,
}

impl Model {
    fn load(folder: &Path) -> Arc<Self> {
        let tokenizer = TextTokenizer::read(folder).unwrap();
        let model = LanguageModel::load(folder, DType::F32, &Device::Cpu).unwrap();
        Arc::new(Self { model: model.with_n_tokens(tokenizer.vocab_size()), tokenizer })
    }

    /// The embedded one.
    fn embedded() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in Task::Plain.checkpoint() {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self::load(folder.path())
    }

    fn draw(&self, ask: &Ask) -> Drawn {
        let prompt = match &ask.text {
            Some(text) => self.tokenizer.encode(text).unwrap(),
            None => ask.tokens.clone(),
        };
        let (temperature, top_p, max_new_tokens) = (ask.temperature, ask.top_p, ask.max_tokens);
        let sampling = Sampling { temperature, top_p, max_new_tokens, max_batch_rows: 1 };
        let request = Request { prompt: Prompt::Tokens(prompt), seeds: vec![ask.seed] };
        let mut draws = generate(&self.model, &[request], &sampling, &mut Unwatched).unwrap();
        let draw = draws.remove(0).remove(0);
        let text = self.tokenizer.decode_plain(&draw.tokens).unwrap();
        Drawn { tokens: draw.tokens, text, finished: draw.finish == Finish::EndOfText }
    }

    /// Of each token but the first, so many likely ones in its place and itself, with their log-probabilities.
    fn scores(&self, tokens: &[u32], top: usize) -> Vec<Vec<(u32, f64)>> {
        let prefix = Prefix::new(&self.model, &tokens[..1]).unwrap();
        let mut hidden = vec![prefix.last_hidden().clone()];
        if tokens.len() > 2 {
            hidden.extend(prefix.hidden_after(&self.model, &[&tokens[1..tokens.len() - 1]]).unwrap());
        }
        let logits = self.model.frozen().logits(&Tensor::cat(&hidden, 0).unwrap()).unwrap();
        let rows: Vec<Vec<f32>> = logits.to_vec2().unwrap();
        let row = |(row, token): (&Vec<f32>, &u32)| {
            let largest = row.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = row.iter().map(|logit| f64::from(logit - largest).exp()).sum();
            let ln = |id: u32| (id, f64::from(row[id as usize] - largest) - sum.ln());
            let mut ids: Vec<u32> = (0..row.len() as u32).collect();
            ids.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]));
            let mut told = ids[..top].to_vec();
            if !told.contains(token) {
                told.push(*token);
            }
            told.into_iter().map(ln).collect()
        };
        rows.iter().zip(&tokens[1..]).map(row).collect()
    }

    fn serve_scoring(self: &Arc<Self>) -> Stub {
        let (draws, scores) = (Arc::clone(self), Arc::clone(self));
        Stub::start_scoring(move |ask| draws.draw(ask), move |tokens, top| scores.scores(tokens, top))
            .unwrap()
    }

    fn serve(self: &Arc<Self>, kind: Kind, faults: impl Fn(usize) -> Fault + Send + Sync + 'static) -> Stub {
        let model = Arc::clone(self);
        Stub::start(kind, move |ask| model.draw(ask), faults).unwrap()
    }
}

/// `--set` of a key to the addresses of servers.
fn urls(key: &str, stubs: &[&Stub]) -> String {
    let urls: Vec<String> = stubs.iter().map(|stub| format!("{:?}", stub.url())).collect();
    format!("sampler.{key}=[{}]", urls.join(", "))
}

fn whole<'a>(out: &'a str, sets: &[&'a str]) -> Vec<&'a str> {
    let mut args = small(&["run", "--out", out, "--set", "sampler.kind=openai"]);
    sets.iter().for_each(|set| args.extend(["--set", set]));
    args
}

/// The whole main job: with one good server; with three of which two fail in turn, killed on the way; and with a server that the run
/// starts itself, for the one model and then for the other.
#[test]
fn servers_that_fail_change_nothing_that_a_run_leaves() {
    let host = Host::new();
    let base = Model::embedded();
    let good = base.serve(Kind::Ids, |_| Fault::None);
    let of_good = urls("urls", &[&good]);
    // The trained model is served by nobody yet.
    let told = host.fail(&whole("good", &[&of_good]));
    assert!(told.contains("sampler.trained_urls") && told.contains("good/model"), "{told}");
    let trained = Model::load(&host.path("good/model")).serve(Kind::Ids, |_| Fault::None);
    let of_trained = urls("trained_urls", &[&trained]);
    host.run(&["run", "--out", "good", "--set", &of_trained]);
    assert!(good.n_requests() > 100 && trained.n_requests() == 12);

    let failing = |offset: usize| {
        move |number: usize| match (number + offset) % 24 {
            0 => Fault::Refuse,
            2 => Fault::Half,
            4 => Fault::Status(500, None),
            6 => Fault::Status(429, Some("0")),
            8 => Fault::WrongIds,
            10 => Fault::Duplicate,
            11 => Fault::Nonsense,
            _ => Fault::None,
        }
    };
    let stubs = [
        base.serve(Kind::Ids, failing(0)),
        base.serve(Kind::Ids, failing(12)),
        base.serve(Kind::Ids, |_| Fault::None),
    ];
    let of_three = urls("urls", &[&stubs[0], &stubs[1], &stubs[2]]);
    let mut killed = host.command(&whole("three", &[&of_three, &of_trained])).spawn().unwrap();
    while !host.path("three/samples.jsonl").exists() && killed.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(150));
    killed.kill().unwrap();
    killed.wait().unwrap();
    host.run(&["run", "--out", "three"]);
    for artefact in ARTEFACTS {
        assert!(
            read(host.path("good").join(artefact)) == read(host.path("three").join(artefact)),
            "{artefact}"
        );
    }

    let this = std::env::current_exe().unwrap();
    let serve = format!(
        "sampler.serve_command='sh -c \"SERVED_MODEL=$0 SERVED_PORT=$1 exec {} --ignored --exact {SERVER}\" {{model}} {{port}}'",
        this.display(),
    );
    host.run(&whole("own", &[&serve]));
    for artefact in ARTEFACTS {
        assert!(
            read(host.path("good").join(artefact)) == read(host.path("own").join(artefact)),
            "{artefact}"
        );
    }
}

/// `docs/hour.md`, with a program of the name `vllm` in place of vLLM, and servers in place of those at the page's ports.
#[test]
fn every_command_of_the_page_with_servers_works() {
    let host = furnished();
    std::fs::create_dir(host.path("programs")).unwrap();
    let this = std::env::current_exe().unwrap();
    let vllm = format!(
        "#!/bin/sh\n[ \"$1 $3 $5\" = 'serve --host --port' ] && SERVED_MODEL=$2 SERVED_PORT=$6 exec {} --ignored --exact {SERVER}\n",
        this.display()
    );
    std::fs::write(host.path("programs/vllm"), vllm).unwrap();
    std::fs::set_permissions(host.path("programs/vllm"), Permissions::from_mode(0o755)).unwrap();
    let base = Model::embedded().serve(Kind::Ids, |_| Fault::None);
    let folder = host.path("runs/served/model");
    let once: OnceLock<Arc<Model>> = OnceLock::new();
    let draw = move |ask: &Ask| once.get_or_init(|| Model::load(&folder)).draw(ask);
    let trained = Stub::start(Kind::Ids, draw, |_| Fault::None).unwrap();

    let page = std::fs::read_to_string(repository("docs/hour.md")).unwrap();
    let mut n_run = 0;
    for command in commands(&page) {
        let stands_in = command
            .replace("http://127.0.0.1:8000/v1", &base.url())
            .replace("http://127.0.0.1:8001/v1", &trained.url());
        let begins = ["ts-host run ", "ts-host sample "].iter().any(|begin| command.starts_with(begin));
        let small = if begins { SMALL.join(" ") } else { String::new() };
        shell(&host, &format!("{stands_in} {small}"));
        n_run += 1;
    }
    assert_eq!(n_run, 11);
    assert!(base.n_requests() > 100 && trained.n_requests() == 12);
    assert!(host.path("runs/hour/report.md").exists());
}

/// A server knows no adapters: it gets them merged into their base, and draws what the two give here.
#[test]
fn a_trained_adapter_is_served_merged() {
    let host = Host::new();
    let this = std::env::current_exe().unwrap();
    let serve = format!(
        "sampler.serve_command='sh -c \"SERVED_MODEL=$0 SERVED_PORT=$1 exec {} --ignored --exact {SERVER}\" {{model}} {{port}}'",
        this.display(),
    );
    host.run(&whole("run", &[&serve, "train.lora.rank=4", "train.steps=2", "refine.enabled=false"]));
    assert!(host.path("run/model/adapter_model.safetensors").is_file());
    host.run(&["model", "merge", "run/model", "merged"]);
    let merged = Model::load(&host.path("merged"));
    let result = String::from_utf8(read(host.path("run/eval-result.jsonl"))).unwrap();
    let problems = String::from_utf8(read(host.path("run/problems-heldout.jsonl"))).unwrap();
    let of = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let (first, problem) = (of(result.lines().next().unwrap()), of(problems.lines().next().unwrap()));
    let text = format!("<|user|>{}<|assistant|><think>\n", problem["prompt"].as_str().unwrap());
    let ask = Ask {
        tokens: Vec::new(),
        text: Some(text),
        seed: first["seed"].as_u64().unwrap(),
        temperature: 0.6,
        top_p: 1.0,
        max_tokens: 640,
    };
    assert_eq!(merged.draw(&ask).text, first["text"]);
}

/// No test: what other tests have their runs start. It ends after so many draws, if that is said.
#[test]
#[ignore = "a server for another test"]
fn a_server_for_another_test() {
    let (Ok(folder), Ok(port)) = (std::env::var("SERVED_MODEL"), std::env::var("SERVED_PORT")) else {
        return;
    };
    let model = Model::load(Path::new(&folder));
    let draw = move |ask: &Ask| model.draw(ask);
    let n_draws = std::env::var("SERVED_DRAWS").map_or(usize::MAX, |n| n.parse().unwrap());
    let faults = move |number: usize| if number < n_draws { Fault::None } else { std::process::exit(5) };
    let _stub = Stub::start_at(port.parse().unwrap(), Kind::Ids, draw, faults).unwrap();
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn text_alone_is_taken_if_it_tokenises_back_and_records_say_so() {
    let host = Host::new();
    let stub = Model::embedded().serve(Kind::Text, |_| Fault::None);
    let of_text = urls("urls", &[&stub]);
    let mut args = whole("run", &[&of_text]);
    for stage in ["sample", "grade", "select", "refine"] {
        args[0] = stage;
        host.run(&args);
    }
    for artefact in ["run/samples.jsonl", "run/refined.jsonl"] {
        let records = String::from_utf8(read(host.path(artefact))).unwrap();
        assert!(records.lines().count() > 3);
        assert!(records.lines().all(|line| line.contains("\"retokenised\":true")), "{artefact}");
    }
    // What is drawn by another does not continue what was drawn here.
    let told = host.fail(&["run", "--out", "run", "--set", "sampler.kind=local"]);
    assert!(told.contains("another run: sampler.kind was \"openai\" and is now \"local\"\n"), "{told}");
}

/// Every fourth draw, and the last, are of a server that gives text alone, and the others of one that gives ids: an export says how many
/// of its rows have a response of the first.
#[test]
fn an_export_says_how_many_responses_came_as_text_alone() {
    let host = Host::new();
    let model = Model::embedded();
    let ids = model.serve(Kind::Ids, |number| match number < 92 {
        true => Fault::None,
        false => Fault::Stall(Duration::from_secs(3600)),
    });
    let of_ids = urls("urls", &[&ids]);
    let mut args = whole("run", &[&of_ids, "refine.enabled=false"]);
    args[0] = "sample";
    let mut killed = host.command(&args).spawn().unwrap();
    let drawn =
        || String::from_utf8(std::fs::read(host.path("run/samples.jsonl")).unwrap_or_default()).unwrap();
    while drawn().lines().count() < 90 && killed.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let is_fourth = |line: &str| [2, 5].iter().any(|draw| line.contains(&format!("\"draw\":{draw},")));
    let kept: String = drawn().split_inclusive('\n').filter(|line| !is_fourth(line)).collect();
    std::fs::write(host.path("run/samples.jsonl"), kept).unwrap();
    let text = model.serve(Kind::Text, |_| Fault::None);
    let of_text = urls("urls", &[&text]);
    for stage in ["sample", "grade", "select", "refine", "pair", "reference"] {
        host.run(&[stage, "--out", "run", "--set", &of_text]);
    }
    let records = |file: &str| -> Vec<serde_json::Value> {
        let text = String::from_utf8(read(host.path("run").join(file))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let samples = records("samples.jsonl");

    let is_of_text = |example: &serde_json::Value, side: &str| {
        let mut draws = samples.iter();
        let draw = draws.find(|draw| draw["problem"] == example["problem"] && draw["draw"] == example[side]);
        draw.is_some_and(|draw| draw["retokenised"] == true)
    };
    // As this recipe counts: all pairs, and chosen responses that are in none.
    let (pairs, singles): (Vec<_>, Vec<_>) =
        records("examples.jsonl").into_iter().partition(|example| example["kind"] == "pair");
    let is_in_no_pair = |example: &&serde_json::Value| {
        let mut pairs = pairs.iter();
        !pairs.any(|pair| pair["problem"] == example["problem"] && pair["chosen"] == example["chosen"])
    };
    let n_chosen = |examples: &[serde_json::Value]| {
        examples.iter().filter(is_in_no_pair).filter(|example| is_of_text(example, "chosen")).count()
    };
    let n_pairs =
        pairs.iter().filter(|pair| is_of_text(pair, "chosen") || is_of_text(pair, "rejected")).count();
    let n_imitated = n_chosen(&singles) + pairs.iter().filter(|pair| is_of_text(pair, "chosen")).count();
    assert!(0 < n_pairs && n_pairs < pairs.len(), "{n_pairs} of {}", pairs.len());
    for (trainer, count) in [
        ("trl", format!("{} examples have a response that came", n_pairs + n_chosen(&singles))),
        ("llama-factory", format!("{n_pairs} pairs have a response that came")),
        ("verl", format!("{n_imitated} of them came")),
    ] {
        let said = host.run(&["export", "run", "--to", trainer]);
        let expected = format!("{count} as text alone, tokenised here");
        assert!(said.contains(&expected), "{expected}: {said}");
        let readme =
            String::from_utf8(read(host.path("run/export").join(trainer).join("README.md"))).unwrap();
        assert!(readme.contains(&expected), "{readme}");
    }
}

/// Rewrites that servers refuse are rewrites that the decoder here would refuse, and most are; an estimate by the most likely tokens alone
/// decides otherwise now and then, and says what it was made from.
#[test]
fn servers_may_refuse_rewrites_and_may_estimate() {
    let host = Host::new();
    let stub = Model::embedded().serve_scoring();
    let of_stub = urls("urls", &[&stub]);
    let refined = |out: &str, set: &str| -> Vec<serde_json::Value> {
        let mut args = whole(out, &[&of_stub, set, "sampler.top_logprobs=5", "sampler.retries=1"]);
        for stage in ["sample", "grade", "select", "refine"] {
            args[0] = stage;
            host.run(&args);
        }
        let text = String::from_utf8(read(host.path(out).join("refined.jsonl"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let exact = refined("exact", "refine.divergence=exact");
    let refusing = refined("refusing", "sampler.refuse_first=true");
    let estimated = refined("estimated", "refine.divergence=top_k");
    let (mut n_refused, mut n_left, mut n_estimates, mut n_steps) = (0, 0, 0, 0);
    for ((exact, refusing), estimated) in exact.iter().zip(&refusing).zip(&estimated) {
        assert_eq!(exact["tokens"], refusing["tokens"]);
        for (exact, refusing) in
            exact["steps"].as_array().unwrap().iter().zip(refusing["steps"].as_array().unwrap())
        {
            let count = |step: &serde_json::Value, key: &str| step[key].as_u64().unwrap_or(0);
            assert_eq!(exact["kl_nats"], refusing["kl_nats"]);
            assert_eq!(count(exact, "n_scored"), count(refusing, "n_scored") + count(refusing, "n_refused"));
            n_refused += count(refusing, "n_refused");
            n_left += count(refusing, "n_scored");
        }
        for step in estimated["steps"].as_array().unwrap() {
            n_steps += 1;
            if let Some(estimate) = step["estimate"].as_object() {
                n_estimates += 1;
                assert_eq!(estimate["top_k"], 5);
                assert!((0.0..=1.0).contains(&estimate["tail_mass"].as_f64().unwrap()));
                assert!(step["kl_nats"].as_f64().unwrap() < 0.005);
            } else {
                assert!(step["kl_nats"].is_null());
            }
        }
    }
    assert!(n_refused > 10, "refused {n_refused}, left {n_left}");
    assert!(n_estimates > 3 && n_estimates < n_steps, "{n_estimates} of {n_steps}");
    // A local run has nobody to estimate.
    let told = host.fail(&small(&["run", "--out", "local", "--set", "refine.divergence=top_k"]));
    assert!(told.contains("refine.divergence must be"), "{told}");
    // A server that does not score is told.
    let mute = Model::embedded().serve(Kind::Ids, |_| Fault::None);
    let of_mute = urls("urls", &[&mute]);
    let mut args = whole("exact", &[&of_mute]);
    args[2] = "mute";
    args.extend(["--set", "sampler.refuse_first=true", "--from", "exact"]);
    let told = host.fail(&args);
    assert!(told.contains("prompt_logprobs"), "{told}");
}

#[test]
fn servers_that_are_of_no_use_are_told_and_lose_nothing() {
    let host = Host::new();
    let model = Model::embedded();
    // Of 96 draws it gives 40, and refuses then.
    let stub =
        model.serve(Kind::Ids, |number| if number < 40 { Fault::None } else { Fault::Status(400, None) });
    let of_stub = urls("urls", &[&stub]);
    let mut args = whole("run", &[&of_stub]);
    args[0] = "sample";
    let told = host.fail(&args);
    assert!(told.contains("400") && told.contains("on demand") && told.contains(&stub.url()), "{told}");
    let kept = String::from_utf8(read(host.path("run/samples.jsonl"))).unwrap();
    assert_eq!(kept.lines().count(), 40);

    // Another has the rest, and only that.
    let good = model.serve(Kind::Ids, |_| Fault::None);
    host.run(&["sample", "--out", "run", "--set", &urls("urls", &[&good])]);
    assert_eq!(good.n_requests(), 96 - 40);
    let mut whole_run = whole("whole", &[&of_stub]);
    whole_run[0] = "sample";
    let of_good = urls("urls", &[&good]);
    whole_run.extend(["--set", &of_good]);
    host.run(&whole_run);
    assert!(read(host.path("run/samples.jsonl")) == read(host.path("whole/samples.jsonl")));

    // Nobody there; a key that is not there, or is nothing that can be sent; a command that ends.
    let told = host.fail(&whole("down", &["sampler.urls=[\"http://127.0.0.1:9\"]", "sampler.retries=1"]));
    assert!(told.contains("no server answers") && told.contains("http://127.0.0.1:9/v1"), "{told}");
    let told = host.fail(&whole("keyless", &[&of_good, "sampler.api_key_env=NO_SUCH_KEY"]));
    assert!(told.contains("the variable NO_SUCH_KEY is not set"), "{told}");
    std::fs::write(host.path("key"), "two words\n").unwrap();
    let told = host.fail(&whole("word", &[&of_good, "sampler.api_key_file=key"]));
    assert!(told.contains("what key holds") && !told.contains("two words"), "{told}");
    let ends = "sampler.serve_command='sh -c \"echo no such model $0; exit 7\" {model} {port}'";
    let told = host.fail(&whole("ends", &[ends]));
    assert!(told.contains("exit status: 7") && told.contains("no such model /"), "{told}");
    // One that answers a few times and ends is not waited for.
    let this = std::env::current_exe().unwrap();
    let dies = format!(
        "sampler.serve_command='sh -c \"SERVED_DRAWS=9 SERVED_MODEL=$0 SERVED_PORT=$1 exec {} --ignored --exact {SERVER}\" \
         {{model}} {{port}}'",
        this.display(),
    );
    let told = host.fail(&whole("dies", &[&dies]));
    assert!(told.contains("the server ended (exit status: 5)"), "{told}");
    let told = host.fail(&whole("wrong", &["sampler.urls=[\"ftp://a\"]"]));
    assert!(told.contains("sampler.urls must be addresses"), "{told}");
}

/// A server that is started does not outlive its run, even one that is killed.
#[cfg(target_os = "linux")]
#[test]
fn a_server_ends_with_its_run() {
    let host = Host::new();
    let grader = repository("plugins/math_grader.wasm");
    let serve = "sampler.serve_command='sh -c \"echo $$ > pid; exec sleep 300\" {model} {port}'";
    let mut args = whole("run", &[serve]);
    args.extend(["--plugin", &grader]);
    let mut run = host.command(&args).spawn().unwrap();
    let pid = loop {
        match std::fs::read_to_string(host.path("pid")) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    };
    run.kill().unwrap();
    run.wait().unwrap();
    let runs =
        || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let ends = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(20));
        !runs()
    });
    assert!(ends, "the server still runs");
}
