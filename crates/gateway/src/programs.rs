//! The programs that belong together: found beside `cofferdam` and nowhere else.

use std::path::{Path, PathBuf};

use cofferdam_jail::Program;

use crate::exit::Exit;

/// The folder this program was started from.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    cofferdam: PathBuf,
}

/// GStreamer's constants in a worker: no registry is read, written or scanned for, and nothing of
/// the host's environment steers it. Workers load the few plugin files they use by name.
pub(crate) const WORKER_ENVIRONMENT: &[(&str, &str)] = &[
    // Pictures in huge pages where the kernel offers them: a few per cent of decoding and encoding.
    ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    ("GST_REGISTRY_DISABLE", "yes"),
    ("GST_REGISTRY_FORK", "no"),
    ("GST_REGISTRY_UPDATE", "no"),
    ("GST_PLUGIN_PATH", ""),
    ("GST_PLUGIN_SYSTEM_PATH", ""),
];

impl Programs {
    /// Finds this program's folder.
    pub(crate) fn find() -> Result<Self, Exit> {
        std::env::current_exe()
            .map(|cofferdam| Self { cofferdam })
            .map_err(|error| Exit::run_time(format!("finding this program's folder: {error}")))
    }

    /// This program.
    pub(crate) fn cofferdam(&self) -> &Path {
        &self.cofferdam
    }

    /// Where the programs stand.
    pub(crate) fn folder(&self) -> PathBuf {
        self.cofferdam.parent().unwrap_or(Path::new("/")).to_owned()
    }

    /// The ingest worker.
    pub(crate) fn ingest(&self) -> Result<PathBuf, Exit> {
        self.beside("cofferdam-ingest")
    }

    /// The encode worker.
    pub(crate) fn encode(&self) -> Result<PathBuf, Exit> {
        self.beside("cofferdam-encode")
    }

    /// A worker's program, held open for when its folder cannot be reached any more.
    pub(crate) fn hold(path: &Path) -> Result<Program, Exit> {
        Program::open(path).map_err(|error| Exit::run_time(error.to_string()))
    }

    /// The camera simulator, which is no part of a production image.
    pub(crate) fn simulator(&self) -> Result<PathBuf, Exit> {
        self.beside("cofferdam-simulator")
    }

    fn beside(&self, name: &str) -> Result<PathBuf, Exit> {
        let path = self.cofferdam.with_file_name(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Exit::run_time(format!("expected the program {} beside `cofferdam`", path.display())))
    }
}
