//! When passwords in clear are checked. A check takes as much memory as it takes time, and anybody may ask for
//! one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_rtsp::{PasswordCheck, host};
use tokio::sync::Semaphore;

/// Checks at a time.
const AT_ONCE: usize = 2;

/// Has few checks run at a time, and of those one for each host: whoever asks for many waits for itself, and
/// others wait for one of its.
#[derive(Debug)]
pub(crate) struct PasswordChecks {
    places: Arc<Semaphore>,
    /// The hosts whose checks run or wait, each with the one place it has.
    hosts: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), hosts: Mutex::default() }
    }
}

impl PasswordChecks {
    /// Whether the password is right that a reader at `from` has sent. Runs beside the event loop.
    pub(crate) async fn run(&self, check: PasswordCheck, from: IpAddr) -> bool {
        self.in_turn(from, move || check.run()).await.unwrap_or(false)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        from: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let own = self.own_place(from).acquire_owned().await.ok()?;
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        // Once begun it goes on to its end, whether anybody still waits for it or not.
        let in_its_place = move || {
            let _held = (own, place);
            work()
        };
        tokio::task::spawn_blocking(in_its_place).await.ok()
    }

    fn own_place(&self, from: IpAddr) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody holds those but the list.
        hosts.retain(|_, place| Arc::strong_count(place) > 1);
        Arc::clone(hosts.entry(host(from)).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_host_that_asks_for_many_keeps_no_other_from_its_one() {
        let checks = Arc::new(PasswordChecks::default());
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let mut flood = JoinSet::new();
        for _ in 0..50 {
            let (checks, held) = (Arc::clone(&checks), Arc::clone(&held));
            flood.spawn(async move {
                let wait = move || held.lock().unwrap().recv().is_ok();
                checks.in_turn([10, 0, 0, 1].into(), wait).await
            });
        }
        tokio::task::yield_now().await;
        for host in 2..9_u8 {
            let other = checks.in_turn([10, 0, 0, host].into(), || 5);
            let done = timeout(Duration::from_secs(10), other).await;
            // So that a runtime that is given up does not wait for them.
            if done.is_err() {
                (0..50).for_each(|_| release.send(()).unwrap());
            }
            assert_eq!(done, Ok(Some(5)), "{host} waits behind all of them");
        }
        assert!(flood.try_join_next().is_none(), "none was done before the others");
        (0..50).for_each(|_| release.send(()).unwrap());
        assert!(flood.join_all().await.into_iter().all(|done| done == Some(true)));
        assert_eq!(checks.in_turn([10, 0, 0, 1].into(), || 5).await, Some(5));
        let hosts = checks.hosts.lock().unwrap().len();
        assert_eq!(hosts, 1, "who asks no more is forgotten");
    }

    #[tokio::test]
    async fn a_check_that_nobody_waits_for_any_more_keeps_its_place_to_its_end() {
        let checks = Arc::new(PasswordChecks::default());
        let host = IpAddr::from([10, 0, 0, 1]);
        let (release, held) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let given_up = tokio::spawn({
            let checks = Arc::clone(&checks);
            async move {
                let wait = move || {
                    let _ = begun.send(());
                    held.recv().is_ok()
                };
                checks.in_turn(host, wait).await
            }
        });
        begins.await.unwrap();
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        assert_eq!(checks.places.available_permits(), AT_ONCE - 1);
        let mut next = std::pin::pin!(checks.in_turn(host, || 5));
        tokio::select! {
            biased;
            _ = &mut next => panic!("two at once"),
            () = tokio::task::yield_now() => {}
        }
        release.send(()).unwrap();
        assert_eq!(timeout(Duration::from_secs(10), next).await, Ok(Some(5)));
    }
}
