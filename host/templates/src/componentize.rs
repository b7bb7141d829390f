//! A component of a core module: what a compiler of any language makes, with this host's contract around it.
//!
//! A module that carries a contract (bindings made by wit-bindgen put it there) keeps that one; another is
//! given this host's. Either way the module must export the functions of its roles under the names of the
//! canonical ABI, and may import only what a plugin of these roles is granted.
//!
//! In: a module, roles, what the module is like. Out: a component, or what is wrong with the module. WASI as modules know it
//! becomes WASI as components do, by wasmtime's adapter; there the host answers that there is nothing.

use std::collections::BTreeSet;

use ts_plugin::Role;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Encoding as Kind, Parser, Payload};
use wit_bindgen_core::wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldId, WorldItem, WorldKey,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::error::MAX_NAMED;
use crate::{Error, contract};

/// How a module writes texts into its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As the contract counts: most languages.
    Utf8,
    /// As MoonBit does.
    Utf16,
}

/// What a module is like, and what is done about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How it writes texts, if it does not carry a contract that says so.
    pub encoding: Encoding,
}

/// The two ways in which the functions of a component are named in its module.
const MANGLINGS: [ManglingAndAbi; 2] =
    [ManglingAndAbi::Legacy(LiftLowerAbi::Sync), ManglingAndAbi::Standard32];

/// Makes a component of a module.
///
/// # Errors
///
/// [`Error::NoModule`], [`Error::Component`], [`Error::OtherVersion`], [`Error::NoExport`],
/// [`Error::NotGranted`]; [`Error::Encode`] where a function has other parameters than its name promises.
pub fn componentize(module: &[u8], roles: &[Role], options: Options) -> Result<Vec<u8>, Error> {
    let found = read(module)?;
    let (resolve, world) = contract::world_of_all(roles)?;
    exports_all(&found, &resolve, world)?;
    imports_nothing_else(&found, &resolve, world)?;
    let mut module = module.to_vec();
    if !found.has_contract {
        let encoding = match options.encoding {
            Encoding::Utf8 => StringEncoding::UTF8,
            Encoding::Utf16 => StringEncoding::UTF16,
        };
        embed_component_metadata(&mut module, &resolve, world, encoding, false).map_err(Error::encode)?;
    }
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).map_err(Error::encode)?;
    if found.imports.iter().any(|import| import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME) {
        let (name, adapter) = (WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
        encoder.adapter(name, adapter).map_err(Error::encode)?;
    }
    encoder.encode().map_err(Error::encode)
}

/// What of a module matters here.
#[derive(Default)]
struct Found {
    exports: BTreeSet<String>,
    imports: Vec<Import>,
    has_contract: bool,
}

struct Import {
    module: String,
    name: String,
}

fn read(bytes: &[u8]) -> Result<Found, Error> {
    let no_module =
        |error: wasmparser::BinaryReaderError| Error::NoModule { why: error.message().to_owned() };
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::NoModule { why: "it does not begin as one".to_owned() });
    }
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(no_module)? {
            Payload::Version { encoding: Kind::Component, .. } => return Err(Error::Component),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(no_module)?;
                    found
                        .imports
                        .push(Import { module: import.module.to_owned(), name: import.name.to_owned() });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    found.exports.insert(export.map_err(no_module)?.name.to_owned());
                }
            }
            Payload::CustomSection(section) => {
                found.has_contract |= section.name().starts_with("component-type");
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Fails where a function that the world exports is not there, or memory, or the way to get some.
fn exports_all(found: &Found, resolve: &Resolve, world: WorldId) -> Result<(), Error> {
    let names = |wanted: fn() -> WasmExport<'static>| {
        MANGLINGS.map(|mangling| resolve.wasm_export_name(mangling, wanted()))
    };
    let mut wanted = vec![names(|| WasmExport::Memory), names(|| WasmExport::Realloc)];
    for (key, item) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = item else { continue };
        for func in resolve.interfaces[*id].functions.values() {
            wanted.push(MANGLINGS.map(|mangling| {
                let kind = WasmExportKind::Normal;
                resolve.wasm_export_name(mangling, WasmExport::Func { interface: Some(key), func, kind })
            }));
        }
    }
    let is_missing = |names: &[String; 2]| !names.iter().any(|name| found.exports.contains(name));
    let missing: Vec<String> = wanted.into_iter().filter(is_missing).map(|[name, _]| name).collect();
    // The same function of another version is the likelier mistake, and calls for something else.
    for wanted in &missing {
        let unversioned = |name: &str| {
            let (interface, rest) = name.split_once('@')?;
            Some((interface.to_owned(), rest.split_once('#')?.1.to_owned()))
        };
        let of_wanted = unversioned(wanted);
        if let Some(found) =
            found.exports.iter().find(|name| of_wanted.is_some() && unversioned(name) == of_wanted)
        {
            return Err(Error::OtherVersion { found: found.clone(), wanted: wanted.clone() });
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let exports = found.exports.iter().take(MAX_NAMED).cloned().collect();
    Err(Error::NoExport { names: missing, exports })
}

/// Fails where the module imports what the world does not.
fn imports_nothing_else(found: &Found, resolve: &Resolve, world: WorldId) -> Result<(), Error> {
    let mut granted: BTreeSet<String> =
        resolve.worlds[world].imports.keys().flat_map(|key| modules(resolve, key)).collect();
    granted.insert(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME.to_owned());
    let others = found.imports.iter().filter(|import| !granted.contains(&import.module));
    let names: Vec<String> = others.map(|Import { module, name, .. }| format!("{module} {name}")).collect();
    if names.is_empty() { Ok(()) } else { Err(Error::NotGranted { names }) }
}

/// The modules under which an interface's functions are imported.
fn modules(resolve: &Resolve, key: &WorldKey) -> [String; 2] {
    let name = resolve.name_world_key(key);
    [format!("cm32p2|{}", resolve.name_canonicalized_world_key(key)), name]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions of a length function, under their names of the contract.
    const PLUGIN: [&str; 3] = [
        r#"(func (export "ts-host:plugin/plugin@VERSION#describe") (result i32) i32.const 0)"#,
        r#"(func (export "ts-host:plugin/plugin@VERSION#configure") (param i32 i32) (result i32) i32.const 0)"#,
        r#"(func (export "ts-host:plugin/length-function@VERSION#measure") (param i32 i32 i32) (result i32) i32.const 0)"#,
    ];
    const MEMORY: &str = r#"(memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)"#;

    const OPTIONS: Options = Options { encoding: Encoding::Utf8 };

    fn made(parts: &[&str]) -> Result<Vec<u8>, Error> {
        made_with(parts, OPTIONS)
    }

    fn made_with(parts: &[&str], options: Options) -> Result<Vec<u8>, Error> {
        let text =
            format!("(module {})", parts.join("\n")).replace("VERSION", ts_plugin::Version::NEWEST.name());
        componentize(&wat::parse_str(text).unwrap(), &[Role::LengthFunction], options)
    }

    fn refused(parts: &[&str]) -> String {
        made(parts).unwrap_err().to_string()
    }

    #[test]
    fn a_module_becomes_a_component_once() {
        let [describe, configure, measure] = PLUGIN;
        let component = made(&[MEMORY, describe, configure, measure]).unwrap();
        let error = componentize(&component, &[Role::LengthFunction], OPTIONS).unwrap_err();
        assert!(matches!(error, Error::Component), "{error}");
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for bytes in [&b""[..], b"int main", b"\0asm\x01\0\0\0\x01\x05"] {
            let error = componentize(bytes, &[Role::Verifier], OPTIONS).unwrap_err();
            assert!(matches!(error, Error::NoModule { .. }), "{error}");
        }
    }

    #[test]
    fn missing_exports_are_named() {
        let [describe, configure, measure] = PLUGIN;
        let version = ts_plugin::Version::NEWEST.name();
        let message = refused(&[MEMORY, describe, configure]);
        assert!(
            message.contains(&format!("not export `ts-host:plugin/length-function@{version}#measure`;")),
            "{message}"
        );
        assert!(refused(&PLUGIN).contains("not export `memory`, `cabi_realloc`;"));
        let old = measure.replace("VERSION", "0.0.1");
        let message = refused(&[MEMORY, describe, configure, &old]);
        assert!(
            message.contains("exports `ts-host:plugin/length-function@0.0.1#measure`, and this host's"),
            "{message}"
        );
    }

    #[test]
    fn imports_that_are_not_granted_are_named() {
        let [describe, configure, measure] = PLUGIN;
        let with = |import| made(&[import, MEMORY, describe, configure, measure]);
        assert!(with(r#"(import "ts-host:plugin/log@VERSION" "log" (func (param i32 i32 i32)))"#).is_ok());
        for (import, named, remedy) in [
            (r#"(import "wasi_unstable" "fd_write" (func))"#, "`wasi_unstable fd_write`", "wasip1"),
            (r#"(import "env" "sin" (func))"#, "`env sin`", "nothing linked defines"),
            (r#"(import "ts-host:plugin/runners@VERSION" "run" (func))"#, "run`", "`log` alone"),
        ] {
            let message = with(import).unwrap_err().to_string();
            assert!(message.contains(named) && message.contains(remedy), "{message}");
        }
    }

    #[test]
    fn wasi_of_modules_becomes_that_of_components() {
        let [describe, configure, measure] = PLUGIN;
        let wasi =
            r#"(import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))"#;
        let with = |imports| made(&[imports, MEMORY, describe, configure, measure]);
        let component = with(wasi).unwrap();
        let imports =
            Parser::new(0).parse_all(&component).map(Result::unwrap).flat_map(|payload| match payload {
                Payload::ComponentImportSection(section) => section.into_iter().map(Result::unwrap).collect(),
                _ => vec![],
            });
        let names: Vec<&str> = imports.map(|import| import.name.name).collect();
        assert!(names.iter().any(|name| name.starts_with("wasi:clocks/")), "{names:?}");
        assert!(!names.iter().any(|name| name.contains("preview1")), "{names:?}");
        let and_more = format!("{wasi} (import \"env\" \"sin\" (func))");
        let message = with(&and_more).unwrap_err().to_string();
        assert!(message.contains("it imports `env sin`, which"), "{message}");
        // A function of other parameters than WASI's.
        assert!(with(r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#).is_err());
    }

    #[test]
    fn a_function_of_other_parameters_is_refused() {
        let [describe, configure, _] = PLUGIN;
        let measure = r#"(func (export "ts-host:plugin/length-function@VERSION#measure"))"#;
        let error = made(&[MEMORY, describe, configure, measure]).unwrap_err();
        assert!(matches!(error, Error::Encode { .. }), "{error}");
        let chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        let why = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        assert!(why.contains("length-function") && why.contains("type mismatch"), "{why}");
    }
}
