//! What a component has, counted before anything of it is compiled.
//!
//! In: the bytes of a file, from a stranger. Out: its [`Shape`], or the error that names what it has too much
//! of. A component of a few hundred bytes can say that it is made of parts which are made of parts, ten times
//! over each time: so what a part has is counted as often as it is instantiated (`weight.rs`), and the sums
//! stop at the largest number there is.
//!
//! One pass over the bytes, with a stack that is as deep as parts are nested, which is bounded; nothing is
//! kept of what was passed but counts.
//!
//! Whether it is valid is for the compiler to say, in a process that may fail (`compiler`).

mod types;
mod weight;

use wasmparser::{ComponentAlias, ComponentInstance, Instance, Parser, Payload};

use crate::contract::interfaces::exports_a_runner;
use crate::engine::runner_limits;
use crate::limits::{Limits, MEMORIES_PER_INSTANCE, TABLES_PER_INSTANCE};
use crate::load::load_error::LoadError;
use crate::text;
use weight::{Scope, Weight};

/// Levels of components within components, and of types within types.
const DEPTH: u64 = 20;
/// Definitions of a component, those of its parts as often as they are instantiated: aliases, functions,
/// instances.
const DEFINITIONS: u64 = 1_000_000;
/// Bytes of one function; the largest loop of an interpreter has a quarter of that.
const FUNCTION_BYTES: u64 = 2 << 20;

/// What the compiler must know of a component that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether it exports the role of a runner, which another engine compiles.
    pub(crate) is_runner: bool,
    /// Bytes of its functions.
    pub(crate) code_bytes: u64,
}

/// Why a component goes no further.
enum Stop {
    TooMuch(TooMuch),
    Broken(wasmparser::BinaryReaderError),
}

/// Something that there is too much of.
struct TooMuch {
    what: &'static str,
    count: u64,
    limit: u64,
    /// The value of `plugins.limits` that has the limit.
    setting: Option<&'static str>,
}

impl From<wasmparser::BinaryReaderError> for Stop {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Broken(error)
    }
}

impl From<TooMuch> for Stop {
    fn from(too_much: TooMuch) -> Self {
        Self::TooMuch(too_much)
    }
}

/// Counts a component; fails at the first thing that it has too much of.
pub(crate) fn check(bytes: &[u8], limits: &Limits, origin: &str) -> Result<Shape, LoadError> {
    let counted = count(bytes).and_then(|counted| {
        counted.fits(limits)?;
        Ok(Shape { is_runner: counted.is_runner, code_bytes: counted.code_bytes.n })
    });
    counted.map_err(|stop| match stop {
        Stop::TooMuch(TooMuch { what, count, limit, setting }) => {
            LoadError::TooComplex { origin: origin.into(), what, count, limit, setting }
        }
        Stop::Broken(error) => {
            LoadError::Invalid { origin: origin.into(), reason: text::sentence(&error.to_string()) }
        }
    })
}

/// A count with the most that it may come to.
struct Count {
    what: &'static str,
    n: u64,
    limit: u64,
}

impl Count {
    const fn of(what: &'static str, limit: u64) -> Self {
        Self { what, n: 0, limit }
    }

    fn add(&mut self, n: u64) -> Result<(), TooMuch> {
        self.n = self.n.saturating_add(n);
        at_most(self.what, self.n, self.limit, None)
    }
}

fn at_most(what: &'static str, count: u64, limit: u64, setting: Option<&'static str>) -> Result<(), TooMuch> {
    if count > limit { Err(TooMuch { what, count, limit, setting }) } else { Ok(()) }
}

/// What the whole file has, each part once.
struct Counted {
    parts: Count,
    types: Count,
    imports: Count,
    exports: Count,
    functions: Count,
    globals: Count,
    segments: Count,
    locals: Count,
    code_bytes: Count,
    aliases: Count,
    canonical: Count,
    arguments: Count,
    customs: Count,
    largest_table: u64,
    is_runner: bool,
    /// What an instance of it has.
    weight: Weight,
}

impl Counted {
    /// Limits that no setting changes, far above what tools make.
    fn new() -> Self {
        Self {
            parts: Count::of("modules and components", 1_000),
            types: Count::of("types", 200_000),
            imports: Count::of("imports", 200_000),
            exports: Count::of("exports", 200_000),
            functions: Count::of("functions", 500_000),
            globals: Count::of("globals", 200_000),
            segments: Count::of("segments of data and elements", 200_000),
            locals: Count::of("local variables", 10_000_000),
            code_bytes: Count::of("bytes of code", u64::MAX),
            aliases: Count::of("aliases", 200_000),
            canonical: Count::of("functions that are lifted or lowered", 50_000),
            arguments: Count::of("arguments of instances", 200_000),
            customs: Count::of("custom sections", 10_000),
            largest_table: 0,
            is_runner: false,
            weight: Weight::default(),
        }
    }

    /// Compares what an instance takes with what one is given.
    fn fits(&self, limits: &Limits) -> Result<(), TooMuch> {
        let Weight { instances, memories, memory_bytes, tables, definitions } = self.weight;
        let given = if self.is_runner { runner_limits(limits) } else { limits.clone() };
        at_most("core instances", instances, limits.instances.into(), Some("instances"))?;
        at_most("definitions, those of its parts counted at each use", definitions, DEFINITIONS, None)?;
        at_most("memories", memories, MEMORIES_PER_INSTANCE as u64, None)?;
        at_most(
            "bytes of memory from the start",
            memory_bytes,
            given.memory_bytes() as u64,
            Some("memory_mib"),
        )?;
        at_most("tables", tables, TABLES_PER_INSTANCE as u64, None)?;
        at_most(
            "elements in a table from the start",
            self.largest_table,
            given.table_elements,
            Some("table_elements"),
        )
    }
}

fn count(bytes: &[u8]) -> Result<Counted, Stop> {
    let mut all = Counted::new();
    let mut open = vec![Scope::new(false)];
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                all.parts.add(1)?;
                open.push(Scope::new(matches!(payload, Payload::ModuleSection { .. })));
                at_most("components within one another", open.len() as u64 - 1, DEPTH, None)?;
            }
            Payload::End(_) => {
                let Some(done) = open.pop() else { break };
                match open.last_mut() {
                    Some(around) => around.define(done),
                    None => all.weight = done.weight,
                }
            }
            _ => {
                // The part that is being read, and those around it.
                let Some((here, around)) = open.split_last_mut() else { break };
                in_module(&mut all, here, &payload)?;
                in_component(&mut all, here, around, bytes, &payload)?;
                if around.is_empty()
                    && let Payload::ComponentExportSection(exports) = payload
                {
                    all.is_runner |= exports_a_runner(exports);
                }
            }
        }
    }
    Ok(all)
}

/// Counts what modules have.
fn in_module(all: &mut Counted, here: &mut Scope, payload: &Payload<'_>) -> Result<(), Stop> {
    match payload {
        Payload::TypeSection(section) => all.types.add(section.count().into())?,
        Payload::ImportSection(section) => all.imports.add(section.count().into())?,
        Payload::FunctionSection(section) => all.functions.add(section.count().into())?,
        Payload::GlobalSection(section) => all.globals.add(section.count().into())?,
        Payload::TagSection(section) => all.types.add(section.count().into())?,
        Payload::ExportSection(section) => all.exports.add(section.count().into())?,
        Payload::ElementSection(section) => all.segments.add(section.count().into())?,
        Payload::DataSection(section) => all.segments.add(section.count().into())?,
        Payload::CustomSection(_) => all.customs.add(1)?,
        Payload::TableSection(section) => {
            for table in section.clone() {
                all.largest_table = all.largest_table.max(table?.ty.initial);
                here.weight.tables += 1;
            }
        }
        Payload::MemorySection(section) => {
            for memory in section.clone() {
                let memory = memory?;
                let page = 1_u64.checked_shl(memory.page_size_log2()).unwrap_or(u64::MAX);
                here.weight.add_memory(memory.initial.saturating_mul(page));
            }
        }
        Payload::CodeSectionEntry(body) => {
            let bytes = body.range().len() as u64;
            at_most("bytes in a function", bytes, FUNCTION_BYTES, None)?;
            all.code_bytes.add(bytes)?;
            for locals in body.get_locals_reader()? {
                all.locals.add(locals?.0.into())?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Counts what components have, and what their instances come to.
fn in_component(
    all: &mut Counted,
    here: &mut Scope,
    around: &[Scope],
    bytes: &[u8],
    payload: &Payload<'_>,
) -> Result<(), Stop> {
    match payload {
        Payload::CoreTypeSection(section) => all.types.add(section.count().into())?,
        Payload::ComponentTypeSection(section) => types::count(bytes, section.range(), &mut all.types)?,
        Payload::ComponentCanonicalSection(section) => {
            all.canonical.add(section.count().into())?;
            here.weight.add_definitions(section.count().into());
        }
        Payload::InstanceSection(section) => {
            for instance in section.clone() {
                match instance? {
                    Instance::Instantiate { module_index, args } => {
                        all.arguments.add(args.len() as u64)?;
                        here.instantiate(here.module(module_index), args.len())?;
                    }
                    Instance::FromExports(exports) => {
                        all.arguments.add(exports.len() as u64)?;
                        here.weight.add_definitions(exports.len() as u64);
                    }
                }
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone() {
                match instance? {
                    ComponentInstance::Instantiate { component_index, args } => {
                        all.arguments.add(args.len() as u64)?;
                        here.instantiate(here.component(component_index), args.len())?;
                    }
                    ComponentInstance::FromExports(exports) => {
                        all.arguments.add(exports.len() as u64)?;
                        here.weight.add_definitions(exports.len() as u64);
                    }
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone() {
                all.aliases.add(1)?;
                here.weight.add_definitions(1);
                match alias? {
                    ComponentAlias::Outer { kind, count, index } => here.alias(kind, count, index, around),
                    ComponentAlias::InstanceExport { kind, .. } => here.unknown(kind),
                    ComponentAlias::CoreInstanceExport { .. } => {}
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                all.imports.add(1)?;
                here.weight.add_definitions(1);
                here.unknown(import?.ty.kind());
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                all.exports.add(1)?;
                here.weight.add_definitions(1);
                let export = export?;
                here.again(export.kind, export.index);
            }
        }
        _ => {}
    }
    Ok(())
}
