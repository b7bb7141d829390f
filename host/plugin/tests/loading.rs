//! Files that are not what they should be: each is refused before it runs, with an error that names the
//! fault.

mod guests;

use std::path::Path;
use std::sync::Arc;

use guests::{GOOD, component, host, load, text};
use serde_json::{Map, json};
use ts_plugin::{
    CachePlace, CodeCache, HostOptions, Isolation, Limits, LoadError, Plugin, PluginHost, PluginSource, Role,
    Version,
};

fn refused(bytes: Vec<u8>) -> LoadError {
    load(&host(Limits::default(), Isolation::PerCall), bytes).unwrap_err()
}

/// What becomes of a good guest with one part of its text replaced.
fn changed(from: &str, to: &str) -> Result<Plugin, LoadError> {
    let good = text(GOOD);
    assert!(good.contains(from), "{from}");
    load(&host(Limits::default(), Isolation::PerCall), component(&good.replace(from, to)))
}

#[test]
fn a_plugin_is_loaded_with_its_identity() {
    let plugin = load(&host(Limits::default(), Isolation::PerCall), component(&text(GOOD))).unwrap();
    assert_eq!(plugin.roles(), [Role::Verifier]);
    let identity = plugin.identity();
    assert_eq!((identity.name.as_str(), identity.version.as_str()), ("hostile", "0.1.0"));
    assert_eq!(identity.origin, "embedded:test");
    assert_eq!((identity.sha256.len(), identity.bytes), (64, component(&text(GOOD)).len() as u64));
}

#[test]
fn a_wrong_role_says_which_roles_there_are() {
    let plugin = load(&host(Limits::default(), Isolation::PerCall), component(&text(GOOD))).unwrap();
    let error = plugin.step_splitter(&Map::new()).unwrap_err();
    assert_eq!(error.to_string(), "plugin `hostile` is not a step-splitter; it is a verifier");
}

#[test]
fn an_unknown_setting_is_refused() {
    let plugin = load(&host(Limits::default(), Isolation::PerCall), component(&text(GOOD))).unwrap();
    let settings = Map::from_iter([("alpha".to_string(), json!(1))]);
    let error = plugin.verifier(&settings).unwrap_err();
    assert_eq!(error.hint().unwrap(), "it takes no settings");
}

#[test]
fn a_cut_component_is_not_valid() {
    let whole = component(&text(GOOD));
    for length in [8, 9, whole.len() / 2, whole.len() - 1] {
        let error = refused(whole[..length].to_vec());
        assert!(
            matches!(error, LoadError::Invalid { .. } | LoadError::NotAPlugin { .. }),
            "{length}: {error:?}"
        );
    }
}

#[test]
fn what_takes_too_long_to_compile_is_refused() {
    let plugin = std::fs::read("../../plugins/math_grader.wasm").unwrap();
    let host = host(Limits { compile_ms: 1, ..Limits::default() }, Isolation::PerCall);
    let error = load(&host, plugin).unwrap_err();
    assert!(matches!(error, LoadError::TooLongToCompile { limit_ms: 1, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("compile_ms"));
}

#[test]
fn a_core_module_is_not_a_component() {
    let error = refused(component("(module)"));
    assert!(
        matches!(error, LoadError::NotAComponent { found: "a core WebAssembly module", .. }),
        "{error:?}"
    );
}

#[test]
fn an_import_that_is_not_granted_is_named() {
    let http =
        r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func)))))"#;
    let error = refused(component(http));
    assert_eq!(
        error.to_string(),
        "plugin `embedded:test` imports `wasi:http/outgoing-handler@0.2.0`, which no plugin is given"
    );
    assert!(error.hint().unwrap().contains("a WASI in which there is nothing"));
    let function = r#"(component (import "exec" (func)))"#;
    assert!(matches!(refused(component(function)), LoadError::ForbiddenImport { .. }));
}

#[test]
fn a_component_of_another_kind_is_not_a_plugin() {
    let error = refused(component("(component)"));
    assert!(matches!(error, LoadError::NotAPlugin { .. }), "{error:?}");
}

#[test]
fn another_version_says_have_and_want() {
    let error = changed("@0.3.0", "@0.4.0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `embedded:test` has `ts-host:plugin/log` in version 0.4.0; this host takes 0.1.0, 0.2.0 or 0.3.0"
    );
    let error = changed("plugin/plugin@0.3.0", "plugin/plugin@1.0.0").unwrap_err();
    assert!(error.to_string().contains("`ts-host:plugin/plugin` in version 1.0.0"), "{error}");
}

#[test]
fn every_interface_is_of_one_version() {
    for other in ["0.1.0", "0.2.0", "1.0.0"] {
        let error = changed("plugin/verifier@0.3.0", &format!("plugin/verifier@{other}")).unwrap_err();
        let said = format!(
            "`ts-host:plugin/verifier` in version {other}; this host takes 0.3.0, which its `plugin` has"
        );
        assert!(error.to_string().contains(&said), "{error}");
    }
}

#[test]
fn a_compatible_version_is_taken() {
    assert_eq!(changed("@0.3.0", "@0.3.7").unwrap().contract(), Version::V0_3);
}

#[test]
fn the_types_are_those_of_the_version_that_it_names() {
    let error = changed("@0.3.0", "@0.1.0").unwrap_err();
    assert!(matches!(error, LoadError::WrongType { interface: "verifier", .. }), "{error:?}");
}

#[test]
fn another_type_under_the_same_name_is_found_at_load() {
    let error = changed("(field \"score\" f64)", "(field \"score\" f32)").unwrap_err();
    assert!(matches!(error, LoadError::WrongType { interface: "verifier", .. }), "{error:?}");
}

#[test]
fn a_missing_function_is_found_at_load() {
    let error = changed("(export \"describe\" (func $describe))", "").unwrap_err();
    assert!(matches!(error, LoadError::WrongType { interface: "plugin", .. }), "{error:?}");
}

#[test]
fn a_plugin_without_a_role_is_none() {
    let error = changed("plugin/verifier@0.3.0", "plugin/grader@0.3.0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "component `embedded:test` is not a plugin of this host: it exports no role"
    );
    assert!(error.hint().unwrap().contains("`ts-host:plugin/grader@0.3.0`"));
}

#[test]
fn a_description_that_breaks_the_contract_is_refused() {
    let error = changed("\"hostile\"", "\"Hostile\"").unwrap_err();
    assert!(error.to_string().contains("its name `Hostile` is not lower case"), "{error}");
}

#[test]
fn a_plugin_that_crashes_when_described_does_not_load() {
    let error = changed("(result i32) (i32.const 2048)", "(result i32) (unreachable)").unwrap_err();
    assert!(matches!(&error, LoadError::Start { source, .. } if source.function == "describe"), "{error:?}");
}

#[test]
fn a_plugin_that_wants_more_memory_than_there_is_does_not_load() {
    let hoard = text(GOOD).replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 64)");
    let limits = Limits { memory_mib: 1, ..Limits::default() };
    let error = load(&host(limits, Isolation::PerCall), component(&hoard)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `embedded:test` has 4194304 bytes of memory from the start, more than the limit of 1048576"
    );
    assert_eq!(error.hint().unwrap(), "raise the limit `memory_mib` if you trust it");
}

#[test]
fn a_missing_file_is_not_found() {
    let error = host(Limits::default(), Isolation::PerCall)
        .load(PluginSource::File(Path::new("no/such/plugin.wasm").into()))
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no plugin `no/such/plugin.wasm`");
}

#[test]
fn a_second_host_finds_the_compiled_code() {
    let folder = tempfile::tempdir().unwrap();
    let place = CachePlace { folder: folder.path().join("code"), key: folder.path().join("key") };
    for _ in 0..2 {
        let cache = Some(Arc::new(CodeCache::open(place.clone()).unwrap()));
        let options = HostOptions { cache, ..HostOptions::default() };
        load(&PluginHost::new(options).unwrap(), component(&text(GOOD))).unwrap();
        assert_eq!(std::fs::read_dir(&place.folder).unwrap().count(), 1);
    }
}

/// What a limit of so many core instances says of a component's text.
fn counted(text: &str, instances: u32) -> LoadError {
    load(&host(Limits { instances, ..Limits::default() }, Isolation::PerCall), component(text)).unwrap_err()
}

#[test]
fn parts_are_counted_as_often_as_they_are_instantiated() {
    let text = "(component
        (core module $m (memory 1))
        (component $two (core instance (instantiate $m)) (core instance (instantiate $m)))
        (component $four (instance (instantiate $two)) (instance (instantiate $two)))
        (component $unused (instance (instantiate $four)) (instance (instantiate $four)))
        (instance (instantiate $four)))";
    let error = counted(text, 3);
    assert!(
        matches!(error, LoadError::TooComplex { what: "core instances", count: 4, limit: 3, .. }),
        "{error:?}"
    );
    let error = counted(text, 4);
    assert!(matches!(error, LoadError::NotAPlugin { .. }), "{error:?}");
    let error = counted(&text.replace("(memory 1)", "(memory 1) (memory 1)"), 4);
    assert!(matches!(error, LoadError::TooComplex { what: "memories", count: 8, .. }), "{error:?}");
}

#[test]
fn a_part_that_is_handed_over_is_not_instantiated() {
    let handed = r#"(component
        (component $part)
        (component $user (import "part" (component $given)) (instance (instantiate $given)))
        (instance (instantiate $user (with "part" (component $part)))))"#;
    let error = counted(handed, 64);
    assert!(
        error.to_string().contains("instances of parts that it is handed and does not define"),
        "{error}"
    );
}

#[test]
fn tables_and_functions_have_their_limits() {
    let good = text(GOOD);
    let with = |part: &str| {
        let text =
            good.replacen("(func (export \"describe\")", &format!("{part} (func (export \"describe\")"), 1);
        counted(&text, 64).to_string()
    };
    let error = with("(table 20001 funcref)");
    assert!(
        error.contains("has 20001 elements in a table from the start, more than the limit of 20000"),
        "{error}"
    );
    let error = with(&"(table 1 funcref)".repeat(9));
    assert!(error.contains("has 9 tables, more than the limit of 8"), "{error}");
    let error = with(&format!("(func {})", "nop ".repeat(3 << 20)));
    assert!(error.contains("bytes in a function, more than the limit of 2097152"), "{error}");
}
