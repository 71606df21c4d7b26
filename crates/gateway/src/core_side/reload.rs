//! Accounts that are read anew while the gateway runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_serve::{Access, AccountChanges, Certificates, Reader, Refresh};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::accounts;
use crate::config::{self, Config};
use crate::parent::Parent;

/// How often accounts were read anew, by what became of it.
#[derive(Clone, Debug)]
pub(super) struct AccountMetrics(Family<[(&'static str, &'static str); 1], Counter>);

impl AccountMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let reloads = Family::default();
        for result in ["taken", "refused"] {
            let _ = reloads.get_or_create(&[("result", result)]);
        }
        registry.register(
            "account_reloads",
            "Times that readers' accounts were read anew, by what became of it",
            reloads.clone(),
        );
        Self(reloads)
    }

    fn count(&self, result: &'static str) {
        self.0.get_or_create(&[("result", result)]).inc();
    }
}

/// Said where there is no account.
pub(super) const NOBODY: &str = "no [[reader]]: nobody may watch";

/// What accounts are read from, and whom to tell.
pub(super) struct Reload {
    pub(super) config: Config,
    pub(super) path: PathBuf,
    pub(super) access: Access,
    pub(super) certificates: Option<Certificates>,
    pub(super) refresh: Refresh,
    pub(super) metrics: AccountMetrics,
    /// Who keeps what was taken over, for a side that comes back.
    pub(super) parent: Option<Arc<Parent>>,
}

/// What the configuration and its files say of readers by now.
struct Found {
    readers: Vec<Reader>,
    /// Something else is not what it was either.
    differs_elsewhere: bool,
}

impl Reload {
    /// Says whether there is a file that [`run`](Self::run) may not read. Call when this process is what it is going
    /// to be: root's files are not another user's.
    pub(super) fn rehearse(&self) {
        let accounts = self.config.reader.iter();
        let mut files: Vec<PathBuf> = accounts
            .flat_map(|reader| [Some(reader.secret_file.clone()), reader.certificate.clone()])
            .flatten()
            .collect();
        files.push(self.path.clone());
        // Files may be slow, and nobody waits for them.
        tokio::task::spawn_blocking(move || {
            let refused = |file: &&PathBuf| {
                let error = std::fs::File::open(file).err();
                error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            };
            if let Some(file) = files.iter().find(refused) {
                tracing::warn!(
                    "{}: this user may not read it: a change of accounts will take a restart",
                    file.display()
                );
            }
        });
    }

    /// Takes over what the configuration and its files say of readers by now. What cannot be used is told, and
    /// leaves everything as it is. Cancel-safe: then nothing has happened.
    pub(super) async fn run(&self) {
        // Files may be slow, and readers do not wait for them.
        let (config, path) = (self.config.clone(), self.path.clone());
        let found = tokio::task::spawn_blocking(move || find(&config, &path)).await;
        let found = found.unwrap_or_else(|error| Err(format!("reading accounts: {error}")));
        match found.and_then(|found| self.replace(found)) {
            Ok(None) => {
                self.metrics.count("taken");
                tracing::warn!("SIGHUP: `readers.anonymous = true` has no accounts to read anew");
                self.tell_parent(true);
            }
            Ok(Some(changes)) => {
                self.metrics.count("taken");
                audit(&changes);
                let AccountChanges { added, changed, removed } = &changes;
                tracing::info!(
                    added = added.len(),
                    changed = changed.len(),
                    removed = removed.len(),
                    "accounts read anew"
                );
                self.refresh.accounts_replaced();
                self.tell_parent(true);
            }
            Err(mistakes) => {
                self.metrics.count("refused");
                for mistake in mistakes.lines() {
                    tracing::error!("{mistake}");
                }
                let user = rustix::process::geteuid().as_raw();
                tracing::error!(user, "SIGHUP: the accounts before it still hold");
                self.tell_parent(false);
            }
        }
    }

    fn tell_parent(&self, taken: bool) {
        if let Some(parent) = &self.parent {
            parent.asked_for_accounts(taken);
        }
    }

    /// `None` where everybody may read.
    fn replace(&self, found: Found) -> Result<Option<AccountChanges>, String> {
        if found.differs_elsewhere {
            tracing::warn!("SIGHUP reads accounts only: what else has changed takes a restart");
        }
        let Access::Accounts(accounts) = &self.access else { return Ok(None) };
        if found.readers.is_empty() {
            tracing::warn!("{NOBODY}");
        }
        let changes =
            accounts.replace(found.readers).map_err(|error| format!("`reader`: {error}"))?;
        if let Some(certificates) = &self.certificates {
            certificates.replace_readers(accounts.certificates());
        }
        Ok(Some(changes))
    }
}

/// Reads the configuration at `path` and its accounts' files. All of it has to be valid.
fn find(old: &Config, path: &Path) -> Result<Found, String> {
    let new = config::load(path).map_err(|error| error.to_string())?;
    let (before, now) = (old.readers.anonymous, new.readers.anonymous);
    if before != now {
        // Either way all accounts come or go with it, and would do so before it holds.
        return Err(format!(
            "`readers.anonymous`: expected {before}, as at the start, found {now}: that takes a restart"
        ));
    }
    let readers = accounts::read_all(&new)?;
    Ok(Found { readers, differs_elsewhere: differs_elsewhere(old, &new) })
}

/// Whether anything but accounts is not what it was.
fn differs_elsewhere(old: &Config, new: &Config) -> bool {
    let new = Config { reader: old.reader.clone(), ..new.clone() };
    new != *old
}

fn audit(changes: &AccountChanges) {
    let AccountChanges { added, changed, removed } = changes;
    for (names, audit, what) in [
        (added, "account_added", "account added"),
        (changed, "account_changed", "account changed"),
        (removed, "account_removed", "account removed"),
    ] {
        for name in names {
            tracing::info!(target: "audit", audit, account = name.as_str(), "{what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_an_account_takes_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cofferdam.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            config::load(&path).unwrap()
        };
        let rest = |fps: u32| {
            format!(
                "[core]\nrtsp = \"127.0.0.1:8554\"\n[[camera]]\nid = \"lobby\"\nurl = \"rtsp://192.0.2.1/\"\n\
                 picture = {{ width = 640, height = 360, fps = {fps} }}\n"
            )
        };
        let reader = "[[reader]]\nname = \"vms\"\nsecret_file = \"a\"\nmounts = [\"*\"]\n";
        let [none, one] = [load(&rest(15)), load(&format!("{reader}{}", rest(15)))];
        assert!(!differs_elsewhere(&none, &one) && !differs_elsewhere(&one, &none));
        assert!(differs_elsewhere(&one, &load(&rest(10))));
    }
}
