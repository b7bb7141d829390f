//! The contract as a component shows it before anything runs: its version, what it imports and which roles it
//! exports.
//!
//! In: a compiled component. Out: what it was recognised as, or an error that names the import, interface or
//! version at fault. The package is `ts-host:plugin` in `wit/`; its versions are those of [`Version`].
//!
//! The types of the functions are compared when an instance is first made.

use wasmparser::ComponentExportSectionReader;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::contract::role::Role;
use crate::contract::version::Version;
use crate::load::load_error::LoadError;
use crate::text;

/// The package, as interface names begin.
const PACKAGE: &str = "ts-host:plugin/";

/// A component that is a plugin of ours.
pub(crate) struct Recognised {
    /// The version of the contract that it was built against; the newest, where it was built against several.
    pub(crate) version: Version,
    /// The roles that it exports in that version; never empty.
    pub(crate) roles: Vec<Role>,
}

/// An interface name taken apart: `ts-host:plugin/verifier@0.3.0` is ("verifier", "0.3.0").
fn ours(interface: &str) -> Option<(&str, &str)> {
    let name = interface.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "none")))
}

fn wrong_version(origin: &str, name: &str, have: &str, want: String) -> LoadError {
    LoadError::WrongVersion {
        origin: origin.into(),
        interface: format!("{PACKAGE}{name}"),
        have: text::sentence(have),
        want,
    }
}

/// The versions that this host speaks, for a reader.
fn spoken() -> String {
    let [older @ .., newest] = Version::ALL.map(Version::name);
    format!("{} or {newest}", older.join(", "))
}

/// Whether the outermost exports of a component name the role of a runner, which another engine compiles.
pub(crate) fn exports_a_runner(exports: ComponentExportSectionReader<'_>) -> bool {
    let names = exports.into_iter().flatten().map(|export| export.name.name);
    names.filter_map(ours).any(|(name, _)| name == Role::Runner.interface())
}

/// Packages of WASI that everyone is given, with nothing in them (`programs/sandbox.rs`).
const WASI: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Fails on the first import that a plugin with these roles is not given: a set of types is none, everyone is
/// given the log and WASI, a verifier `runners`, and a runner `stdio`.
pub(crate) fn check_imports(
    engine: &Engine,
    component: &Component,
    roles: &[Role],
    origin: &str,
) -> Result<(), LoadError> {
    // The versions in which a plugin is given it.
    let given = |name: &str| match name {
        "log" => &Version::ALL[..],
        "runners" if roles.contains(&Role::Verifier) => Version::WITH_PROGRAMS,
        "stdio" if roles.contains(&Role::Runner) => Version::WITH_PROGRAMS,
        _ => &[],
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
            None if WASI.iter().any(|package| import.starts_with(package)) => {}
            Some((name, version)) if !given(name).is_empty() => {
                if !Version::of(version).is_some_and(|version| given(name).contains(&version)) {
                    return Err(wrong_version(origin, name, version, spoken()));
                }
            }
            _ => {
                let import = text::sentence(import);
                return Err(LoadError::ForbiddenImport { origin: origin.into(), import });
            }
        }
    }
    Ok(())
}

/// Whether a component wants programs run.
pub(crate) fn imports_runners(engine: &Engine, component: &Component) -> bool {
    let ty = component.component_type();
    ty.imports(engine).any(|(name, _)| ours(name).is_some_and(|(name, _)| name == "runners"))
}

/// What a component exports; fails where that is not a plugin, or one of another version.
pub(crate) fn recognise(
    engine: &Engine,
    component: &Component,
    origin: &str,
) -> Result<Recognised, LoadError> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    let versions_of = |wanted: &'static str| {
        exports.iter().filter_map(|name| ours(name)).filter(move |(name, _)| *name == wanted).map(|(_, v)| v)
    };
    let not_a_plugin = |missing| LoadError::NotAPlugin {
        origin: origin.into(),
        missing,
        exports: exports.iter().map(|name| format!("`{name}`")).collect(),
    };
    let Some(version) = versions_of("plugin").filter_map(Version::of).max() else {
        return Err(match versions_of("plugin").next() {
            Some(have) => wrong_version(origin, "plugin", have, spoken()),
            None => not_a_plugin("`ts-host:plugin/plugin`"),
        });
    };
    let has = |role: &Role| versions_of(role.interface()).any(|have| Version::of(have) == Some(version));
    let roles: Vec<Role> = Role::ALL.into_iter().filter(has).collect();
    if !roles.is_empty() {
        return Ok(Recognised { version, roles });
    }
    let elsewhere =
        Role::ALL.into_iter().find_map(|role| Some((role, versions_of(role.interface()).next()?)));
    Err(match elsewhere {
        Some((role, have)) => {
            wrong_version(origin, role.interface(), have, format!("{version}, which its `plugin` has"))
        }
        None => not_a_plugin("role"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(ours("ts-host:plugin/verifier@0.2.0"), Some(("verifier", "0.2.0")));
        assert_eq!(ours("ts-host:plugin/verifier"), Some(("verifier", "none")));
        assert_eq!(ours("wasi:cli/stdout@0.2.0"), None);
    }
}
