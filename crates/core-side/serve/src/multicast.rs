//! Multicast: a mount's packets, sent once to all who joined its group, for as long as one of them has a
//! session that plays.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_picture::MonotonicTime;
use cofferdam_publish::{Mount, Subscription, SubscriptionEnd, Unit};
use cofferdam_rtp::rtcp::{Cname, Incoming};
use cofferdam_rtsp::{MulticastGroup, TransportKind};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::datagrams::{Datagrams, Destination};
use crate::metrics::{ServeMetrics, TrafficMetrics};
use crate::reception::Reception;
use crate::sender::Sender;
use crate::{BindError, ServerSettings, sockets};

/// Members of one group whose reports are told apart. Nobody asks who joins.
const MAX_REPORTERS: usize = 1024;

/// The groups of a gateway, by the paths of their mounts. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(Arc<BTreeMap<String, Arc<Group>>>);

/// The group of one mount.
#[derive(Debug)]
struct Group {
    address: MulticastGroup,
    datagrams: Datagrams,
    to: Destination,
    cname: Cname,
    traffic: TrafficMetrics,
    metrics: ServeMetrics,
    sending: Mutex<Sending>,
}

/// What goes to a group at present.
#[derive(Debug, Default)]
struct Sending {
    members: usize,
    task: Option<AbortHandle>,
    /// `None` before the first member.
    sender: Option<Sender>,
}

/// A session that plays by multicast. When the last of a group is dropped, the group hears goodbye.
#[derive(Debug)]
pub(crate) struct Member(Arc<Group>);

impl Groups {
    /// The sockets of all groups that `settings` name.
    pub(crate) fn bind(
        settings: &ServerSettings,
        metrics: &ServeMetrics,
    ) -> Result<Self, BindError> {
        let bind = |(path, address): &(String, MulticastGroup)| {
            let group = Group::bind(*address, settings, metrics).map_err(|source| {
                BindError::Multicast { mount: path.clone(), group: address.address, source }
            })?;
            Ok((path.clone(), Arc::new(group)))
        };
        settings.multicast.iter().map(bind).collect::<Result<_, _>>().map(|map| Self(Arc::new(map)))
    }

    /// The group of the mount at `path`, if it has one.
    pub(crate) fn of(&self, path: &str) -> Option<MulticastGroup> {
        self.0.get(path).map(|group| group.address)
    }

    /// Sends `mount`'s packets to its group for as long as the member lives; `None` where it has no group.
    pub(crate) fn join(&self, mount: &Arc<Mount>) -> Option<Member> {
        let group = Arc::clone(self.0.get(mount.path())?);
        group.enter(mount);
        Some(Member(group))
    }
}

impl Group {
    fn bind(
        address: MulticastGroup,
        settings: &ServerSettings,
        metrics: &ServeMetrics,
    ) -> io::Result<Self> {
        let interface = settings.interface.as_deref();
        let (rtp, rtcp) = sockets::multicast_pair(&address, settings.listen.ip(), interface)?;
        let mut name = [0; 16];
        getrandom::fill(&mut name)?;
        let cname = Cname::new(format!("{:032x}", u128::from_be_bytes(name)));
        let ports = address.ports();
        Ok(Self {
            address,
            datagrams: Datagrams::over(rtp, rtcp)?,
            to: Destination {
                rtp: SocketAddr::new(address.address, ports.rtp),
                rtcp: SocketAddr::new(address.address, ports.rtcp),
                source: None,
            },
            cname: cname.map_err(io::Error::other)?,
            traffic: metrics.traffic(TransportKind::Multicast),
            metrics: metrics.clone(),
            sending: Mutex::default(),
        })
    }

    fn enter(self: &Arc<Self>, mount: &Arc<Mount>) {
        let mut sending = self.sending();
        sending.members += 1;
        // Ended by a lost camera, it may find some of its members still on their way out.
        if sending.task.as_ref().is_none_or(AbortHandle::is_finished) {
            let now = Instant::now();
            let sender = match sending.sender.take() {
                Some(earlier) => earlier.again(now),
                None => Sender::new(Arc::clone(mount), self.cname.clone(), now),
            };
            sending.sender = Some(sender);
            let task = tokio::spawn(Arc::clone(self).run(mount.subscribe_to_come()));
            sending.task = Some(task.abort_handle());
        }
    }

    /// Sends units, and reports in front of them, and hears what members say, until the mount gives no more
    /// units.
    async fn run(self: Arc<Self>, mut subscription: Subscription) {
        let mut members = HashMap::new();
        loop {
            tokio::select! {
                unit = subscription.next() => match unit {
                    Ok(unit) => self.send_unit(&unit).await,
                    // The group is not put out: it is many readers, and none of them is at fault.
                    Err(SubscriptionEnd::TooSlow) => {
                        subscription = Arc::clone(subscription.mount()).subscribe_to_come();
                    }
                    Err(SubscriptionEnd::SignalLost | SubscriptionEnd::Stopping) => return,
                },
                (from, incoming) = self.datagrams.next_report(&self.metrics) => {
                    self.heard(&mut members, from, &incoming);
                }
            }
        }
    }

    async fn send_unit(&self, unit: &Unit) {
        self.report(unit).await;
        if let Some(sender) = &mut self.sending().sender {
            sender.count(unit);
        }
        self.traffic.sent(unit.packets.packet_count(), unit.packets.framed().len());
        match self.datagrams.send_unit(unit, 0, &self.to).await {
            Ok(()) => unit.sent(MonotonicTime::now()),
            Err(error) => {
                tracing::debug!(group = %self.address.address, %error, "unit not sent");
            }
        }
    }

    async fn report(&self, before: &Unit) {
        let now = Instant::now();
        let due = |sender: &mut Sender| sender.report(now, Some(before));
        let report = self.sending().sender.as_mut().and_then(due);
        let Some(report) = report else { return };
        if let Err(error) = self.datagrams.send_rtcp(&report, &self.to).await {
            tracing::debug!(group = %self.address.address, %error, "report not sent");
        }
    }

    fn heard(
        &self,
        members: &mut HashMap<SocketAddr, Reception>,
        from: SocketAddr,
        incoming: &Incoming,
    ) {
        if members.len() >= MAX_REPORTERS && !members.contains_key(&from) {
            return;
        }
        if let Some(sender) = &self.sending().sender {
            let reception = members.entry(from).or_default();
            reception.heard(incoming, sender, TransportKind::Multicast, &self.metrics.reception);
        }
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Self(group) = self;
        let mut sending = group.sending();
        sending.members -= 1;
        if sending.members > 0 {
            return;
        }
        if let Some(task) = sending.task.take() {
            task.abort();
        }
        if let Some(sender) = &sending.sender {
            // When it is lost, silence tells the same.
            let _ = group.datagrams.try_send_rtcp(&sender.goodbye(), &group.to);
        }
    }
}
