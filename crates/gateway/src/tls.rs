//! The certificate that readers are shown over TLS, and what becomes of it when its files change.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use cofferdam_serve::Certificates;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::accounts::read_bytes;
use crate::config::Rtsps;
use crate::exit::Exit;

/// How often the files are looked at. A certificate is renewed days before it ends.
const LOOK: Duration = Duration::from_secs(5);

/// The certificate that is shown, and what became of those that were to follow it.
#[derive(Clone, Debug)]
pub(crate) struct ReloadMetrics {
    /// Changes of the files, by how that went.
    changes: Family<[(&'static str, &'static str); 1], Counter>,
    /// When the one that is shown ends: seconds since 1970.
    ends: Gauge,
}

impl ReloadMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { changes: Family::default(), ends: Gauge::default() };
        for result in ["taken", "refused"] {
            let _ = metrics.changes.get_or_create(&[("result", result)]);
        }
        registry.register(
            "rtsps_certificates",
            "Changes of the certificate's files, by what became of them",
            metrics.changes.clone(),
        );
        metrics
    }

    /// Shows in `registry` when the certificate that is shown to readers ends.
    pub(crate) fn show(&self, rtsps: &Rtsps, registry: &mut Registry) {
        registry.register(
            "rtsps_certificate_expiry_timestamp_seconds",
            "When the certificate that is shown over TLS ends, in seconds since 1970",
            self.ends.clone(),
        );
        if let Ok((chain, _)) = read(rtsps) {
            self.shown(&chain);
        }
    }

    fn shown(&self, chain: &[u8]) {
        if let Some(ends) = ends(chain) {
            self.ends.set(ends);
        }
    }

    fn count(&self, result: &'static str) {
        self.changes.get_or_create(&[("result", result)]).inc();
    }
}

/// Reads certificate and key.
///
/// # Errors
/// What is wrong with them, by key.
pub(crate) fn open(rtsps: &Rtsps, readers: Vec<Vec<u8>>) -> Result<Certificates, Exit> {
    let (chain, key) = read(rtsps).map_err(Exit::configuration)?;
    Certificates::new(&chain, &key, readers)
        .map_err(|error| Exit::configuration(named(rtsps, &error.to_string())))
}

/// Takes over what the files hold whenever they change, for ever. What cannot be used is told and leaves
/// things as they are.
pub(crate) async fn follow(rtsps: Rtsps, certificates: Certificates, metrics: ReloadMetrics) {
    let mut seen = stamp(&rtsps);
    // Root's files are not this process's any more once it has become another user.
    if let Err(what) = read(&rtsps) {
        tracing::warn!("{what}: a renewed certificate will take a restart");
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamp(&rtsps);
        if now == seen {
            continue;
        }
        // Written one after the other, they do not fit for a moment: then the next look finds a further
        // change, or says what is wrong.
        let taken = read(&rtsps).and_then(|(chain, key)| {
            certificates
                .replace(&chain, &key)
                .map_err(|error| named(&rtsps, &error.to_string()))?;
            metrics.shown(&chain);
            Ok(())
        });
        seen = now;
        match taken {
            Ok(()) => {
                metrics.count("taken");
                tracing::info!("`core.certificate`: the renewed certificate is shown from now on");
            }
            Err(what) => {
                metrics.count("refused");
                tracing::error!("{what}: the certificate before it is still shown");
            }
        }
    }
}

/// When the first certificate of a chain in PEM ends, in seconds since 1970. Those behind it vouch for it and
/// live longer.
fn ends(chain: &[u8]) -> Option<i64> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(chain).ok()?;
    Some(pem.parse_x509().ok()?.validity().not_after.timestamp())
}

fn read(rtsps: &Rtsps) -> Result<(Vec<u8>, Vec<u8>), String> {
    let chain =
        read_bytes(&rtsps.certificate).map_err(|what| format!("`core.certificate`: {what}"))?;
    let key = read_bytes(&rtsps.key).map_err(|what| format!("`core.key`: {what}"))?;
    Ok((chain, key))
}

fn named(rtsps: &Rtsps, what: &str) -> String {
    let (certificate, key) = (rtsps.certificate.display(), rtsps.key.display());
    format!("`core.certificate` {certificate}, `core.key` {key}: {what}")
}

/// What changes when a file is written or replaced, of both.
fn stamp(rtsps: &Rtsps) -> [Option<(u64, u64, i64, i64)>; 2] {
    [rtsps.certificate.as_path(), rtsps.key.as_path()].map(|path| {
        let of = std::fs::metadata(path).ok()?;
        Some((of.ino(), of.size(), of.mtime(), of.mtime_nsec()))
    })
}
