//! What a server tells all its connections at once.

use tokio::sync::watch;

/// What connections are to do, as it stands.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    stop: bool,
}

/// Gives orders.
#[derive(Debug, Default)]
pub(crate) struct Orders(watch::Sender<Standing>);

/// Takes orders that are given after it was made.
#[derive(Clone, Debug)]
pub(crate) struct Ordered(watch::Receiver<Standing>);

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say goodbye.
    Stop,
    /// See whether the account is still what it was.
    LookAtAccount,
}

impl Orders {
    pub(crate) fn stop(&self) {
        self.0.send_modify(|standing| standing.stop = true);
    }

    pub(crate) fn look_at_account(&self) {
        self.0.send_modify(|_| {});
    }

    pub(crate) fn ordered(&self) -> Ordered {
        Ordered(self.0.subscribe())
    }
}

impl Ordered {
    /// The next order. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Order {
        // An error says that the server is gone: the same as being told to stop.
        if self.0.changed().await.is_err() || self.0.borrow_and_update().stop {
            Order::Stop
        } else {
            Order::LookAtAccount
        }
    }

    /// Completes when it is time to stop. Cancel-safe.
    pub(crate) async fn stopped(&mut self) {
        let _ = self.0.wait_for(|standing| standing.stop).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_reach_those_who_were_there_and_the_last_is_to_stop() {
        let orders = Orders::default();
        let mut early = orders.ordered();
        orders.look_at_account();
        let mut late = orders.ordered();
        assert_eq!(early.next().await, Order::LookAtAccount);
        orders.stop();
        assert_eq!([early.next().await, late.next().await], [Order::Stop; 2]);
        let mut waiting = orders.ordered();
        waiting.stopped().await;
        drop(orders);
        assert_eq!(waiting.next().await, Order::Stop);
    }
}
