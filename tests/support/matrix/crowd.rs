use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Entrance, MAIN, Reader, SUB, Way};
use crate::motion::{Motion, Recording};
use crate::player::Player;
use crate::wait::until;
use crate::watcher::{Seen, Watcher};

/// One reader, the way it goes, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Who.
    pub reader: Reader,
    /// How.
    pub way: Way,
    /// With an account or without.
    pub with_account: bool,
    /// Which mount.
    pub mount: &'static str,
}

/// Readers that read at the same time: each over each way that it goes.
#[derive(Debug)]
pub struct Crowd {
    players: Vec<(Cell, Watcher)>,
    motion: Option<Motion>,
    recorded: HashMap<String, Cell>,
}

impl Crowd {
    /// Sends `readers` to each of `entrances`: all to the main mount, and motion, where there is an account, to
    /// the other as well.
    ///
    /// # Panics
    /// When one cannot be started.
    #[must_use]
    pub fn start(readers: &[Reader], entrances: &[&Entrance], rate: u32) -> Self {
        let (mut players, mut recordings, mut recorded) = (Vec::new(), Vec::new(), HashMap::new());
        for entrance in entrances {
            for (&reader, way) in readers.iter().flat_map(|r| Way::ALL.map(|way| (r, way))) {
                if reader.goes(way).is_err() {
                    continue;
                }
                let with_account = entrance.account().is_some();
                let cell = |mount| Cell { reader, way, with_account, mount };
                match reader {
                    Reader::Player(client) => {
                        let url = entrance.url_with_account(way, "main");
                        let player = Player::start(client, way.transport(), &url, size(MAIN));
                        players.push((cell("main"), Watcher::of(player)));
                    }
                    Reader::Motion => {
                        let mounts: &[_] = if with_account { &["main", "sub"] } else { &["main"] };
                        for &mount in mounts {
                            let recording = recording(entrance, cell(mount), rate);
                            recorded.insert(recording.name.clone(), cell(mount));
                            recordings.push(recording);
                        }
                    }
                }
            }
        }
        let motion = (!recordings.is_empty()).then(|| Motion::start(recordings));
        Self { players, motion, recorded }
    }

    /// Waits until every player has seen `what`.
    ///
    /// # Panics
    /// When one has not by the deadline, or ends before; with what it said.
    pub fn wait(&mut self, deadline: Duration, what: &str, has: impl Fn(&Seen) -> bool) {
        self.wait_each(deadline, what, |_, seen| has(seen));
    }

    /// As [`wait`](Self::wait); `has` is told which of the players it is.
    ///
    /// # Panics
    /// As `wait`.
    pub fn wait_each(
        &mut self,
        deadline: Duration,
        what: &str,
        has: impl Fn(usize, &Seen) -> bool,
    ) {
        let end = Instant::now() + deadline;
        for at in 0..self.players.len() {
            while !has(at, &self.players[at].1.seen()) {
                if Instant::now() >= end || self.players[at].1.is_over() {
                    let (cell, watcher) = self.players.swap_remove(at);
                    let (seen, ended, _) = watcher.stop();
                    panic!("no {what} with {cell:?}, but {seen:?}; it said: {}", ended.said);
                }
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
    }

    /// How many pictures each player has shown, in the order of [`wait_each`](Self::wait_each).
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        self.players.iter().map(|(_, watcher)| watcher.seen().len()).collect()
    }

    /// Waits until motion has its files, and each of `entrances` as many sessions as it has readers.
    ///
    /// # Panics
    /// When that is not so by the deadline.
    pub fn wait_for_sessions(&self, entrances: &[&Entrance], deadline: Duration) {
        if let Some(motion) = &self.motion {
            motion.wait_for_files(deadline);
        }
        for entrance in entrances {
            for transport in ["tcp", "udp", "tls"] {
                let label = format!("transport=\"{transport}\"");
                let expected = self.over(transport, entrance.account().is_some()) as f64;
                until(deadline, &format!("{expected} sessions over {transport}"), || {
                    let found =
                        entrance.gateway.metrics().value("cofferdam_rtsp_sessions", &[&label]);
                    (found.unwrap_or(0.0) == expected).then_some(())
                });
            }
        }
    }

    /// How many read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.players.len() + self.recorded.len()
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them have their packets go by that label of the metrics.
    fn over(&self, transport_label: &str, with_account: bool) -> usize {
        let all = self.players.iter().map(|(cell, _)| cell).chain(self.recorded.values());
        all.filter(|c| c.way.transport_label() == transport_label && c.with_account == with_account)
            .count()
    }

    /// Ends motion, and gives what its files show.
    ///
    /// # Panics
    /// As [`Motion::stop`].
    #[must_use]
    pub fn stop_recording(&mut self) -> Vec<(Cell, Seen)> {
        let films = self.motion.take().map(Motion::stop).unwrap_or_default();
        let cell = |(recording, seen): (Recording, Seen)| (self.recorded[&recording.name], seen);
        films.into_iter().map(cell).collect()
    }

    /// Ends the players, and gives what each showed, and what it said that tells of something gone wrong.
    ///
    /// # Panics
    /// When one had ended by itself.
    #[must_use]
    pub fn stop_playing(self) -> Vec<(Cell, Seen, Vec<String>)> {
        let ended = self.players.into_iter().map(|(cell, watcher)| {
            let (seen, ended, playing) = watcher.stop();
            assert!(playing, "{cell:?} has ended: {}", ended.said);
            (cell, seen, ended.complaints().into_iter().map(Into::into).collect())
        });
        ended.collect()
    }
}

fn recording(entrance: &Entrance, cell: Cell, rate: u32) -> Recording {
    let Cell { way, with_account, mount, .. } = cell;
    let who = if with_account { "account" } else { "open" };
    Recording {
        name: format!("{way:?}-{who}-{mount}").to_lowercase(),
        url: entrance.url(way, mount),
        transport: way.transport(),
        account: entrance.account().map(|(name, password)| (name.into(), password.into())),
        size: size(if mount == "main" { MAIN } else { SUB }),
        rate,
    }
}

const fn size((width, height): (u32, u32)) -> (usize, usize) {
    (width as usize, height as usize)
}
