//! The command `plugin push`: a plugin into a registry.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};
use ts_embedded::PLUGINS;
use ts_plugin::Plugin;
use ts_registry::{Described, Digest, Pins, Source, push as upload};

use super::plugin;
use crate::terminal::say;

/// Uploads a plugin that runs on this host, and says how it is named from then on.
pub(super) fn push(file: &str, to: &str) -> Result<()> {
    let reference = match Source::parse(to)? {
        Some(Source::Oci(reference)) => reference,
        _ => bail!("`{to}` is no place in a registry: write oci://registry/repository:tag"),
    };
    let plugin = plugin(file)?;
    let identity = plugin.identity();
    let bytes = bytes(&plugin, file)?;
    if Digest::of(&bytes).hex() != identity.sha256 {
        bail!("{file} changed while it was read");
    }
    let interface = |name: &str| format!("ts-host:plugin/{name}@{}", plugin.contract());
    let roles = plugin.roles().iter().map(|role| interface(role.interface()));
    let described = Described {
        name: identity.name.clone(),
        version: identity.version.clone(),
        summary: plugin.description().summary.clone(),
        exports: std::iter::once(interface("plugin")).chain(roles).collect(),
        imports: plugin.imports(),
    };
    let manifest = upload(&reference, &bytes, &described)?;
    let pins = Pins { manifest: Some(manifest), sha256: None };
    say(format_args!(
        "{} {}: {} bytes, sha256 {}",
        identity.name,
        identity.version,
        bytes.len(),
        identity.sha256
    ))?;
    say(Source::Oci(reference).pinned(&pins))
}

/// The component's bytes.
fn bytes(plugin: &Plugin, file: &str) -> Result<Cow<'static, [u8]>> {
    match plugin.file() {
        Some(path) => {
            Ok(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.into())
        }
        None => {
            let embedded = PLUGINS.iter().find(|(name, _)| *name == file);
            Ok(Cow::Borrowed(embedded.with_context(|| format!("there is no plugin `{file}`"))?.1))
        }
    }
}
