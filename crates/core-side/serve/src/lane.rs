//! The short way to a reader that keeps up: units go from the pump straight to the kernel.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use cofferdam_picture::MonotonicTime;
use cofferdam_publish::{Delivery, Next, Pump, Sink, Unit};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use crate::connection::Shared;
use crate::datagrams::{BURST_GAP, Destination, Progress};
use crate::metrics::TrafficMetrics;
use crate::sender::Sent;

/// Readers that are sent to in a row. Whoever asks for something waits as long.
const ROUND: usize = 32;

/// Sends what waits for readers whose lane is open. Never returns.
pub(crate) async fn pump(pump: Pump) {
    loop {
        match pump.go_round(ROUND, MonotonicTime::now) {
            Next::Round => yield_now().await,
            Next::At(at) => {
                let pause = at.since(MonotonicTime::now());
                // Whether somebody is due or the time has come, it is the next round.
                let _ = timeout(pause, pump.due()).await;
            }
            Next::Nothing => pump.due().await,
        }
    }
}

/// One reader's short way. It is open only while nothing else is to go out before.
#[derive(Debug)]
pub(crate) struct Lane {
    way: Way,
    traffic: TrafficMetrics,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Way {
    /// In the RTSP connection, which is in clear.
    Interleaved {
        connection: Arc<TcpStream>,
        channel: u8,
    },
    Datagrams {
        shared: Arc<Shared>,
        to: Destination,
    },
}

#[derive(Debug, Default)]
struct State {
    sent: Sent,
    taken: Option<Instant>,
    rest: Option<Rest>,
    timed_out: bool,
}

/// What of a unit is still to go out.
#[derive(Debug)]
pub(crate) enum Rest {
    /// Bytes of the RTSP connection.
    Interleaved(Bytes, Arc<Unit>),
    /// Packets from this one on.
    Datagrams(usize, Arc<Unit>),
}

/// What went this way since it was last asked for.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Units.
    pub(crate) sent: Sent,
    /// When the RTSP connection last took anything.
    pub(crate) taken: Option<Instant>,
    /// What is to go out before anything else.
    pub(crate) rest: Option<Rest>,
    /// The kernel has given the RTSP connection up, because the reader takes nothing. It says so once.
    pub(crate) timed_out: bool,
}

impl Lane {
    pub(crate) fn interleaved(
        connection: Arc<TcpStream>,
        channel: u8,
        traffic: TrafficMetrics,
    ) -> Self {
        let way = Way::Interleaved { connection, channel };
        Self { way, traffic, state: Mutex::default() }
    }

    pub(crate) fn datagrams(shared: Arc<Shared>, to: Destination, traffic: TrafficMetrics) -> Self {
        Self { way: Way::Datagrams { shared, to }, traffic, state: Mutex::default() }
    }

    /// What went this way since the last call.
    pub(crate) fn passed(&self) -> Passed {
        let State { sent, taken, rest, timed_out } = std::mem::take(&mut *self.state());
        Passed { sent, taken, rest, timed_out }
    }

    fn send_interleaved(
        &self,
        connection: &TcpStream,
        channel: u8,
        unit: &Arc<Unit>,
    ) -> (Delivery, Option<Rest>) {
        let mut framed = unit.packets.framed_for(channel);
        match connection.try_write(&framed) {
            // The reader's own task comes upon the error by itself, and says goodbye.
            Ok(0) => (Delivery::Refused, None),
            Err(error) => {
                self.state().timed_out |= error.kind() == io::ErrorKind::TimedOut;
                (Delivery::Refused, None)
            }
            Ok(written) if written == framed.len() => (Delivery::Sent, None),
            Ok(written) => {
                framed.advance(written);
                (Delivery::Begun, Some(Rest::Interleaved(framed, Arc::clone(unit))))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Lane {
    fn send(&self, unit: &Arc<Unit>) -> Delivery {
        let (delivery, rest) = match &self.way {
            Way::Interleaved { connection, channel } => {
                self.send_interleaved(connection, *channel, unit)
            }
            Way::Datagrams { shared, to } => send_burst(shared, unit, 0, to),
        };
        if delivery == Delivery::Refused {
            return delivery;
        }
        let mut state = self.state();
        state.sent.count(unit);
        if matches!(self.way, Way::Interleaved { .. }) {
            state.taken = Some(Instant::now());
        }
        state.rest = rest;
        drop(state);
        self.traffic.sent(unit.packets.packet_count(), unit.packets.framed().len());
        if delivery == Delivery::Sent {
            unit.sent(MonotonicTime::now());
        }
        delivery
    }

    fn resume(&self) -> Delivery {
        let mut state = self.state();
        let (Way::Datagrams { shared, to }, Some(Rest::Datagrams(packet, unit))) =
            (&self.way, state.rest.take())
        else {
            return Delivery::Sent;
        };
        let (delivery, rest) = match send_burst(shared, &unit, packet, to) {
            // Some of the unit has gone out before.
            (Delivery::Refused, _) => {
                (Delivery::Begun, Some(Rest::Datagrams(packet, unit.clone())))
            }
            other => other,
        };
        state.rest = rest;
        drop(state);
        if delivery == Delivery::Sent {
            unit.sent(MonotonicTime::now());
        }
        delivery
    }
}

/// Sends the packets of a unit from `packet` on, as many as may follow each other without a pause.
fn send_burst(
    shared: &Shared,
    unit: &Arc<Unit>,
    packet: usize,
    to: &Destination,
) -> (Delivery, Option<Rest>) {
    let Progress { next, blocked } = match shared.datagrams.try_send_burst(unit, packet, to) {
        Ok(progress) => progress,
        // A datagram that cannot be sent is a datagram lost.
        Err(error) => {
            tracing::debug!(reader = %to.rtp, %error, "unit not sent");
            return (Delivery::Sent, None);
        }
    };
    let delivery = match blocked {
        _ if next == unit.packets.packet_count() => return (Delivery::Sent, None),
        true if next == packet => return (Delivery::Refused, None),
        true => Delivery::Begun,
        false => Delivery::Paced(BURST_GAP),
    };
    (delivery, Some(Rest::Datagrams(next, Arc::clone(unit))))
}
