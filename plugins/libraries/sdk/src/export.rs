//! One export macro for each role: the glue between a trait's value and the contract's free functions.
//!
//! In: a type that implements [`crate::Plugin`] and one role. Out: the component's exports, on `wasm32` only:
//! their names are none that a linker for the host accepts.

/// The part that every role shares: the slot and the `plugin` interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_role {
    ($plugin:ty, $role:ident, $export_role:ident, { $($functions:tt)* }) => {
        const _: () = {
            use $crate::bindings::$role::exports::ts_host::plugin::$role as role;

            thread_local! {
                static SLOT: $crate::Slot<$plugin> = const { $crate::Slot::new() };
            }

            fn configured() -> Result<std::rc::Rc<$plugin>, String> {
                SLOT.with(|slot| slot.get())
            }

            struct Component;
            // Where nothing is exported, this is what uses the plugin's code.
            const _: Component = Component;

            impl $crate::bindings::plugin::exports::ts_host::plugin::plugin::Guest for Component {
                fn describe() -> $crate::Description {
                    $crate::log_panics();
                    <$plugin as $crate::Plugin>::describe()
                }

                fn configure(settings: Vec<$crate::Setting>) -> Result<(), String> {
                    $crate::log_panics();
                    SLOT.with(|slot| slot.configure(settings))
                }
            }

            impl role::Guest for Component { $($functions)* }

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::plugin::export_plugin_part!(
                Component with_types_in $crate::bindings::plugin
            );
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::$role::$export_role!(Component with_types_in $crate::bindings::$role);
        };
    };
}

/// Exports a [`crate::Verifier`] as a component.
#[macro_export]
macro_rules! export_verifier {
    ($plugin:ty) => {
        $crate::__export_role!($plugin, verifier, export_verifier_part, {
            fn grade(problem: role::Problem, response: String) -> Result<role::Graded, String> {
                $crate::Verifier::grade(&*configured()?, &problem, &response)
            }
        });
    };
}

/// Exports a [`crate::StepSplitter`] as a component.
#[macro_export]
macro_rules! export_step_splitter {
    ($plugin:ty) => {
        $crate::__export_role!($plugin, step_splitter, export_step_splitter_part, {
            fn split(text: String) -> Result<Vec<$crate::Span>, String> {
                $crate::StepSplitter::split(&*configured()?, &text)
            }
        });
    };
}

/// Exports a [`crate::SelectionPolicy`] as a component.
#[macro_export]
macro_rules! export_selection_policy {
    ($plugin:ty) => {
        $crate::__export_role!($plugin, selection_policy, export_selection_policy_part, {
            fn select(group: role::Group) -> Result<role::Selection, String> {
                $crate::SelectionPolicy::select(&*configured()?, &group)
            }
        });
    };
}

/// Exports a [`crate::LengthFunction`] as a component.
#[macro_export]
macro_rules! export_length_function {
    ($plugin:ty) => {
        $crate::__export_role!($plugin, length_function, export_length_function_part, {
            fn measure(text: String, tokens: u32) -> Result<f64, String> {
                $crate::LengthFunction::measure(&*configured()?, &text, tokens)
            }
        });
    };
}
