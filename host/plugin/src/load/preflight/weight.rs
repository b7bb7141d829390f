//! What an instance comes to, its parts counted as often as they are instantiated.
//!
//! In: the definitions of a module or component, in order. Out: its [`Weight`]. A component that is
//! instantiated is defined before that, so its weight is known by then: in its own scope, or in one around
//! it.
//!
//! Components and modules that are handed from one to another as values have a weight that only linking would
//! show. No tool makes them of plugins; to instantiate one is refused.

use wasmparser::{ComponentExternalKind, ComponentOuterAliasKind};

use super::TooMuch;

/// What one instance takes. Sums stop at the largest number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) instances: u64,
    pub(super) memories: u64,
    /// Bytes of all memories from the start.
    pub(super) memory_bytes: u64,
    pub(super) tables: u64,
    /// What linking goes through: aliases, imports, exports, functions, instances with their arguments.
    pub(super) definitions: u64,
}

impl Weight {
    pub(super) fn add_memory(&mut self, bytes: u64) {
        self.memories = self.memories.saturating_add(1);
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
    }

    pub(super) fn add_definitions(&mut self, n: u64) {
        self.definitions = self.definitions.saturating_add(n);
    }

    fn add(&mut self, other: Self) {
        let Self { instances, memories, memory_bytes, tables, definitions } = other;
        self.instances = self.instances.saturating_add(instances);
        self.memories = self.memories.saturating_add(memories);
        self.memory_bytes = self.memory_bytes.saturating_add(memory_bytes);
        self.tables = self.tables.saturating_add(tables);
        self.add_definitions(definitions);
    }
}

/// A module or component that is being read.
#[derive(Debug)]
pub(super) struct Scope {
    is_module: bool,
    pub(super) weight: Weight,
    /// The weights of its modules and components, by index; none for one that it is handed.
    modules: Vec<Option<Weight>>,
    components: Vec<Option<Weight>>,
}

impl Scope {
    pub(super) fn new(is_module: bool) -> Self {
        let weight = Weight { instances: is_module.into(), ..Weight::default() };
        Self { is_module, weight, modules: Vec::new(), components: Vec::new() }
    }

    /// Takes in a part that is read to its end.
    pub(super) fn define(&mut self, part: Scope) {
        let parts = if part.is_module { &mut self.modules } else { &mut self.components };
        parts.push(Some(part.weight));
    }

    pub(super) fn module(&self, index: u32) -> Option<Weight> {
        *self.modules.get(index as usize)?
    }

    pub(super) fn component(&self, index: u32) -> Option<Weight> {
        *self.components.get(index as usize)?
    }

    /// Adds an instance of a part.
    pub(super) fn instantiate(&mut self, part: Option<Weight>, n_arguments: usize) -> Result<(), TooMuch> {
        let what = "instances of parts that it is handed and does not define";
        let part = part.ok_or(TooMuch { what, count: 1, limit: 0, setting: None })?;
        self.weight.add(part);
        self.weight.add_definitions(1 + n_arguments as u64);
        Ok(())
    }

    /// Gives a part of a scope around this one another index here.
    pub(super) fn alias(&mut self, kind: ComponentOuterAliasKind, count: u32, index: u32, around: &[Scope]) {
        // The number of steps outwards: none is this scope.
        let from = match (count as usize).checked_sub(1) {
            None => Some(&*self),
            Some(steps) => around.iter().rev().nth(steps),
        };
        match kind {
            ComponentOuterAliasKind::CoreModule => {
                let part = from.and_then(|from| from.module(index));
                self.modules.push(part);
            }
            ComponentOuterAliasKind::Component => {
                let part = from.and_then(|from| from.component(index));
                self.components.push(part);
            }
            ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => {}
        }
    }

    /// Gives a part, which is exported, another index.
    pub(super) fn again(&mut self, kind: ComponentExternalKind, index: u32) {
        match kind {
            ComponentExternalKind::Module => self.modules.push(self.module(index)),
            ComponentExternalKind::Component => self.components.push(self.component(index)),
            _ => {}
        }
    }

    /// Gives something that it is handed an index.
    pub(super) fn unknown(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Module => self.modules.push(None),
            ComponentExternalKind::Component => self.components.push(None),
            _ => {}
        }
    }
}
