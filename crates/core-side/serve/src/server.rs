//! The listener: takes connections on, within limits, until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_publish::{Mounts, Pump};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::admission::Admission;
use crate::connection::{self, Shared};
use crate::datagrams::Datagrams;
use crate::lane;
use crate::metrics::GaugeGuard;
use crate::multicast::Groups;
use crate::orders::Orders;
use crate::password_checks::PasswordChecks;
use crate::tunnel::Tunnels;
use crate::{Certificates, ServeMetrics, ServerSettings, sockets};

/// How long connections may take to end when the server stops: their own deadline and a little.
const STOP_DEADLINE: Duration = Duration::from_millis(2500);
/// How long to leave the listener alone after it failed, the first time and at most.
const ACCEPT_BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The listener.
    #[error("expected to listen on {address}, found {source}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The sockets for RTP and RTCP.
    #[error("expected a pair of UDP ports on {address}, found {source}")]
    Datagrams {
        /// The address they were to have.
        address: std::net::IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The sockets of a mount's multicast group.
    #[error("{mount}: expected to send to {group}, found {source}")]
    Multicast {
        /// The mount's path.
        mount: String,
        /// The group's address.
        group: std::net::IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// An RTSP server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    admission: Admission,
    shared: Arc<Shared>,
}

impl Server {
    /// Binds the sockets. From here on connections are queued by the kernel;
    /// [`run`](Self::run) serves them.
    ///
    /// # Errors
    /// When a socket cannot be had, with its address and the reason.
    #[expect(clippy::unused_async, reason = "tokio's sockets need its runtime to be made")]
    pub async fn bind(
        settings: ServerSettings,
        mounts: Mounts,
        metrics: ServeMetrics,
    ) -> Result<Self, BindError> {
        let admission = Admission::new(settings.limits);
        let groups = Groups::bind(&settings, &metrics)?;
        Self::with(settings, mounts, metrics, admission, groups)
    }

    fn with(
        settings: ServerSettings,
        mounts: Mounts,
        metrics: ServeMetrics,
        admission: Admission,
        groups: Groups,
    ) -> Result<Self, BindError> {
        let interface = settings.interface.as_deref();
        let address = settings.listen;
        let failed = |source| BindError::Listen { address, source };
        let listener = sockets::listen(address, interface).map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let datagrams = Datagrams::bind(address, interface)
            .map_err(|source| BindError::Datagrams { address: address.ip(), source })?;
        let shared = Arc::new(Shared {
            settings,
            mounts,
            metrics,
            datagrams,
            pump: Pump::default(),
            password_checks: PasswordChecks::default(),
            tunnels: Tunnels::default(),
            groups,
        });
        Ok(Self { listener, address: local, admission, shared })
    }

    /// A server on a further address, for the same readers within the same limits, with mounts of its own.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    #[expect(clippy::unused_async, reason = "tokio's sockets need its runtime to be made")]
    pub async fn bind_further(
        &self,
        listen: SocketAddr,
        mounts: Mounts,
    ) -> Result<Self, BindError> {
        let settings = ServerSettings { listen, ..self.shared.settings.clone() };
        self.beside(settings, mounts)
    }

    /// The same mounts on a further address, for readers who connect over TLS.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    #[expect(clippy::unused_async, reason = "tokio's sockets need its runtime to be made")]
    pub async fn bind_tls(
        &self,
        listen: SocketAddr,
        certificates: Certificates,
    ) -> Result<Self, BindError> {
        let certificates = Some(certificates);
        let settings = ServerSettings { listen, certificates, ..self.shared.settings.clone() };
        self.beside(settings, self.shared.mounts.clone())
    }

    fn beside(&self, settings: ServerSettings, mounts: Mounts) -> Result<Self, BindError> {
        let (metrics, groups) = (self.shared.metrics.clone(), self.shared.groups.clone());
        Self::with(settings, mounts, metrics, self.admission.clone(), groups)
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves readers until `stop` completes; then says goodbye to those that play and returns
    /// within three seconds.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tracing::info!(address = %self.address, "RTSP server listens");
        let orders = Orders::default();
        let mut refresh = self.shared.settings.refresh.subscribe();
        let mut connections = JoinSet::new();
        let mut acceptor = Acceptor { listener: self.listener, wait: None };
        let receive = self.shared.datagrams.receive(&self.shared.metrics);
        // Apart from the loop below, which would be gone through for every round. Ends when this returns.
        let mut pumping = JoinSet::new();
        pumping.spawn(lane::pump(self.shared.pump.clone()));
        tokio::pin!(stop, receive);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = &mut receive => {}
                // The settings hold the other end.
                Ok(()) = refresh.changed() => orders.look_at_account(),
                (stream, peer) = acceptor.next() => {
                    let place = match self.admission.admit(peer.ip()) {
                        Ok(place) => place,
                        Err(refusal) => {
                            self.shared.metrics.refused(refusal);
                            tracing::debug!(reader = %peer, limit = refusal.label(), "refused");
                            continue;
                        }
                    };
                    let count = GaugeGuard::new(&self.shared.metrics.connections);
                    let (shared, ordered) = (Arc::clone(&self.shared), orders.ordered());
                    connections.spawn(async move {
                        let _held = count;
                        connection::serve(stream, peer, place, shared, ordered).await;
                    });
                }
                // Nobody would be sent anything any more. Whoever looks after this server has it start anew.
                Some(_) = pumping.join_next() => {
                    tracing::error!(address = %self.address, "what sends to readers has failed");
                    break;
                }
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection's task failed");
                    }
                }
            }
        }
        drop(acceptor);
        orders.stop();
        // Those that are not done by then are dropped with the set.
        let _ = timeout(STOP_DEADLINE, async { while connections.join_next().await.is_some() {} })
            .await;
        tracing::info!(address = %self.address, "RTSP server stopped");
    }
}

/// A listener that survives running out of descriptors.
struct Acceptor {
    listener: TcpListener,
    wait: Option<(Duration, Instant)>,
}

impl Acceptor {
    /// The next connection. Cancel-safe.
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some((_, until)) = self.wait {
                sleep_until(until).await;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.wait = None;
                    return accepted;
                }
                // The reader was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let (first, most) = ACCEPT_BACK_OFF;
                    let pause = self.wait.map_or(first, |(last, _)| (last * 2).min(most));
                    self.wait = Some((pause, Instant::now() + pause));
                    tracing::warn!(%error, ?pause, "no connection accepted");
                }
            }
        }
    }
}
