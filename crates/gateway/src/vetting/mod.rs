//! Vetting: whether an encoder is, to the last file, what the list says it is.
//!
//! The worker is the judged and not the judge. It says element, version and known answer; which files
//! it executes the kernel says, and this process hashes them. Files on the list are hashed before a
//! worker runs, so that a changed one does not run at all.

mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_attest::{Difference, Entry, Folders, HashError, Hasher, List, ListError, Mappings};
use cofferdam_encode_link::{Attestation, Digest, EncoderName};

use crate::exit::Exit;
use crate::programs::Programs;

pub(crate) use worker::{AskError, ask};

/// The list, and what is known of the files of this host. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Vetting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    list: PathBuf,
    /// Where the programs stand.
    folder: PathBuf,
    /// What writes the list anew.
    command: String,
    hasher: Mutex<Hasher>,
}

/// An encoder that is on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vetted {
    pub(crate) element: String,
    pub(crate) version: String,
    /// How many files its worker executes.
    pub(crate) files: usize,
    /// SHA-256 of the list.
    pub(crate) list: Digest,
}

/// An encoder that is not, and the command that would put it there.
#[derive(Debug)]
pub(crate) struct NotVetted {
    reason: Reason,
    command: String,
}

#[derive(Debug)]
enum Reason {
    List(ListError),
    Encoder(EncoderName, Vec<Difference>),
    /// The judgement itself was cut short.
    Aborted,
}

impl fmt::Display for NotVetted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::List(error) => write!(f, "{error}")?,
            Reason::Encoder(name, differences) => {
                write!(f, "the encoder {} is not vetted: ", name.as_str())?;
                for (index, difference) in differences.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{difference}")?;
                }
            }
            Reason::Aborted => write!(f, "the encoder is not vetted: the judgement was cut short")?,
        }
        write!(f, " (if this is meant, vet it: {})", self.command)
    }
}

impl std::error::Error for NotVetted {}

impl From<NotVetted> for Exit {
    fn from(refused: NotVetted) -> Self {
        Self::attestation(refused.to_string())
    }
}

impl Vetting {
    /// Vetting by the list at `list`; a relative path starts beside the programs.
    pub(crate) fn new(programs: &Programs, list: &Path) -> Self {
        let folder = programs.folder();
        let path = folder.join(list);
        let program = programs.cofferdam().display();
        let command = match path == folder.join(DEFAULT_LIST) {
            true => format!("{program} attest --write"),
            false => format!("{program} attest --write --list {}", path.display()),
        };
        let mut folders = Folders::default();
        folders.hold(&folder);
        path.parent().into_iter().filter(|other| *other != folder).for_each(|f| folders.hold(f));
        let hasher = Mutex::new(Hasher::through(folders));
        Self(Arc::new(Inner { list: path, folder, command, hasher }))
    }

    /// Where the list is.
    pub(crate) fn list(&self) -> &Path {
        &self.0.list
    }

    /// Where the programs stand, and with them the files that the list names without a folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Before a worker runs: whether `name` is on the list, and every file of it unchanged.
    pub(crate) async fn check(&self, name: EncoderName) -> Result<(), NotVetted> {
        self.apart(move |inner| inner.check(name)).await
    }

    /// Whether the encoder of the process `pid`, which says `attestation` of itself, is vetted.
    pub(crate) async fn judge(
        &self,
        name: EncoderName,
        pid: u32,
        attestation: Attestation,
    ) -> Result<Vetted, NotVetted> {
        self.apart(move |inner| inner.judge(name, pid, &attestation)).await
    }

    /// What the encoder of the process `pid` is, vetted or not.
    pub(crate) async fn measure(
        &self,
        name: EncoderName,
        pid: u32,
        attestation: Attestation,
    ) -> Result<Entry, NotVetted> {
        let measure = move |inner: &Inner| {
            inner
                .measure(name, pid, &attestation)
                .map_err(|difference| Reason::Encoder(name, vec![difference]))
        };
        self.apart(measure).await
    }

    /// Reads and hashes files on a thread that may wait for them: the event loop has readers.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Reason> + Send + 'static,
    ) -> Result<T, NotVetted> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or(Err(Reason::Aborted))
            .map_err(|reason| NotVetted { reason, command: self.0.command.clone() })
    }
}

/// The default of `core.vetted`.
pub(crate) const DEFAULT_LIST: &str = "vetted.toml";

impl Inner {
    fn load(&self) -> Result<List, ListError> {
        let hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner);
        List::load(&self.list, hasher.folders())
    }

    fn check(&self, name: EncoderName) -> Result<(), Reason> {
        let mut hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner);
        let list = List::load(&self.list, hasher.folders()).map_err(Reason::List)?;
        let entry = entry(&list, name)?;
        entry
            .check_files(&self.folder, &mut hasher)
            .map_err(|differences| Reason::Encoder(name, differences))
    }

    fn judge(
        &self,
        name: EncoderName,
        pid: u32,
        attestation: &Attestation,
    ) -> Result<Vetted, Reason> {
        let refused = |differences| Reason::Encoder(name, differences);
        // Read anew, so that a list that was written anew holds without a restart.
        let list = self.load().map_err(Reason::List)?;
        let found = self.measure(name, pid, attestation).map_err(|one| refused(vec![one]))?;
        entry(&list, name)?.judge(&found, &self.folder).map_err(refused)?;
        Ok(Vetted {
            element: found.element,
            version: found.version,
            files: found.files.len(),
            list: list.digest(),
        })
    }

    fn measure(
        &self,
        name: EncoderName,
        pid: u32,
        attestation: &Attestation,
    ) -> Result<Entry, Difference> {
        let path = PathBuf::from(format!("/proc/{pid}/maps"));
        let maps = std::fs::read_to_string(&path).map_err(|source| HashError { path, source })?;
        let mappings = Mappings::parse(&maps)?;
        let mut hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner);
        Entry::measure(name, attestation, &mappings, &self.folder, &mut hasher)
    }
}

fn entry(list: &List, name: EncoderName) -> Result<&Entry, Reason> {
    list.entry(name).ok_or_else(|| Reason::Encoder(name, vec![Difference::NotListed]))
}
