//! Wrong commands, and what each is told: the fault, where it is, and the remedy. A snapshot a theme, to be read as a whole.

use std::fs;

use crate::Host;

/// Runs commands, split as a shell splits words, in a folder with [`FILES`] and a folder `folder`; keeps what they say.
fn told(theme: &str, commands: &str) {
    let host = Host::new();
    fs::create_dir(host.path("folder")).unwrap();
    for (name, text) in FILES {
        fs::write(host.path(name), text).unwrap();
    }
    let mut page = String::new();
    for command in commands.lines().map(str::trim).filter(|command| !command.is_empty()) {
        let words = shlex::split(command).unwrap();
        let output = host.output(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let (code, said) = (output.status.code().unwrap(), crate::without_compiling(&output.stderr));
        assert!((1..=2).contains(&code), "{command}: {code}: {said}");
        assert!(!said.contains("panicked"), "{command}: {said}");
        let lines =
            said.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("{}\n", line.trim_end()));
        page += &format!("$ ts-host {command}\n{}[exit code {code}]\n\n", lines.collect::<String>());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(theme, page.trim_end()));
}

/// What stands in the folder.
const FILES: &[(&str, &str)] = &[
    ("problems.jsonl", "{\"id\":\"a\",\"prompt\":\"1+1?\",\"reference\":\"2\"}\n"),
    ("broken.jsonl", "{\"id\":\"a\",\"prompt\":\"1+1?\"\n"),
    (
        "twice.jsonl",
        "{\"id\":\"a\",\"prompt\":\"1?\",\"reference\":\"1\"}\n{\"id\":\"a\",\"prompt\":\"2?\",\"reference\":\"2\"}\n",
    ),
    ("lacking.jsonl", "{\"id\":\"a\",\"prompt\":\"1+1?\",\"referenc\":\"2\"}\n"),
    (
        "references.jsonl",
        "{\"id\":\"a\",\"prompt\":\"1?\",\"reference\":\"1\"}\n{\"id\":\"b\",\"prompt\":\"2?\",\"reference\":\"\\\\frac{\"}\n",
    ),
    ("empty.jsonl", ""),
    ("text.wasm", "not wasm"),
    ("core.wasm", "\0asm\u{1}\0\0\0"),
    ("misspelt.toml", "extends = \"default\"\n[run]\nname = \"x\"\n[train]\nlearning_rat = 1.0\n"),
    ("extends.toml", "extends = \"defualt\"\n"),
    ("syntax.toml", "extends = \"default\"\n[train\n"),
    ("text.toml", "extends = \"default\"\n[plugins]\nverifier = \"grader.wasm\"\n"),
    ("plugin.toml", "extends = \"default\"\n[plugins.verifier]\nsource = \"missing.wasm\"\n"),
    ("tag.toml", "extends = \"default\"\n[plugins.verifier]\nsource = \"oci://ghcr.io/org/grader:1\"\n"),
    ("damaged.toml", "extends = \"tag.toml\"\n"),
    ("damaged.lock", "version = 1\n[[plugin]]\nsource = \"oci://ghcr.io/org/grader:1\"\nsha256 = \"12\"\n"),
    (
        "contradicts.toml",
        "extends = \"default\"\n[plugins.verifier]\nsource = \"https://host.example/x.wasm\"\nsha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n",
    ),
    (
        "contradicts.lock",
        "version = 1\n[[plugin]]\nsource = \"https://host.example/x.wasm\"\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n",
    ),
    ("kind.toml", "extends = \"default\"\n[train]\nlearning_rate = \"fast\"\n"),
    ("range.toml", "extends = \"default\"\n[train]\nlearning_rate = -1.0\n[sample]\ntop_p = 2.0\n"),
    (
        "golden.jsonl",
        "{\"input\": {\"problem\": {\"reference\": \"2\"}, \"response\": \"2\"}, \"output\": {}}\n",
    ),
];

#[test]
fn names_of_commands_and_flags() {
    told(
        "names_of_commands_and_flags",
        "rnu
         polugin
         plugin tset
         plugin nwe x
         model inspct x
         run --reciep default
         run --set
         run extra
         cache --clean
         export folder --to tlr
         import gsm9k problems.jsonl
         plugin new x --lang pyton
         pretrain --task tooth --out o
         completions bsh",
    );
}

#[test]
fn values_of_flags() {
    told(
        "values_of_flags",
        "run --workers -1
         run --workers two
         run --workers 5000
         run --seed -1
         run --seed 1.5
         run --shard 3/2
         run --shard 1
         run --as-one-round
         ablate --seeds one
         ablate --seeds 1,-1
         ablate --seeds 1,1
         ablate --strengths 0
         serve
         serve --plugin math_grader --listen 8377
         serve --plugin math_grader --listen localhost:8377
         serve --plugin math_grader --listen 127.0.0.1:99999
         serve --plugin math_grader --deadline 0
         serve --plugin math_grader --setting tolerance
         serve --plugin math_grader --setting tolerance=1
         serve --plugin math_grader --key-file missing
         plugin new x --lang rust --role grader
         plugin run math_grader --role verifer --input problems.jsonl
         plugin run math_grader --role runner --input problems.jsonl
         plugin test math_grader --cases golden.jsonl --allow -1
         model generate folder --temperature hot
         model generate folder --dtype int8
         model generate folder --device gpu
         model encode folder --date today
         model encode folder --template thinking
         model average folder folder --weight 2 --out o
         pretrain --million-tokens 0 --out o
         export folder
         import columns problems.jsonl
         import gsm8k",
    );
}

#[test]
fn recipes_and_their_values() {
    told(
        "recipes_and_their_values",
        "run --recipe defualt
         run --recipe ablation/shortst
         run --recipe nothing-like-it
         recipe defualt
         run --recipe folder
         run --recipe misspelt.toml
         run --recipe extends.toml
         run --recipe syntax.toml
         run --recipe text.toml
         run --recipe plugin.toml
         run --recipe kind.toml
         run --recipe range.toml
         run --set train.beta
         run --set =1
         run --set train.bta=1
         run --set trian.beta=1
         run --set beta=1
         run --set train.n_samples=8
         run --set train.x=8
         run --set train=8
         run --set train.beta=much
         run --set train.beta.x=1
         run --set train.beta=-1
         run --set train.steps=-1
         run --set train.schedule=cosin
         run --set sampler.kind=vllm
         run --set sampler.urls=x
         run --set model.dtype=int8
         run --set eval.budget_tokens=8
         ablate --rows missing",
    );
}

#[test]
fn plugins() {
    told(
        "plugins",
        "run --plugin math_gradr
         run --plugin missing.wasm
         run --plugin plugins/math_grader.wasm
         run --plugin tect.wasm
         run --plugin text.wasm
         run --plugin core.wasm
         run --plugin folder
         run --plugin math_grader --plugin text_grader
         serve --plugin q_dyn
         serve --plugin step_splitter
         plugin inspect core.wasm
         plugin check text.wasm missing.wasm
         plugin new
         plugin new 'My Grader' --lang rust
         plugin run math_grader --input missing.json
         plugin run math_grader --input broken.jsonl
         plugin test math_grader
         plugin test math_grader --cases missing.jsonl
         plugin test math_grader --cases broken.jsonl
         plugin test math_grader --cases empty.jsonl
         plugin test math_grader --cases golden.jsonl
         plugin componentize missing.wasm
         plugin componentize text.wasm
         plugin componentize core.wasm
         plugin list missing",
    );
}

#[test]
fn plugins_of_elsewhere() {
    told(
        "plugins_of_elsewhere",
        "run --plugin oci://ghcr.io/org/grader
         run --plugin oci://ghcr.io/org/grader:1
         run --plugin oci://ghcr.io/org/grader:1@sha256:12
         run --plugin oci://ghcr.io/Org/grader:1
         run --plugin oci://ghcr.io/../grader:1
         run --plugin oci:ghcr.io/org/grader:1
         run --plugin ghcr.io/org/grader:1
         run --plugin docker://ghcr.io/org/grader:1
         run --plugin https://host.example/x.wasm
         run --plugin http://host.example/x.wasm
         run --plugin https://me:secret@host.example/x.wasm
         serve --plugin https://host.example/x.wasm
         check --recipe tag.toml
         check --recipe damaged.toml
         check --recipe contradicts.toml
         check --set plugins.verifier.source=oci://ghcr.io/org/grader:1
         check --set plugins.verifier.source=https://host.example/x.wasm --set plugins.verifier.sha256=abc
         plugin fetch
         plugin fetch missing.wasm
         plugin fetch oci://ghcr.io/org/grader
         plugin fetch --recipe default
         plugin fetch --recipe missing.toml
         plugin fetch --recipe damaged.toml
         plugin fetch --update math_grader
         plugin push math_grader
         plugin push math_grader ghcr.io/org/grader:1
         plugin push math_grader oci://ghcr.io/org/grader
         plugin push missing.wasm oci://ghcr.io/org/grader:1",
    );
}

#[test]
fn files_and_folders() {
    told(
        "files_and_folders",
        "run --train-problems broken.jsonl
         run --train-problems missing.jsonl
         run --train-problems twice.jsonl
         run --train-problems lacking.jsonl
         run --train-problems empty.jsonl
         run --train-problems folder
         run --train-problems references.jsonl
         check --train-problems references.jsonl
         run --train-problems problems.jsonl --heldout-problems problems.jsonl
         run --model missing
         run --model embeded
         run --model folder
         run --from missing
         run --from folder
         run --out problems.jsonl
         check --out problems.jsonl
         check --out problems.jsonl/o
         report
         report missing
         report folder
         report problems.jsonl
         compare
         compare missing
         merge missing
         merge folder
         export folder --to trl
         adopt folder folder
         plugin replay folder --problem a
         import gsm8k missing.jsonl
         import gsm8k problems.jsonl
         model inspect missing
         model inspect folder
         model merge folder o",
    );
}

#[test]
fn first_words_have_colours_where_they_are_asked_for_and_nowhere_else() {
    let host = Host::new();
    let told = |variables: &[(&str, &str)], args: &[&str]| {
        let output = host.command(args).envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for args in [&["report", "a\u{1b}[7mb"][..], &["rnu"]] {
        let plain = told(&[], args);
        assert!(plain.starts_with("error: ") && !plain.contains('\u{1b}'), "{plain:?}");
        let coloured = told(&[("CLICOLOR_FORCE", "1")], args);
        assert!(coloured.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "), "{coloured:?}");
        assert!(!coloured.contains("\u{1b}[7m"), "{coloured:?}");
        assert_eq!(told(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], args), plain);
    }
}
