//! Cofferdam's half of a round: its RTSP server and publisher as the core side runs them, on one thread,
//! fed from the film as an encode worker would feed them. A forced key frame is the film's next one.

use std::io::Read as _;
use std::time::Duration;

use anyhow::Context as _;
use cofferdam_encode_link::{AccessUnitHeader, Command, MountKind, Record};
use cofferdam_picture::{FrameRate, Geometry, MonotonicTime};
use cofferdam_publish::{
    CameraPublisher, Commands, MountSeed, Mounts, PublishMetrics, PublishSettings, ReaderLimits,
    SignalLoss,
};
use cofferdam_serve::{Access, Limits, Refresh, ServeMetrics, Server, ServerSettings};
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use crate::film::{self, FilmUnit, RATE};
use crate::options::Serve;
use crate::stamp::Stamp;

/// Serves until standard input ends. Prints where.
pub(crate) fn run(options: &Serve) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(options))
}

async fn serve(options: &Serve) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let publish_metrics = PublishMetrics::register(&mut registry);
    let settings = PublishSettings {
        camera: "lobby".parse()?,
        rate: FrameRate::new(RATE)?,
        geometry: Geometry::new(1920, 1080)?,
        sub_geometry: Geometry::new(640, 360)?,
        signal_loss: SignalLoss::default(),
        reader_limits: ReaderLimits::default(),
    };
    let seeds = [1, 2].map(|ssrc| MountSeed { ssrc, sequence: 0, timestamp: 0 });
    let now = MonotonicTime::now();
    let mut publisher = CameraPublisher::new(&settings, seeds, &publish_metrics, now);
    let film = film::read(&options.film)?;
    begin(&mut publisher, &film)?;

    let metrics = ServeMetrics::default();
    metrics.register(&mut registry);
    let settings = ServerSettings {
        multicast: Vec::new(),
        listen: ([127, 0, 0, 1], 0).into(),
        interface: None,
        certificates: None,
        access: Access::Anonymous,
        refresh: Refresh::default(),
        limits: Limits { per_address: 2048, ..Limits::default() },
    };
    let server = Server::bind(settings, Mounts::new(publisher.mounts().into()), metrics).await?;
    println!("listening {}", server.local_addr().port());
    let (gone, parent) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        drop(gone);
    });
    let stop = async move {
        let _ = parent.await;
    };
    tokio::select! {
        () = server.run(stop) => Ok(()),
        played = play(&mut publisher, film, options) => played,
    }
}

/// What a worker delivers at its start. The sub mount gets the same units: nobody reads it.
fn begin(publisher: &mut CameraPublisher, film: &[FilmUnit]) -> anyhow::Result<()> {
    publisher.handle_worker_started(MonotonicTime::now());
    let key = film.iter().find(|unit| unit.key).context("a film without a key frame")?;
    for mount in MountKind::ALL {
        for _ in 0..2 {
            let header = AccessUnitHeader { startup: true, mount, ..header(true) };
            let bytes = stamped(&key.bytes, 0);
            publisher.handle_record(Record::AccessUnit(header, bytes), MonotonicTime::now())?;
        }
    }
    Ok(())
}

async fn play(
    publisher: &mut CameraPublisher,
    film: Vec<FilmUnit>,
    options: &Serve,
) -> anyhow::Result<()> {
    let commands = publisher.commands();
    let period = Duration::from_secs(1) / RATE;
    let begin = Instant::now();
    let mut place = 0;
    for number in 0_u32.. {
        sleep_until(begin + period * number).await;
        if key_is_wanted(&commands) {
            place = next_key(&film, place);
        }
        let unit = &film[place % film.len()];
        place += 1;
        let bytes = stamped(&unit.bytes, number);
        if options.hold > 0 {
            sleep(Duration::from_millis(options.hold)).await;
        }
        if options.leave_out != Some(number) {
            let record = Record::AccessUnit(header(unit.key), bytes);
            publisher.handle_record(record, MonotonicTime::now())?;
        }
    }
    Ok(())
}

fn key_is_wanted(commands: &Commands) -> bool {
    let mut wanted = false;
    while let Some(command) = commands.try_next() {
        wanted |= matches!(command, Command::KeyFrame(MountKind::Main));
    }
    wanted
}

/// The first key unit from `place` on.
fn next_key(film: &[FilmUnit], place: usize) -> usize {
    (place..place + film.len()).find(|place| film[place % film.len()].key).unwrap_or(place)
}

fn header(key: bool) -> AccessUnitHeader {
    let now = MonotonicTime::now();
    AccessUnitHeader {
        mount: MountKind::Main,
        key,
        live: true,
        startup: false,
        tick: now,
        arrived: Some(now),
        complete: Some(now),
        encode_time: Duration::ZERO,
    }
}

fn stamped(unit: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = unit.to_vec();
    Stamp { number, nanos: MonotonicTime::now().as_nanos() }.write_to(&mut bytes);
    bytes
}
