//! The life cycle and the roles, as traits of values rather than of free functions.
//!
//! The contract in `wit/plugin.wit` has the host configure an instance once and then call its role. Here
//! [`Plugin::configure`] makes a value out of the settings, and the role's functions take that value.
//!
//! In: settings. Out: a configured plugin, kept for the life of the instance. There is no state that changes:
//! a plugin must answer alike whether or not it was called before, so roles take `&self`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::selection_policy::{Group, Selection};
use crate::settings::Settings;
use crate::verifier::{Graded, Problem};
use crate::{Description, Setting, SettingSpec, Span};

/// What every plugin has.
pub trait Plugin: Sized + 'static {
    /// Says what the plugin is and which settings it takes.
    fn describe() -> Description;

    /// Makes the plugin out of its settings. An error is a sentence that begins with the setting's name.
    fn configure(settings: &Settings) -> Result<Self, String>;
}

/// Grades responses. See `wit/verifier.wit`.
pub trait Verifier: Plugin {
    /// Grades one response. An error means that this problem cannot be graded at all.
    fn grade(&self, problem: &Problem, response: &str) -> Result<Graded, String>;
}

/// Splits reasoning into steps. See `wit/step-splitter.wit`.
pub trait StepSplitter: Plugin {
    /// Byte ranges that tile the text.
    fn split(&self, text: &str) -> Result<Vec<Span>, String>;
}

/// Selects positives and pairs. See `wit/selection-policy.wit`.
pub trait SelectionPolicy: Plugin {
    /// Chooses from one group.
    fn select(&self, group: &Group) -> Result<Selection, String>;
}

/// Measures length. See `wit/length-function.wit`.
pub trait LengthFunction: Plugin {
    /// The length of one response; finite and above 0 when `tokens` is above 0.
    fn measure(&self, text: &str, tokens: u32) -> Result<f64, String>;
}

/// A description out of its parts.
pub fn description(name: &str, version: &str, summary: &str, settings: Vec<SettingSpec>) -> Description {
    Description { name: name.to_owned(), version: version.to_owned(), summary: summary.to_owned(), settings }
}

/// Holds the configured plugin of one instance. The export macros make one; nothing else needs it.
#[doc(hidden)]
pub struct Slot<P>(RefCell<Option<Rc<P>>>);

impl<P: Plugin> Slot<P> {
    /// An empty slot.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Slot(RefCell::new(None))
    }

    /// Configures the plugin, replacing an earlier configuration.
    pub fn configure(&self, settings: Vec<Setting>) -> Result<(), String> {
        let plugin = P::configure(&Settings::new(settings))?;
        self.0.replace(Some(Rc::new(plugin)));
        Ok(())
    }

    /// The configured plugin; one with default settings if nobody configured it.
    pub fn get(&self) -> Result<Rc<P>, String> {
        let present = self.0.borrow().clone();
        if let Some(plugin) = present {
            return Ok(plugin);
        }
        let plugin = Rc::new(P::configure(&Settings::defaults(&P::describe()))?);
        self.0.replace(Some(plugin.clone()));
        Ok(plugin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::settings::setting;

    /// Multiplies a number of tokens.
    struct Scaled(f64);

    impl Plugin for Scaled {
        fn describe() -> Description {
            description("scaled", "0.1.0", "", vec![setting("factor", Value::Number(2.0), "")])
        }

        fn configure(settings: &Settings) -> Result<Self, String> {
            settings.number_within("factor", 0.5..=8.0).map(Scaled)
        }
    }

    fn factor(value: f64) -> Vec<Setting> {
        vec![Setting { name: "factor".to_owned(), value: Value::Number(value) }]
    }

    #[test]
    fn an_unconfigured_plugin_has_its_defaults() {
        assert_eq!(Slot::<Scaled>::new().get().unwrap().0, 2.0);
    }

    #[test]
    fn a_refused_setting_leaves_the_plugin_as_it_was() {
        let slot = Slot::<Scaled>::new();
        slot.configure(factor(3.0)).unwrap();
        assert!(slot.configure(factor(9.0)).unwrap_err().starts_with("factor "));
        assert_eq!(slot.get().unwrap().0, 3.0);
    }
}
