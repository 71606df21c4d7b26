//! The readers of a round: one process, one thread, all of them draining.

mod rtp;
mod rtsp;
mod tally;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, timeout};

use crate::options::Read;
use rtsp::Session;
pub(crate) use tally::Reading;
use tally::Tally;

/// How many connect at a time.
const CONNECTING: usize = 16;
/// How long all of them may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the last one's first picture to the beginning of the measurement: forced key frames are over,
/// and so is what was queued meanwhile.
const SETTLING: Duration = Duration::from_secs(3);
/// Between one joining reader and the next: none profits from the key frame of another.
const JOIN_GAP: Duration = Duration::from_millis(730);

pub(crate) fn run(options: &Read) -> anyhow::Result<()> {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, read(options))
}

async fn read(options: &Read) -> anyhow::Result<()> {
    // This process never sleeps: to wake it for each unit would be the server's cost, and on a virtual
    // machine most of it. Readers elsewhere are woken at no cost of the server's.
    tokio::task::spawn_local(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let tally = Rc::new(RefCell::new(Tally::default()));
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    let mut readers = JoinSet::new();
    for _ in 0..options.readers {
        let (tally, connecting) = (Rc::clone(&tally), Arc::clone(&connecting));
        let options = options.clone();
        readers.spawn_local(async move {
            let place = connecting.acquire_owned().await?;
            let mut session = Session::play(&options.url, options.transport).await?;
            drop(place);
            let mut reader = tally::Reader::new(&tally);
            session.read(|packet| reader.take(packet)).await
        });
    }
    let deadline = Instant::now() + PATIENCE;
    while tally.borrow().playing < options.readers {
        if let Some(ended) = readers.try_join_next() {
            ended?.context("a reader")?;
        }
        ensure!(Instant::now() < deadline, "{} readers play", tally.borrow().playing);
        sleep(Duration::from_millis(10)).await;
    }
    sleep(SETTLING).await;

    tally.borrow_mut().begin();
    println!("measuring");
    sleep(Duration::from_millis(options.measure)).await;
    tally.borrow_mut().end();
    println!("measured");

    let mut gone = 0;
    while let Some(ended) = readers.try_join_next() {
        // Whoever is put out is a result, not a failure of the benchmark.
        if let Err(error) = ended? {
            eprintln!("a reader ended: {error:#}");
        }
        gone += 1;
    }
    let mut joins = Vec::new();
    for _ in 0..options.joins {
        sleep(JOIN_GAP).await;
        let joined = timeout(PATIENCE, join(options)).await.context("a joining reader waits")??;
        joins.push(joined);
    }
    println!("{}", tally.borrow().reading(gone, joins).json());
    Ok(())
}

/// From PLAY to the last packet of the first key picture.
async fn join(options: &Read) -> anyhow::Result<Duration> {
    let mut session = Session::play(&options.url, options.transport).await?;
    let asked = session.asked;
    let mut unit = rtp::Assembly::default();
    let mut joined = None;
    session
        .read(|packet| {
            let whole = unit.take(packet).filter(|unit| unit.key && unit.whole);
            joined = whole.map(|_| asked.elapsed());
            joined.is_none()
        })
        .await?;
    joined.context("no key picture")
}
