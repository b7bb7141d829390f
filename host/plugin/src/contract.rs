//! The contract as a component shows it before anything runs: what it imports and which roles it exports.
//!
//! In: a compiled component. Out: its [`Role`]s, or an error that names the import, interface or version at
//! fault. The package is `ts-host:plugin` in `wit/`; versions are compared as semantic versions are below
//! 1.0: the minor number must be equal.
//!
//! Left out on purpose: the types of the functions. They are compared when an instance is first made.

use wasmparser::Payload;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::load_error::LoadError;
use crate::role::Role;

/// Version of the contract in `wit/` that this host speaks.
pub const WIT_VERSION: &str = "0.1.0";

/// The package, as interface names begin.
const PACKAGE: &str = "ts-host:plugin/";

/// An interface name taken apart: `ts-host:plugin/verifier@0.1.0` is ("verifier", "0.1.0").
fn ours(interface: &str) -> Option<(&str, &str)> {
    let name = interface.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "none")))
}

/// Whether a plugin with this version of an interface fits this host.
fn compatible(version: &str) -> bool {
    fn track(version: &str) -> Option<(&str, &str)> {
        version.rsplit_once('.')?.0.split_once('.')
    }
    track(version).is_some() && track(version) == track(WIT_VERSION)
}

fn wrong_version(origin: &str, name: &str, have: &str) -> LoadError {
    LoadError::WrongVersion {
        origin: origin.into(),
        interface: format!("{PACKAGE}{name}"),
        have: have.into(),
        want: WIT_VERSION,
    }
}

/// Whether a component, not yet compiled, exports the role of a runner, which another engine compiles.
pub(crate) fn is_runner(bytes: &[u8]) -> bool {
    let mut depth = 0_usize;
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentExportSection(exports)) if depth == 0 => {
                let names = exports.into_iter().flatten().map(|export| export.name.name);
                if names.filter_map(ours).any(|(name, _)| name == Role::Runner.interface()) {
                    return true;
                }
            }
            Ok(_) => {}
            // What is wrong with it, the compiler says.
            Err(_) => return false,
        }
    }
    false
}

/// Fails on the first import that a plugin with these roles is not given: a set of types is none, everyone is given the
/// log, a verifier `runners`, and a runner `stdio` and WASI.
pub(crate) fn check_imports(
    engine: &Engine,
    component: &Component,
    roles: &[Role],
    origin: &str,
) -> Result<(), LoadError> {
    let is_given = |name: &str| match name {
        "log" => true,
        "runners" => roles.contains(&Role::Verifier),
        "stdio" => roles.contains(&Role::Runner),
        _ => false,
    };
    for (import, item) in component.component_type().imports(engine) {
        let only_types = match &item.ty {
            ComponentItem::ComponentInstance(instance) => {
                instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
            }
            ComponentItem::Type(_) => true,
            _ => false,
        };
        match ours(import) {
            _ if only_types => {}
            None if import.starts_with("wasi:") && roles.contains(&Role::Runner) => {}
            Some((name, version)) if is_given(name) && compatible(version) => {}
            Some((name, version)) if is_given(name) => return Err(wrong_version(origin, name, version)),
            _ => return Err(LoadError::ForbiddenImport { origin: origin.into(), import: import.into() }),
        }
    }
    Ok(())
}

/// Whether a component wants programs run.
pub(crate) fn imports_runners(engine: &Engine, component: &Component) -> bool {
    let ty = component.component_type();
    ty.imports(engine).any(|(name, _)| ours(name).is_some_and(|(name, _)| name == "runners"))
}

/// The roles that a component exports; fails where it has none, or any in another version.
pub(crate) fn roles(engine: &Engine, component: &Component, origin: &str) -> Result<Vec<Role>, LoadError> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    let has = |wanted: &str| -> Result<bool, LoadError> {
        let mut versions =
            exports.iter().filter_map(|name| ours(name)).filter(|(name, _)| *name == wanted).peekable();
        let Some((name, first)) = versions.peek().copied() else { return Ok(false) };
        if versions.any(|(_, version)| compatible(version)) {
            return Ok(true);
        }
        Err(wrong_version(origin, name, first))
    };
    let not_a_plugin = |missing| LoadError::NotAPlugin {
        origin: origin.into(),
        missing,
        exports: exports.iter().map(|name| format!("`{name}`")).collect(),
    };
    if !has("plugin")? {
        return Err(not_a_plugin("`ts-host:plugin/plugin`"));
    }
    let mut roles = Vec::new();
    for role in Role::ALL {
        if has(role.interface())? {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        return Err(not_a_plugin("role"));
    }
    Ok(roles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_wit_files() {
        let types = include_str!("../../../wit/types.wit");
        assert!(types.contains(&format!("package ts-host:plugin@{WIT_VERSION};")));
    }

    #[test]
    fn below_1_0_the_minor_number_decides() {
        assert!(compatible("0.1.0") && compatible("0.1.9"));
        for version in ["0.2.0", "1.1.0", "0.10.0", "0.1", "none", ""] {
            assert!(!compatible(version), "{version}");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(ours("ts-host:plugin/verifier@0.1.0"), Some(("verifier", "0.1.0")));
        assert_eq!(ours("ts-host:plugin/verifier"), Some(("verifier", "none")));
        assert_eq!(ours("wasi:cli/stdout@0.2.0"), None);
    }
}
