//! The contract of `wit/`, as text and parsed.
//!
//! In: roles. Out: the files, and worlds in them. The version stands in `wit/types.wit` alone.

use ts_plugin::Role;
use wit_bindgen_core::wit_parser::{Resolve, SourceMap, WorldId};

use crate::Error;

/// Every file, under its path in a project. They refer to one another, so a project has all of them.
pub(crate) const FILES: [(&str, &str); 8] = [
    ("wit/length-function.wit", include_str!("../../../wit/length-function.wit")),
    ("wit/plugin.wit", include_str!("../../../wit/plugin.wit")),
    ("wit/runner.wit", include_str!("../../../wit/runner.wit")),
    ("wit/selection-policy.wit", include_str!("../../../wit/selection-policy.wit")),
    ("wit/step-splitter.wit", include_str!("../../../wit/step-splitter.wit")),
    ("wit/types.wit", include_str!("../../../wit/types.wit")),
    ("wit/verifier.wit", include_str!("../../../wit/verifier.wit")),
    ("wit/worlds.wit", include_str!("../../../wit/worlds.wit")),
];

/// The world for plugins of one role, as `wit/worlds.wit` has it.
pub(crate) fn world_of(role: Role) -> Result<(Resolve, WorldId), Error> {
    world(&format!("{role}-plugin"), "")
}

/// A world for a plugin of these roles, with everything that its roles may import.
pub(crate) fn world_of_all(roles: &[Role]) -> Result<(Resolve, WorldId), Error> {
    let mut text = "import log; export plugin;".to_owned();
    for role in Role::ALL.into_iter().filter(|role| roles.contains(role)) {
        text.push_str(match role {
            Role::Verifier => " import runners;",
            Role::Runner => " import stdio;",
            Role::StepSplitter | Role::SelectionPolicy | Role::LengthFunction => "",
        });
        text.push_str(&format!(" export {role};"));
    }
    world("of-these-roles", &format!("world of-these-roles {{ {text} }}"))
}

fn world(name: &str, more: &str) -> Result<(Resolve, WorldId), Error> {
    let mut sources = SourceMap::new();
    for (path, text) in FILES {
        sources.push_str(path, text);
    }
    sources.push_str("more.wit", more);
    let package = sources.parse().map_err(|(_, error)| Error::contract(error))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(package).map_err(Error::contract)?;
    let world = resolve.select_world(&[package], Some(name)).map_err(Error::contract)?;
    Ok((resolve, world))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `docs/plugins.md` says of memory, for authors without bindings.
    #[test]
    fn the_guide_says_where_things_lie() {
        use wit_bindgen_core::wit_parser::{SizeAlign, Type, TypeDefKind};
        let guide = include_str!("../../../docs/plugins.md");
        let row = |name: &str| {
            let begins = format!("| `{name}` | ");
            guide
                .lines()
                .find_map(|line| line.strip_prefix(&begins))
                .unwrap_or_else(|| panic!("no row `{name}`"))
        };
        let (resolve, _) = world_of_all(&Role::ALL).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve).unwrap();
        let record = |name: &str| {
            let (id, ty) = resolve
                .types
                .iter()
                .find(|(_, ty)| ty.name.as_deref() == Some(name))
                .expect("a type of the contract");
            let TypeDefKind::Record(record) = &ty.kind else { panic!("`{name}` is not a record") };
            let offsets = sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
            let names = record.fields.iter().map(|field| field.name.clone());
            let fields: Vec<_> = names.zip(offsets).map(|(name, (at, _))| (name, at.size_wasm32())).collect();
            (sizes.size(&Type::Id(id)).size_wasm32(), sizes.align(&Type::Id(id)).align_wasm32(), fields)
        };
        // Within a result, what it holds comes after the tag.
        for (name, in_result) in [
            ("description", false),
            ("setting-spec", false),
            ("setting", false),
            ("positive", false),
            ("pair", false),
            ("candidate", false),
            ("graded", true),
            ("selection", true),
        ] {
            let (size, align, fields) = record(name);
            let (row, before) = match in_result {
                true => (row(&format!("result<{name}, string>")), align),
                false => (row(name), 0),
            };
            let size = size + before;
            assert!(row.starts_with(&format!("{size} | ")), "{name} has {size} bytes: {row}");
            for (field, at) in fields {
                assert!(
                    row.contains(&format!("{field} {}", at + before)),
                    "{field} of {name} is at {}: {row}",
                    at + before
                );
            }
        }
    }

    #[test]
    fn every_file_of_the_contract_is_here() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "wit"));
        let mut names: Vec<_> =
            files.map(|entry| format!("wit/{}", entry.file_name().to_str().unwrap())).collect();
        names.sort();
        assert_eq!(names, FILES.map(|(path, _)| path));
    }

    #[test]
    fn every_role_has_a_world() {
        for role in Role::ALL {
            assert!(world_of(role).is_ok(), "{role}");
        }
        let (resolve, world) = world_of_all(&Role::ALL).unwrap();
        assert_eq!(resolve.worlds[world].exports.len(), 1 + Role::ALL.len());
    }
}
