//! Accounts that are read anew while the gateway runs.

use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_serve::{Access, Accounts, Certificates, Refresh, Replaced};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::accounts;
use crate::config::{self, Config};

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

/// What accounts are read from, and whom to tell.
pub(super) struct Reload {
    pub(super) config: Config,
    pub(super) path: PathBuf,
    pub(super) access: Access,
    pub(super) certificates: Option<Certificates>,
    pub(super) refresh: Refresh,
    pub(super) metrics: AccountMetrics,
}

impl Reload {
    /// Takes over what the configuration and its files say of readers by now. What cannot be used is told, and
    /// leaves everything as it is.
    pub(super) fn run(&self) {
        let Access::Accounts(accounts) = &self.access else {
            tracing::warn!(
                "SIGHUP ignored: `readers.anonymous = true` has no accounts to read anew"
            );
            return;
        };
        match self.replace(accounts) {
            Ok(replaced) => {
                self.metrics.count("taken");
                audit(&replaced);
                let Replaced { added, changed, removed } = &replaced;
                tracing::info!(
                    added = added.len(),
                    changed = changed.len(),
                    removed = removed.len(),
                    "accounts read anew"
                );
            }
            Err(mistakes) => {
                self.metrics.count("refused");
                for mistake in mistakes.lines() {
                    tracing::error!("{mistake}");
                }
                let user = rustix::process::geteuid().as_raw();
                tracing::error!(user, "SIGHUP: the accounts before it still hold");
            }
        }
    }

    fn replace(&self, accounts: &Arc<Accounts>) -> Result<Replaced, String> {
        let config = config::load(&self.path).map_err(|error| error.to_string())?;
        // All of it is valid, and what is not taken over is told.
        if differs_elsewhere(&self.config, &config) {
            tracing::warn!("SIGHUP reads accounts only: what else has changed takes a restart");
        }
        let readers = accounts::read_all(&config)?;
        let replaced = accounts.replace(readers).map_err(|error| format!("`reader`: {error}"))?;
        if let Some(certificates) = &self.certificates {
            certificates.replace_readers(accounts.certificates());
        }
        self.refresh.accounts_replaced();
        Ok(replaced)
    }
}

/// Whether anything but accounts is not what it was.
fn differs_elsewhere(old: &Config, new: &Config) -> bool {
    let new = Config { reader: old.reader.clone(), ..new.clone() };
    new != *old
}

fn audit(replaced: &Replaced) {
    let Replaced { added, changed, removed } = replaced;
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
        let core = "[core]\nrtsp = \"127.0.0.1:8554\"\n";
        let reader = "[[reader]]\nname = \"vms\"\nsecret_file = \"a\"\nmounts = [\"*\"]\n";
        let [none, one] = [load(core), load(&format!("{core}{reader}"))];
        assert!(!differs_elsewhere(&none, &one) && !differs_elsewhere(&one, &none));
        let open = load(&format!("{core}{reader}[readers]\nanonymous = true\n"));
        assert!(differs_elsewhere(&one, &open));
    }
}
