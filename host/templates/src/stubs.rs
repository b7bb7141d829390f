//! What stands in for WASI in a component: functions of the types that the module wants, each of which traps.
//!
//! In: the functions that a module imports. Out: a module that exports them. The functions give no answers: a
//! plugin that asks the time or reads a file gets no wrong one, its call fails.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, TypeSection, ValType,
};
use wasmparser::FuncType;

/// Whether a module that another imports is WASI, of the kind that modules know.
pub(crate) fn is_wasi(module: &str) -> bool {
    matches!(module, "wasi_snapshot_preview1" | "wasi_unstable")
}

/// The module, or none where a function takes or gives something that is not a number.
pub(crate) fn module(functions: &[(&str, &FuncType)]) -> Option<Vec<u8>> {
    let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    for (index, (name, ty)) in (0..).zip(functions) {
        types.ty().function(numbers(ty.params())?, numbers(ty.results())?);
        declared.function(index);
        exports.export(name, ExportKind::Func, index);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&exports).section(&code);
    Some(module.finish())
}

fn numbers(types: &[wasmparser::ValType]) -> Option<Vec<ValType>> {
    let number = |ty: &wasmparser::ValType| match ty {
        wasmparser::ValType::I32 => Some(ValType::I32),
        wasmparser::ValType::I64 => Some(ValType::I64),
        wasmparser::ValType::F32 => Some(ValType::F32),
        wasmparser::ValType::F64 => Some(ValType::F64),
        wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => None,
    };
    types.iter().map(number).collect()
}
