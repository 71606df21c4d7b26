//! Somebody who watches a player all the time, and remembers what it showed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cofferdam_simulator::barcode::Barcode;

use crate::player::{Ended, Player};

/// What a player showed, picture after picture: a slate has no barcode.
pub type Seen = Vec<Option<Barcode>>;

/// A watched player.
#[derive(Debug)]
pub struct Watcher {
    seen: Arc<Mutex<Seen>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<Player>>,
}

impl Watcher {
    /// Takes every picture of a player from now on.
    #[must_use]
    pub fn of(mut player: Player) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (put, stop) = (Arc::clone(&seen), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let Some(shown) = player.next(Duration::from_millis(200)) else {
                    if !player.is_running() {
                        break;
                    }
                    // The player may be about to end: then nothing is waited for.
                    std::thread::park_timeout(Duration::from_millis(20));
                    continue;
                };
                let code = player.barcode(&shown);
                put.lock().unwrap_or_else(PoisonError::into_inner).push(code);
            }
            player
        });
        Self { seen, stopped, thread: Some(thread) }
    }

    /// What it has shown so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the player has ended by itself.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Stops the player; gives what it had shown, what it said, and whether it was still playing.
    ///
    /// # Panics
    /// When its output cannot be collected.
    #[must_use]
    pub fn stop(mut self) -> (Seen, Ended, bool) {
        self.stopped.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it is taken here only");
        let mut player = thread.join().expect("the watching thread ends");
        let playing = player.is_running();
        (self.seen(), player.stop(), playing)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Takes the player with it.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
