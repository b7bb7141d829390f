//! Where a plugin comes from: a folder, a URL, a registry on this machine; by digest, with a lock file beside the recipe.

mod registry;

use std::fs;
use std::process::{Command, Output};

use self::registry::{Fault, LOGIN, Registry, base64, digest};
use crate::{Host, SMALL, read, repository};

/// A command, with a store of downloads of its own and nobody's passwords. It may not say a secret.
fn ask(host: &Host, args: &[&str]) -> Output {
    let mut command = host.command(args);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(variable);
    }
    command.env("DOCKER_CONFIG", host.path("docker"));
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    let secret = base64(LOGIN);
    for secret in ["hunter2", "aTokenThatIsSecret", secret.as_str()] {
        assert!(!said.contains(secret), "a secret is shown: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output of a command that must succeed.
fn run(host: &Host, args: &[&str]) -> String {
    let output = ask(host, args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error of a command that must fail.
fn fail(host: &Host, args: &[&str]) -> String {
    let output = ask(host, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
    stderr(&output)
}

fn component(name: &str) -> Vec<u8> {
    read(repository(&format!("plugins/{name}.wasm")))
}

fn hex(bytes: &[u8]) -> String {
    digest(bytes).split_off("sha256:".len())
}

fn recipe(host: &Host, name: &str, length_function: &str) {
    let text = format!("extends = \"default\"\n[plugins.length_function]\nsource = \"{length_function}\"\n");
    fs::write(host.path(name), text).unwrap();
}

#[test]
fn a_tag_is_locked_once_and_a_run_keeps_to_what_was_locked() {
    let (host, registry) = (Host::with_own_cache(), Registry::start());
    let (tokens, characters) = (component("tokens"), component("characters"));
    let manifest = registry.has("org/length", "1", &tokens);
    let source = registry.name("org/length:1");
    recipe(&host, "mine.toml", &source);

    // Nothing is believed before it is locked, by a command that says so.
    let error = fail(&host, &["check", "--recipe", "mine.toml"]);
    assert!(error.contains("plugins.length_function") && error.contains("mine.lock has no line"), "{error}");
    assert!(error.contains("hint: `ts-host plugin fetch --recipe mine.toml`"), "{error}");
    assert!(registry.log().is_empty());
    let said = run(&host, &["plugin", "fetch", "--recipe", "mine.toml"]);
    assert!(said.contains("tokens 0.1.0: length-function\n") && said.contains("wrote mine.lock"), "{said}");
    assert!(said.contains(&format!("{source}@{manifest}")) && said.contains(&hex(&tokens)), "{said}");
    let lock = fs::read_to_string(host.path("mine.lock")).unwrap();
    for line in [format!("source = \"{source}\""), format!("manifest = \"{manifest}\""), hex(&tokens)] {
        assert!(lock.contains(&line), "{line} is not in {lock}");
    }

    // The tag moves. What is locked is here, so nobody is asked.
    registry.has("org/length", "1", &characters);
    let asked = registry.log().len();
    let begin = ["sample", "--recipe", "mine.toml", "--out", "run"];
    run(&host, &[&begin[..], SMALL].concat());
    let said = run(&host, &["plugin", "fetch", "--recipe", "mine.toml"]);
    assert!(said.contains("mine.lock is as it was") && said.contains(&hex(&tokens)), "{said}");
    assert_eq!(registry.log().len(), asked);
    let kept = fs::read_to_string(host.path("run/recipe.toml")).unwrap();
    assert!(kept.contains(&format!("{source}@{manifest}")) && kept.contains(&hex(&tokens)), "{kept}");
    let of_run = fs::read_to_string(host.path("run/manifest.json")).unwrap();
    assert!(of_run.contains(&hex(&tokens)) && of_run.contains(&format!("{source}@{manifest}")), "{of_run}");

    // An empty store is filled by digest, whatever the tag is now: for a run that goes on, and for a lock.
    run(&host, &["cache", "--clear"]);
    let log = registry.log().len();
    run(&host, &["grade", "--out", "run"]);
    let log = registry.log().split_off(log);
    assert!(log.len() == 2 && log.iter().all(|line| line.contains("sha256:")), "{log:?}");
    let shard = ["sample", "--recipe", "mine.toml", "--out", "many", "--shard", "1/2"];
    run(&host, &[&shard[..], SMALL].concat());
    run(&host, &["grade", "--from", "run", "--out", "other"]);
    for folder in ["many/shards/1-of-2", "other"] {
        let manifest = fs::read_to_string(host.path(folder).join("manifest.json")).unwrap();
        assert!(manifest.contains(&hex(&tokens)) && !manifest.contains(&hex(&characters)), "{manifest}");
    }

    // Locked anew, it is another recipe, and not that of the run.
    let said = run(&host, &["plugin", "fetch", "--recipe", "mine.toml", "--update"]);
    assert!(said.contains("characters 0.1.0") && said.contains("wrote mine.lock"), "{said}");
    let error = fail(&host, &[&begin[..], SMALL].concat());
    assert!(error.contains("plugins.length_function"), "{error}");
    run(&host, &["grade", "--out", "run"]);
}

#[test]
fn what_is_named_by_digest_needs_no_lock_and_no_network_when_it_is_here() {
    let (host, registry) = (Host::with_own_cache(), Registry::start());
    let tokens = component("tokens");
    let manifest = registry.has("org/length", "1", &tokens);
    registry.has_file("tokens.wasm", &tokens);
    let tag = registry.name("org/length:1");
    let error = fail(&host, &["plugin", "inspect", &tag]);
    assert!(
        error.contains("nothing says its digest") && error.contains(&format!("plugin fetch {tag}`")),
        "{error}"
    );

    let said = run(&host, &["plugin", "fetch", &tag, &registry.url("tokens.wasm")]);
    let names: Vec<_> = said.lines().filter(|line| line.contains("://")).map(str::trim).collect();
    let by_digest =
        [format!("{tag}@{manifest}"), format!("{}@{}", registry.url("tokens.wasm"), digest(&tokens))];
    assert_eq!(names, by_digest);
    let asked = registry.log().len();
    for name in names.iter().chain(&[registry.name(&format!("org/length@{manifest}")).as_str()]) {
        let said = run(&host, &["plugin", "inspect", name]);
        assert!(said.contains(&hex(&tokens)), "{said}");
        let said = run(&host, &["check", "--plugin", name]);
        assert!(said.contains(&format!("from {name}")), "{said}");
    }
    // A pin in the recipe is a digest as well.
    recipe(&host, "pinned.toml", &format!("{}\"\nsha256 = \"{}", registry.url("tokens.wasm"), hex(&tokens)));
    run(&host, &["check", "--recipe", "pinned.toml"]);
    let said = run(&host, &["plugin", "fetch", "--recipe", "pinned.toml"]);
    assert!(said.contains("needs a lock") && !host.path("pinned.lock").exists(), "{said}");
    assert_eq!(registry.log().len(), asked, "what is here is not asked for");

    let shown = run(&host, &["cache"]);
    assert!(
        shown.contains("ts-host/plugins\n1 downloaded plugins, ") && shown.contains(&digest(&tokens)),
        "{shown}"
    );
    let shown: serde_json::Value = serde_json::from_str(&run(&host, &["cache", "--json"])).unwrap();
    assert_eq!(shown["downloaded"]["plugins"][0]["sha256"], hex(&tokens));

    // What is damaged here is not used, and downloaded anew.
    let file = host.path("cache/ts-host/plugins/components").join(format!("{}.wasm", hex(&tokens)));
    assert_eq!(read(&file), tokens);
    fs::write(&file, component("characters")).unwrap();
    let said = run(&host, &["plugin", "inspect", &by_digest[1]]);
    assert!(said.contains("tokens 0.1.0") && read(&file) == tokens, "{said}");
    assert_eq!(registry.log().len(), asked + 1);

    let said = run(&host, &["cache", "--clear"]);
    assert!(said.contains("removed 2 files, ") && said.contains("ts-host/plugins\n"), "{said}");
    assert!(!file.exists());
}

#[test]
fn another_digest_is_refused_and_both_are_said() {
    let (host, registry) = (Host::new(), Registry::start());
    let (tokens, characters) = (component("tokens"), component("characters"));
    let manifest = registry.has("org/length", "1", &tokens);
    registry.has_file("x.wasm", &tokens);
    let lock = |sha256: &str| {
        recipe(&host, "url.toml", &registry.url("x.wasm"));
        let line = format!("source = \"{}\"\nsha256 = \"{sha256}\"\n", registry.url("x.wasm"));
        fs::write(host.path("url.lock"), format!("version = 1\n[[plugin]]\n{line}")).unwrap();
    };
    let wrong = hex(b"another component");
    lock(&wrong);
    let error = fail(&host, &["check", "--recipe", "url.toml"]);
    assert!(error.contains(&wrong) && error.contains(&hex(&tokens)) && error.contains("--update"), "{error}");
    lock(&hex(&tokens));
    run(&host, &["check", "--recipe", "url.toml"]);
    // A pin that says otherwise than the lock.
    recipe(&host, "url.toml", &format!("{}\"\nsha256 = \"{wrong}", registry.url("x.wasm")));
    let error = fail(&host, &["check", "--recipe", "url.toml"]);
    assert!(
        error.contains(&wrong) && error.contains(&hex(&tokens)) && error.contains("the lock file"),
        "{error}"
    );

    // A tag with a pin of the component: what the tag means now must be that.
    registry.has("org/moved", "1", &characters);
    let own = Host::with_own_cache();
    let pinned = format!("{}\"\nsha256 = \"{}", registry.name("org/moved:1"), hex(&tokens));
    recipe(&own, "moved.toml", &pinned);
    let error = fail(&own, &["check", "--recipe", "moved.toml"]);
    assert!(error.contains(&digest(&characters)) && error.contains(&digest(&tokens)), "{error}");
    registry.has("org/moved", "1", &tokens);
    run(&own, &["check", "--recipe", "moved.toml"]);
    let said = run(&own, &["plugin", "fetch", "--recipe", "moved.toml"]);
    assert!(said.contains("needs a lock") && said.contains("tokens 0.1.0"), "{said}");

    // A registry that sends other bytes under a digest.
    let host = Host::with_own_cache();
    let name = registry.name(&format!("org/length@{manifest}"));
    let mut altered = tokens.clone();
    *altered.last_mut().unwrap() ^= 1;
    registry.fault("/blobs/", Some(Fault::Bytes(altered.clone())));
    let error = fail(&host, &["plugin", "inspect", &name]);
    assert!(error.contains(&digest(&altered)) && error.contains(&digest(&tokens)), "{error}");
    registry.has("org/other", "1", &characters);
    let other = serde_json::to_vec(&registry.manifest("org/other", "1")).unwrap();
    registry.fault("/manifests/", Some(Fault::Bytes(other.clone())));
    let host = Host::with_own_cache();
    let error = fail(&host, &["plugin", "inspect", &name]);
    assert!(error.contains(&digest(&other)) && error.contains(&manifest), "{error}");
    assert_eq!(fs::read_dir(host.path("cache/ts-host/plugins/components")).map_or(0, Iterator::count), 0);
}

#[test]
fn a_password_is_changed_for_a_token_and_goes_nowhere_else() {
    let (host, registry) = (Host::with_own_cache(), Registry::start());
    let tokens = component("tokens");
    registry.has("org/length", "1", &tokens);
    registry.is_private();
    registry.redirects_blobs();
    let source = registry.name("org/length:1");
    let error = fail(&host, &["plugin", "fetch", &source]);
    assert!(
        error.contains("a token for") && error.contains("401") && error.contains("docker login"),
        "{error}"
    );

    fs::create_dir(host.path("docker")).unwrap();
    let config = |auth: &str| {
        let config = serde_json::json!({"auths": {registry.host(): {"auth": auth}, "elsewhere.example": {"auth": base64("you:other")}}});
        fs::write(host.path("docker/config.json"), config.to_string()).unwrap();
    };
    config("no base64");
    let error = fail(&host, &["plugin", "fetch", &source]);
    assert!(error.contains("is not base64 of NAME:PASSWORD"), "{error}");
    config(&base64(LOGIN));
    let asked = registry.log().len();
    run(&host, &["plugin", "fetch", &source]);
    let log = registry.log().split_off(asked);
    let basic = base64(LOGIN);
    for line in &log {
        let is_right = match line.as_str() {
            _ if line.starts_with("store ") => line.ends_with(" -"),
            _ if line.contains("/token?") => line.ends_with(&format!("Basic {basic}")),
            _ => line.ends_with(" -") || line.ends_with("Bearer aTokenThatIsSecret"),
        };
        assert!(is_right, "{log:?}");
    }
    assert!(log.iter().any(|line| line.starts_with("store ") && line.contains("/blobs/")), "{log:?}");

    // A registry that wants the password itself; its storage does not see it.
    let host = Host::with_own_cache();
    fs::create_dir(host.path("docker")).unwrap();
    let config = serde_json::json!({"auths": {registry.host(): {"auth": basic}}});
    fs::write(host.path("docker/config.json"), config.to_string()).unwrap();
    registry.fault("/v2/", Some(Fault::Basic));
    let asked = registry.log().len();
    let said = run(&host, &["plugin", "fetch", &source, "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["plugins"][0]["name"], &said["lock"]), (&"tokens".into(), &serde_json::Value::Null));
    let log = registry.log().split_off(asked);
    let with_basic = log.iter().filter(|line| line.ends_with(&format!("Basic {basic}"))).count();
    assert!(
        with_basic == 2 && log.iter().any(|line| line.starts_with("store ") && line.ends_with(" -")),
        "{log:?}"
    );

    // A registry that sends its token's giver, or its blobs, elsewhere in plain http.
    let host = Host::with_own_cache();
    let error = |fault: Fault, at: &str| {
        registry.fault(at, Some(fault));
        fail(&host, &["plugin", "fetch", &source])
    };
    let told = error(Fault::Realm("http://elsewhere.example/token".to_owned()), "/manifests/");
    assert!(told.contains("a token over plain http"), "{told}");
    let told = error(Fault::Realm("file:///etc/passwd".to_owned()), "/manifests/");
    assert!(told.contains("something that is no URL"), "{told}");
    let told = error(Fault::Redirect("http://elsewhere.example/blob".to_owned()), "/manifests/");
    assert!(told.contains("a redirect to plain http"), "{told}");
}

#[test]
fn a_registry_that_misbehaves_is_told_apart_from_one_that_does_not() {
    let (host, registry) = (Host::with_own_cache(), Registry::start());
    let tokens = component("tokens");
    let layer = registry.has_blob(&tokens);
    registry.has("org/length", "1", &tokens);
    let fetch =
        |tag: &str| ["plugin".to_owned(), "fetch".to_owned(), registry.name(&format!("org/length:{tag}"))];
    let told = |tag: &str| fail(&host, &fetch(tag).each_ref().map(String::as_str));
    let with = |at: &str, fault: Fault| {
        registry.fault(at, Some(fault));
        let told = told("1");
        registry.fault("", None);
        told
    };
    for (at, fault, reason) in [
        ("/manifests/", Fault::Endless, "has more than 4194304 bytes"),
        ("/manifests/", Fault::Bytes(b"<html>".to_vec()), "its manifest cannot be read"),
        ("/manifests/", Fault::Bytes(b"[".repeat(200_000)), "its manifest cannot be read"),
        ("/manifests/", Fault::Redirect("/v2/org/length/manifests/1".to_owned()), "redirects without an end"),
        ("/manifests/", Fault::Redirect("//elsewhere.example".to_owned()), "a redirect to nowhere"),
        ("/manifests/", Fault::Status(403), "or not for you (403)"),
        ("/manifests/", Fault::Status(503), "tried 5 times: it answers 503"),
        ("/manifests/", Fault::Status(418), "what no such server does: status 418"),
        ("/blobs/", Fault::Endless, &format!("has more than {} bytes", tokens.len())),
        ("/blobs/", Fault::Bytes(b"short".to_vec()), &digest(b"short")),
        ("/blobs/", Fault::CutOff(100), "tried 5 times: "),
    ] {
        let told = with(at, fault);
        assert!(told.contains(reason), "{reason}: {told}");
    }
    assert!(told("2").contains("404 MANIFEST_UNKNOWN"), "{}", told("2"));

    let manifest = |tag: &str, value: serde_json::Value| {
        registry.has_manifest("org/length", tag, value.to_string().as_bytes())
    };
    let wasm = |digest: &str, size: u64| serde_json::json!({"mediaType": "application/wasm", "digest": digest, "size": size});
    manifest("huge", serde_json::json!({"layers": [wasm(&layer, 1 << 40)]}));
    manifest("lies", serde_json::json!({"layers": [wasm(&layer, 100)]}));
    manifest("path", serde_json::json!({"layers": [wasm("sha256:../../../../etc/passwd", 100)]}));
    manifest("two", serde_json::json!({"layers": [wasm(&layer, 1), wasm(&layer, 1)]}));
    let image = manifest(
        "image",
        serde_json::json!({"layers": [{"mediaType": "application/tar", "digest": layer, "size": 1}]}),
    );
    let entry = |digest: &str, architecture: &str| serde_json::json!({"digest": digest, "size": 1, "platform": {"architecture": architecture}});
    manifest("index", serde_json::json!({"manifests": [entry(&image, "amd64"), entry(&image, "arm64")]}));
    for (tag, reason) in [
        ("huge", "component_mib"),
        ("lies", "has more than 100 bytes"),
        ("path", "64 hexadecimal digits"),
        ("two", "2 are components"),
        ("image", "(application/tar), 0 are components"),
        ("index", "an index of 2 manifests, 0 of them for wasm"),
    ] {
        let told = told(tag);
        assert!(told.contains(reason), "{reason}: {told}");
    }

    let limited = format!(
        "extends = \"default\"\n[plugins.limits]\ncomponent_mib = 1\n[plugins.verifier]\nsource = \"{}\"\n",
        registry.url("x.wasm")
    );
    fs::write(host.path("limited.toml"), limited).unwrap();
    registry.fault("/files/", Some(Fault::Endless));
    let told = fail(&host, &["plugin", "fetch", "--recipe", "limited.toml"]);
    assert!(told.contains("has more than 1048576 bytes") && told.contains("component_mib"), "{told}");
    registry.fault("", None);

    // An index with one manifest for wasm, by its own digest, and then without a network; a layer of an older type.
    let old = serde_json::json!({"mediaType": "application/vnd.wasm.content.layer.v1+wasm", "digest": layer, "size": tokens.len()});
    let inner = manifest("old", serde_json::json!({"layers": [old]}));
    let index =
        manifest("right", serde_json::json!({"manifests": [entry(&image, "amd64"), entry(&inner, "wasm")]}));
    run(&host, &fetch("old").each_ref().map(String::as_str));
    let said = run(&host, &fetch("right").each_ref().map(String::as_str));
    assert!(said.contains(&format!("@{index}")) && said.contains(&hex(&tokens)), "{said}");
    let asked = registry.log().len();
    run(&host, &["plugin", "inspect", &registry.name(&format!("org/length@{index}"))]);
    assert_eq!(registry.log().len(), asked);

    // What is no component is refused when it is opened, and what was there is not locked.
    registry.has("org/length", "text", b"not wasm at all");
    recipe(&host, "text.toml", &registry.name("org/length:text"));
    let told = fail(&host, &["plugin", "fetch", "--recipe", "text.toml"]);
    assert!(told.contains("is not a WebAssembly component: it is text"), "{told}");
    assert!(!host.path("text.lock").exists());
}

#[test]
fn what_is_pushed_is_found_again_and_described() {
    let (host, registry) = (Host::with_own_cache(), Registry::start());
    registry.is_private();
    fs::create_dir(host.path("docker")).unwrap();
    let config = serde_json::json!({"auths": {registry.host(): {"auth": base64(LOGIN)}}});
    fs::write(host.path("docker/config.json"), config.to_string()).unwrap();
    let to = registry.name("me/graders/math:1.2");
    let said = run(&host, &["plugin", "push", "math_grader", &to]);
    let name = said.lines().last().unwrap().to_owned();
    assert!(name.starts_with(&format!("{to}@sha256:")), "{said}");

    let manifest = registry.manifest("me/graders/math", "1.2");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.title"], "math_grader");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "0.1.0");
    assert_eq!(manifest["layers"][0]["digest"], digest(&component("math_grader")));
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    let config = registry.blob(manifest["config"]["digest"].as_str().unwrap());
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
    assert!(config["component"]["exports"].to_string().contains("ts-host:plugin/verifier@"), "{config}");

    let said = run(&host, &["plugin", "inspect", &name]);
    assert!(said.contains(&hex(&component("math_grader"))), "{said}");
    // Again, and it is the same artefact, of which every part is there.
    let asked = registry.log().len();
    let again = run(&host, &["plugin", "push", &repository("plugins/math_grader.wasm"), &to]);
    assert_eq!(again.lines().last(), Some(&*name));
    assert!(!registry.log().split_off(asked).iter().any(|it| it.contains("PUT /upload")), "{again}");
    for (to, reason) in [
        (registry.name(&format!("me/x@{}", digest(b""))), "called by a tag"),
        (registry.url("x.wasm"), "no place in a registry"),
        ("x.wasm".to_owned(), "no place in a registry"),
    ] {
        assert!(fail(&host, &["plugin", "push", "tokens", &to]).contains(reason), "{to}");
    }
}

/// Another program's client: what it pushes is fetched, and what is pushed it pulls.
#[test]
#[ignore = "installs oras"]
fn artefacts_are_those_of_oras() {
    let (host, registry) = (Host::new(), Registry::start());
    let done = |command: &mut Command| {
        let output = command.current_dir(host.path("")).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    };
    done(Command::new("python3").args(["-m", "venv", "python"]));
    let python = host.path("python/bin/python");
    done(Command::new(&python).args(["-m", "pip", "install", "--quiet", "oras==0.2.43"]));
    fs::write(host.path("theirs.wasm"), component("tokens")).unwrap();
    fs::write(host.path("config.json"), "{}").unwrap();
    let oras = |call: &str| {
        let script = format!("import oras.provider\nclient = oras.provider.Registry(insecure=True)\n{call}");
        done(Command::new(&python).args(["-c", &script]));
    };
    oras(&format!(
        "client.push(target='{}/me/theirs:1', files=['theirs.wasm:application/wasm'], manifest_config='config.json:application/vnd.wasm.config.v0+json')",
        registry.host()
    ));
    let name = run(&host, &["plugin", "fetch", &registry.name("me/theirs:1")]);
    let name = name.split_whitespace().find(|word| word.contains("@sha256:")).unwrap();
    assert!(run(&host, &["plugin", "inspect", name]).contains(&hex(&component("tokens"))));

    run(&host, &["plugin", "push", "math_grader", &registry.name("me/ours:1")]);
    oras(&format!("client.pull(target='{}/me/ours:1', outdir='pulled')", registry.host()));
    assert!(read(host.path("pulled/math_grader.wasm")) == component("math_grader"));
}

#[test]
fn a_folder_means_the_one_component_that_its_build_left() {
    let host = Host::new();
    run(&host, &["plugin", "new", "mine", "--role", "length-function", "--lang", "rust"]);
    let error = fail(&host, &["plugin", "check", "mine"]);
    assert!(error.contains("no component in the folder `mine`"), "{error}");
    assert!(error.contains("target/wasm32-unknown-unknown/release"), "{error}");
    let built = host.path("mine/target/wasm32-unknown-unknown/release");
    fs::create_dir_all(built.join("deps")).unwrap();
    fs::copy(repository("plugins/tokens.wasm"), built.join("mine.wasm")).unwrap();
    fs::copy(repository("plugins/characters.wasm"), built.join("deps/mine.wasm")).unwrap();
    for folder in ["mine", "./mine/", host.path("mine").to_str().unwrap()] {
        assert!(run(&host, &["plugin", "inspect", folder]).contains(&hex(&component("tokens"))));
    }
    let said = run(&host, &["check", "--plugin", "mine"]);
    assert!(said.contains("length_function: tokens 0.1.0 from mine/target/"), "{said}");
    fs::copy(repository("plugins/tokens.wasm"), built.join("other.wasm")).unwrap();
    let error = fail(&host, &["check", "--plugin", "mine"]);
    assert!(error.contains("2 components in the folder") && error.contains("other.wasm"), "{error}");
    // A run begun with one component does not go on with another.
    fs::remove_file(built.join("other.wasm")).unwrap();
    run(&host, &[&["sample", "--plugin", "mine", "--out", "run"], SMALL].concat());
    fs::copy(repository("plugins/characters.wasm"), built.join("mine.wasm")).unwrap();
    let error = fail(&host, &["grade", "--out", "run"]);
    assert!(
        error.contains(&hex(&component("characters"))[..8]) || error.contains("length_function"),
        "{error}"
    );
}
