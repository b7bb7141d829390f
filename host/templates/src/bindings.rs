//! The contract in C (a header, its code, and an object that says which contract the module has) and in Go (a package an interface).
//!
//! They are made when a project is, so that they are never older than the contract. Names are without version
//! and package: in C `exports_verifier_grade`, `types_span_t`.
//!
//! In: a role. Out: files, for C in the folder `bindings`. C++ takes the same ones.

use ts_plugin::Role;
use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;

use crate::{Error, contract};

/// The files, by path in the project.
pub(crate) fn c(role: Role) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let (mut resolve, id) = contract::world_of(role)?;
    let world = &resolve.worlds[id];
    let interfaces = world.imports.keys().chain(world.exports.keys());
    let mut rename: Vec<_> = interfaces.map(|key| short(resolve.name_world_key(key))).collect();
    rename.sort();
    rename.dedup();
    let options = Opts { rename, rename_world: Some("ts-host".to_owned()), ..Opts::default() };
    let mut files = Files::default();
    let made = options.build().generate(&mut resolve, id, &mut files);
    made.map_err(Error::contract)?;
    Ok(files.iter().map(|(name, bytes)| (format!("bindings/{name}"), bytes.to_vec())).collect())
}

/// The files in Go, by path in the project, and the two that hand the contract's functions to the author's package `plugin`.
pub(crate) fn go(role: Role) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let (mut resolve, id) = contract::world_of(role)?;
    // Not as `gofmt` would: whether it is there decides nothing.
    let options = wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, ..Default::default() };
    let mut files = Files::default();
    options.build().generate(&mut resolve, id, &mut files).map_err(Error::contract)?;
    let mut made: Vec<_> = files.iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    for (interface, functions) in
        [("plugin", &["Describe", "Configure"][..]), (role.interface(), &[go_function(role)])]
    {
        let package = format!("export_ts_host_plugin_{}", interface.replace('-', "_"));
        let handed: Vec<String> =
            functions.iter().map(|name| format!("\t{name} = plugin.{name}\n")).collect();
        let text = format!(
            "// Package {package} hands the contract's functions to the plugin's.\npackage {package}\n\nimport \"wit_component/plugin\"\n\n\
             var (\n{})\n",
            handed.concat()
        );
        made.push((format!("{package}/handed.go"), text.into_bytes()));
    }
    Ok(made)
}

/// What Go calls the function of a role.
fn go_function(role: Role) -> &'static str {
    match role {
        Role::Verifier => "Grade",
        Role::StepSplitter => "Split",
        Role::SelectionPolicy => "Select",
        Role::LengthFunction => "Measure",
        Role::Runner => "Run",
    }
}

/// An interface's whole name, `ts-host:plugin/step-splitter@…`, and the one that C has for it,
/// `step_splitter`.
fn short(whole: String) -> (String, String) {
    let name = whole.rsplit('/').next().and_then(|name| name.split('@').next()).unwrap_or(&whole);
    let name = name.replace('-', "_");
    (whole, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_go_the_plugin_is_a_package_of_its_own() {
        let files = go(Role::StepSplitter).unwrap();
        let text = |path: &str| {
            let (_, bytes) =
                files.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no {path}: {files:?}"));
            String::from_utf8(bytes.clone()).unwrap()
        };
        assert!(text("wit_exports.go").contains("export_ts_host_plugin_step_splitter.Split("));
        assert!(text("export_ts_host_plugin_step_splitter/handed.go").contains("\tSplit = plugin.Split\n"));
        assert!(text("go.mod").contains("module wit_component"));
    }

    #[test]
    fn names_are_without_package_and_version() {
        let files = c(Role::StepSplitter).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["bindings/ts_host.c", "bindings/ts_host.h", "bindings/ts_host_component_type.o"]);
        let header = String::from_utf8(files[1].1.clone()).unwrap();
        assert!(header.contains("bool exports_step_splitter_split(ts_host_string_t *text,"), "{header}");
        assert_eq!(short("a:b/c-d@0.1.0".to_owned()).1, "c_d");
    }
}
