//! The contract in C: a header, its code, and an object that says which contract the module has.
//!
//! They are made when a project is, so that they are never older than the contract. Names are without version
//! and package: `exports_verifier_grade`, `types_span_t`.
//!
//! In: a role. Out: files for the folder `bindings`. C++ takes the same ones.

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
    fn names_are_without_package_and_version() {
        let files = c(Role::StepSplitter).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["bindings/ts_host.c", "bindings/ts_host.h", "bindings/ts_host_component_type.o"]);
        let header = String::from_utf8(files[1].1.clone()).unwrap();
        assert!(header.contains("bool exports_step_splitter_split(ts_host_string_t *text,"), "{header}");
        assert_eq!(short("a:b/c-d@0.1.0".to_owned()).1, "c_d");
    }
}
