//! Starting GStreamer with the named plugins and no others.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gstreamer as gst;

use crate::InitError;

/// The environment a process must have been started with for [`init`] to touch no registry.
///
/// GStreamer reads these once, in `gst_init`, and offers no call for them. `GST_REGISTRY_DISABLE`
/// is the one that counts (neither a registry file is read or written nor a plugin folder listed
/// nor `gst-plugin-scanner` forked); the others hold should a version not know it. Without them
/// [`init`] works as well, but scans every plugin of the system first.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("GST_REGISTRY_DISABLE", "yes"),
    ("GST_REGISTRY_FORK", "no"),
    ("GST_REGISTRY_UPDATE", "no"),
    ("GST_PLUGIN_SYSTEM_PATH", ""),
    ("GST_PLUGIN_PATH", ""),
];

/// Where plugins are looked for, in this order: the distributions' folders, then a local build's.
pub const PLUGIN_FOLDERS: &[&str] = &[
    #[cfg(target_arch = "x86_64")]
    "/usr/lib/x86_64-linux-gnu/gstreamer-1.0",
    #[cfg(target_arch = "aarch64")]
    "/usr/lib/aarch64-linux-gnu/gstreamer-1.0",
    #[cfg(target_arch = "arm")]
    "/usr/lib/arm-linux-gnueabihf/gstreamer-1.0",
    #[cfg(target_arch = "riscv64")]
    "/usr/lib/riscv64-linux-gnu/gstreamer-1.0",
    "/usr/lib64/gstreamer-1.0",
    "/usr/lib/gstreamer-1.0",
    "/usr/local/lib64/gstreamer-1.0",
    "/usr/local/lib/gstreamer-1.0",
];

/// A plugin that [`init`] loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedPlugin {
    /// The plugin's own name, such as `x264`.
    pub name: String,
    /// The plugin's version, such as `1.22.0`.
    pub version: String,
    /// The file it was loaded from.
    pub path: PathBuf,
}

/// Starts GStreamer and loads the plugins in `plugin_files` (`libgstx264.so`), found in
/// [`PLUGIN_FOLDERS`] whatever the environment says. May be called again for more plugins; those that
/// are loaded are not looked for again, so that a process that may open no file any more can ask.
///
/// # Errors
/// When the library does not start, or a file is missing or cannot be loaded.
pub fn init(plugin_files: &[&str]) -> Result<Vec<LoadedPlugin>, InitError> {
    gst::init().map_err(|e| InitError::Library(e.to_string()))?;
    plugin_files.iter().map(|file| load(file)).collect()
}

fn load(file: &str) -> Result<LoadedPlugin, InitError> {
    static LOADED: Mutex<Vec<(String, LoadedPlugin)>> = Mutex::new(Vec::new());
    // What a panicking holder may have left is whole: entries are only ever added.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, plugin)) = loaded.iter().find(|(name, _)| name == file) {
        return Ok(plugin.clone());
    }
    let plugin = load_file(file)?;
    loaded.push((file.to_owned(), plugin.clone()));
    Ok(plugin)
}

fn load_file(file: &str) -> Result<LoadedPlugin, InitError> {
    let path = PLUGIN_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(file))
        .find(|path| path.is_file())
        .ok_or_else(|| InitError::Missing(file.to_owned()))?;
    let plugin = gst::Plugin::load_file(&path)
        .map_err(|e| InitError::Unloadable { path: path.clone(), reason: e.to_string() })?;
    Ok(LoadedPlugin {
        name: plugin.plugin_name().to_string(),
        version: plugin.version().to_string(),
        path,
    })
}
