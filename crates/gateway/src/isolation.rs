//! The isolation self-check: at the start it refuses, later it tells.

use std::path::Path;
use std::time::Duration;

use cofferdam_admin::Isolation;
use cofferdam_isolation::{
    Change, Check, Finding, Outcome, OwnListener, ReadError, Report, Stance, Subject, read,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::MissedTickBehavior;

use crate::config::Config;
use crate::exit::Exit;

/// The time between two looks.
const PERIOD: Duration = Duration::from_secs(10);

/// What is said where there is nothing to check.
pub(crate) const NOT_CONFIGURED: &str = "not isolated: no interfaces are configured";

/// Says that there is nothing to check.
pub(crate) fn say_not_configured() {
    tracing::warn!("{NOT_CONFIGURED}");
}

/// The self-check of this process.
#[derive(Clone, Debug)]
pub(crate) struct SelfCheck(Subject);

impl SelfCheck {
    /// What `config`, which stands at `path`, expects of the host; `None` where it names no interface.
    pub(crate) fn new(config: &Config, stance: Stance, path: &Path) -> Option<Self> {
        let (camera, core) = (&config.camera_network.interface, &config.core.interface);
        if camera.is_none() && core.is_none() {
            return None;
        }
        let listeners = match stance {
            Stance::Camera => Vec::new(),
            Stance::Together | Stance::Core => vec![
                OwnListener { key: "core.rtsp", address: config.core.rtsp },
                OwnListener { key: "core.admin", address: config.core.admin },
            ],
        };
        Some(Self(Subject {
            stance,
            camera: camera.clone(),
            core: core.clone(),
            listeners,
            allow: config.isolation.allow.clone(),
            config: path.display().to_string(),
            locked: false,
            process_only: false,
        }))
    }

    /// Of this process alone: another one looks at the host.
    pub(crate) fn of_the_process(self) -> Self {
        Self(Subject { process_only: true, ..self.0 })
    }

    /// Of a process that has locked itself in.
    pub(crate) fn locked(self) -> Self {
        Self(Subject { locked: true, ..self.0 })
    }

    /// Looks, beside the event loop.
    pub(crate) async fn look(&self) -> Result<Report, Exit> {
        self.read().await.map_err(|error| Exit::isolation(error.to_string()))
    }

    /// Looks, and refuses whatever is not as it should be and not allowed by name.
    pub(crate) async fn require(&self) -> Result<Report, Exit> {
        let report = self.look().await?;
        refuse(&report, |_| true)?;
        Ok(report)
    }

    /// As [`require`](Self::require), but lets the host be as it may.
    pub(crate) async fn require_of_the_process(&self) -> Result<Report, Exit> {
        let report = self.look().await?;
        refuse(&report, Check::is_of_the_process)?;
        Ok(report)
    }

    /// Looks again and again, for ever: each change is a line in the log, and what stands is
    /// `show`n: `None` while the kernel does not say. `report` is of a moment ago.
    pub(crate) async fn watch(self, report: Report, show: impl Fn(Option<&Report>)) {
        let tell = |report: &Report, last: Option<&Report>| {
            show(Some(report));
            report.changes_since(last).iter().for_each(log);
        };
        // Who looks at itself alone has nothing to say of the host.
        if report.holds() && !self.0.process_only {
            tracing::info!("isolated: no self-check failed that is not allowed to");
        }
        tell(&report, None);
        let mut last = report;
        let mut blind = false;
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.read().await {
                Ok(report) => {
                    tell(&report, Some(&last));
                    last = report;
                    blind = false;
                }
                Err(error) => {
                    show(None);
                    if !blind {
                        tracing::error!("not isolated, as far as can be seen: {error}");
                    }
                    blind = true;
                }
            }
        }
    }

    async fn read(&self) -> Result<Report, ReadError> {
        let subject = self.0.clone();
        let look = move || read(&subject).map(|facts| Report::new(&subject, &facts));
        match tokio::task::spawn_blocking(look).await {
            Ok(report) => report,
            // It does not panic; it is cancelled only with the whole process.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The end of a process for which something of `report` is not as it should be.
fn refuse(report: &Report, fatal: impl Fn(Check) -> bool) -> Result<(), Exit> {
    let mut lines = Vec::new();
    for (check, outcome) in report.outcomes().filter(|(check, _)| fatal(*check)) {
        if let Outcome::Failed(findings) = outcome {
            lines.extend(findings.iter().map(|Finding { expected, found, mend }| {
                format!("isolation: {check}: expected {expected}, found {found}; to mend: {mend}")
            }));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let hint = "isolation: a check that may fail is named in `[isolation] allow`";
    lines.push(hint.into());
    Err(Exit::isolation(lines.join("\n")))
}

fn log(change: &Change<'_>) {
    let check = change.check.name();
    match change.outcome {
        Outcome::Failed(_) => tracing::error!(check, "not isolated: {change}"),
        Outcome::Allowed(_) => tracing::warn!(check, "not isolated, as allowed: {change}"),
        Outcome::Passed | Outcome::NotApplicable(_) => {
            tracing::info!(check, "isolation: {change}");
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    check: &'static str,
}

/// The self-check, for the operator.
#[derive(Clone, Debug)]
pub(crate) struct IsolationMetrics {
    isolated: Gauge,
    checks: Family<CheckLabels, Gauge>,
}

impl IsolationMetrics {
    /// Makes and registers them, as they are before any look: 0 throughout.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { isolated: Gauge::default(), checks: Family::default() };
        registry.register(
            "isolated",
            "1 when no isolation self-check failed that is not allowed to, 0 otherwise and when none was made",
            metrics.isolated.clone(),
        );
        registry.register(
            "isolation_check",
            "1 when the self-check found nothing wrong, 0 when it did, allowed or not, or was not made",
            metrics.checks.clone(),
        );
        metrics.show_nothing();
        metrics
    }

    /// Shows a report, or that there is none.
    pub(crate) fn show(&self, report: Option<&Report>) {
        let Some(report) = report else { return self.show_nothing() };
        self.isolated.set(report.holds().into());
        for (check, outcome) in report.outcomes() {
            self.check(check).set(outcome.is_good().into());
        }
    }

    /// What is shown, where a self-check is made.
    pub(crate) fn status(&self) -> Isolation {
        let bad = |check: &Check| self.check(*check).get() == 0;
        let checks = Check::ALL.into_iter().filter(bad).map(Check::name).collect();
        match self.isolated.get() {
            0 => Isolation::Failed { checks },
            _ => Isolation::Holds { allowed: checks },
        }
    }

    fn show_nothing(&self) {
        self.isolated.set(0);
        for check in Check::ALL {
            self.check(check).set(0);
        }
    }

    fn check(&self, check: Check) -> Gauge {
        self.checks.get_or_create(&CheckLabels { check: check.name() }).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cofferdam_isolation::Facts;
    use prometheus_client::encoding::text::encode;

    use super::*;

    /// Of a process that may do everything: two checks fail.
    fn report(allow: &[Check]) -> Report {
        let subject = Subject {
            stance: Stance::Together,
            camera: None,
            core: None,
            listeners: Vec::new(),
            allow: allow.iter().copied().collect::<BTreeSet<_>>(),
            config: "FILE".into(),
            locked: true,
            process_only: true,
        };
        Report::new(&subject, &Facts::default())
    }

    #[test]
    fn a_failed_check_refuses_and_tells_what_mends_it_unless_it_is_allowed() {
        let line = refuse(&report(&[]), |_| true).unwrap_err().to_string();
        assert!(line.contains("isolation: privileges: expected") && line.contains("to mend: "));
        assert!(line.contains("isolation: user: expected a side that is not root, found user 0"));
        assert!(refuse(&report(&[]), |check| !check.is_of_the_process()).is_ok());
        assert!(refuse(&report(&[Check::Privileges, Check::User]), |_| true).is_ok());
    }

    #[test]
    fn metrics_show_every_check_and_an_allowed_failure_as_one() {
        let mut registry = Registry::with_prefix("cofferdam");
        let metrics = IsolationMetrics::register(&mut registry);
        let shown = |what: &str| {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            assert_eq!(text.matches("cofferdam_isolation_check{").count(), Check::ALL.len());
            text.contains(what)
        };
        let (isolated, routes) = ("cofferdam_isolated 1\n", "_check{check=\"routes\"} 1\n");
        assert!(!shown(isolated) && !shown(routes));
        assert!(
            matches!(metrics.status(), Isolation::Failed { checks } if checks.len() == Check::ALL.len())
        );
        let both = || vec![Check::Privileges.name(), Check::User.name()];
        metrics.show(Some(&report(&[])));
        assert_eq!(metrics.status(), Isolation::Failed { checks: both() });
        assert!(!shown(isolated) && shown(routes) && shown("_check{check=\"user\"} 0\n"));
        metrics.show(Some(&report(&[Check::Privileges, Check::User])));
        assert!(shown(isolated) && shown("_check{check=\"user\"} 0\n"));
        assert_eq!(metrics.status(), Isolation::Holds { allowed: both() });
        metrics.show(None);
        assert!(!shown(isolated) && !shown(routes));
    }
}
