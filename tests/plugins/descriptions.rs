//! What every plugin says of itself. A change here is a change that recipes may notice.

use std::fmt::Write;

use crate::{PLUGINS, plugin, snapshot};

#[test]
fn descriptions() {
    for name in PLUGINS {
        let plugin = plugin(name);
        let description = plugin.description();
        let mut text = format!("{} {}, {}\n", description.name, description.version, plugin.roles()[0]);
        writeln!(text, "{}", description.summary).unwrap();
        for setting in &description.settings {
            writeln!(text, "- {} = {:?}: {}", setting.name, setting.default, setting.doc).unwrap();
        }
        assert_eq!(description.name, name);
        assert_eq!(plugin.roles().len(), 1);
        snapshot(&format!("{name}__description"), &text);
    }
}
