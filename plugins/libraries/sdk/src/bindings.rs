//! Code generated from `wit/`, the only such code on the guests' side.
//!
//! Each interface is exported by a world of its own, so that it is generated once; a component's world is the
//! union of its parts, which the linker makes. The types that interfaces share are those of [`plugin`].
//!
//! In: the interface files. Out: a `Guest` trait and an export macro for each interface. Generated code is
//! without documentation and lints; its documentation is in `wit/`.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks)]

pub mod plugin {
    wit_bindgen::generate!({
        inline: "
            package ts-host:sdk;
            world plugin-part {
                import ts-host:plugin/log@0.3.0;
                export ts-host:plugin/plugin@0.3.0;
            }
        ",
        path: "../../../wit",
        world: "ts-host:sdk/plugin-part",
        export_macro_name: "export_plugin_part",
        pub_export_macro: true,
        generate_unused_types: true,
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod verifier {
    wit_bindgen::generate!({
        inline: "
            package ts-host:sdk;
            world verifier-part { export ts-host:plugin/verifier@0.3.0; }
        ",
        path: "../../../wit",
        world: "ts-host:sdk/verifier-part",
        with: { "ts-host:plugin/types@0.3.0": crate::bindings::plugin::ts_host::plugin::types },
        export_macro_name: "export_verifier_part",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

pub mod runners {
    wit_bindgen::generate!({
        inline: "
            package ts-host:sdk;
            world runners-part { import ts-host:plugin/runners@0.3.0; }
        ",
        path: "../../../wit",
        world: "ts-host:sdk/runners-part",
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod step_splitter {
    wit_bindgen::generate!({
        inline: "
            package ts-host:sdk;
            world step-splitter-part { export ts-host:plugin/step-splitter@0.3.0; }
        ",
        path: "../../../wit",
        world: "ts-host:sdk/step-splitter-part",
        with: { "ts-host:plugin/types@0.3.0": crate::bindings::plugin::ts_host::plugin::types },
        export_macro_name: "export_step_splitter_part",
        pub_export_macro: true,
    });
}

pub mod selection_policy {
    wit_bindgen::generate!({
        inline: "
            package ts-host:sdk;
            world selection-policy-part { export ts-host:plugin/selection-policy@0.3.0; }
        ",
        path: "../../../wit",
        world: "ts-host:sdk/selection-policy-part",
        export_macro_name: "export_selection_policy_part",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

pub mod length_function {
    wit_bindgen::generate!({
        inline: "
            package ts-host:sdk;
            world length-function-part { export ts-host:plugin/length-function@0.3.0; }
        ",
        path: "../../../wit",
        world: "ts-host:sdk/length-function-part",
        export_macro_name: "export_length_function_part",
        pub_export_macro: true,
    });
}
