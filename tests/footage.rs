//! Real footage, served by a camera we did not write, through the gateway into players we did not
//! write: every file of the footage folder that the gateway's codecs cover, over both transports.
//!
//! What is shown must be the file's own pictures, all of them (of its first 15 seconds), in order, at their
//! pace. Where the folder is absent, FFmpeg draws films of the same codecs and the same tests play those.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cofferdam_system_tests::film::{self, Film, Frame, NotTheFilm};
use cofferdam_system_tests::foreign_camera::{self, ForeignCamera};
use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, programs, until,
};
use tempfile::TempDir;

/// For whatever should happen soon.
const DEADLINE: Duration = Duration::from_secs(30);

/// Of a longer film the beginning is watched, in seconds.
const LONGEST: usize = 15;

/// How often a player may try to show a film whole.
const ATTEMPTS: usize = 3;

/// The size of films that have to be drawn.
const SMALL: (u32, u32) = (640, 360);

/// A film and what the gateway publishes it as.
struct Footage {
    file: PathBuf,
    size: (u32, u32),
    rate: u32,
    // Where it had to be drawn.
    _folder: Option<TempDir>,
}

/// One test at a time: each wants both cores for itself.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn can_run(test: &str) -> bool {
    foreign_camera::available(test) && Client::PROGRAMS.iter().all(|c| c.is_here(test))
}

/// A file of the footage folder, or a drawn one of the same kind where there is no such folder.
fn footage(name: &str, size: (u32, u32), rate: u32) -> Footage {
    match programs::footage(name) {
        Some(file) => Footage { file, size, rate, _folder: None },
        None => {
            eprintln!("no footage folder beside the repository: {name} is drawn instead");
            let folder = TempDir::with_prefix("cofferdam-drawn-").unwrap();
            let file = film::draw(folder.path(), name, SMALL, rate, 10);
            Footage { file, size: SMALL, rate, _folder: Some(folder) }
        }
    }
}

const EVERYTHING: [(Client, Transport); 6] = [
    (Client::Ffmpeg, Transport::Tcp),
    (Client::Gstreamer, Transport::Udp),
    (Client::Vlc, Transport::Tcp),
    (Client::Ffmpeg, Transport::Udp),
    (Client::Gstreamer, Transport::Tcp),
    (Client::Vlc, Transport::Udp),
];

/// What a player showed, and what it complained about.
struct Watched {
    player: (Client, Transport),
    frames: Vec<Frame>,
    complaints: Vec<String>,
}

/// Starts the players on the slate of a camera that is not there yet, then `camera` on the port it is
/// given, and watches for as long as the film lasts from its first picture. Second, whether the
/// gateway says that it kept up.
///
/// VLC comes when the camera is there: it takes the slate's rate, which is lower, for the stream's, and
/// would write so many pictures a second from then on.
fn watch(
    footage: &Footage,
    film: &Film,
    players: &[(Client, Transport)],
    camera: impl FnOnce(u16) -> ForeignCamera,
) -> (Vec<Watched>, bool) {
    let port = free_port();
    let (width, height) = footage.size;
    let config =
        CameraConfig::new("street", &foreign_camera::url(port), (width, height, footage.rate))
            .with("signal_loss = { then = \"slate\" }");
    let gateway = Gateway::start(&GatewayConfig::open(vec![config]));
    let url = gateway.url("street/main");
    let (early, late): (Vec<_>, Vec<_>) =
        players.iter().partition(|(client, _)| *client != Client::Vlc);

    let (done, on) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let watcher = |(client, transport): (Client, Transport)| {
            let (done, on, url) = (&done, &on, &url);
            scope.spawn(move || {
                let size = (width as usize, height as usize);
                let player = Player::start(client, transport, url, size);
                if player.next(DEADLINE).is_some() {
                    on.fetch_add(1, Ordering::SeqCst);
                }
                let frames = film.watch(&player, done);
                let ended = player.stop();
                let complaints = ended.complaints().iter().map(|c| (*c).to_owned()).collect();
                Watched { player: (client, transport), frames, complaints }
            })
        };
        // Whatever happens here, they are to end.
        let end = Ends(&done);
        let expected = early.len();
        let mut watchers: Vec<_> = early.into_iter().map(watcher).collect();
        let everyone = || on.load(Ordering::SeqCst) == expected;
        until(DEADLINE, "every early player to show the slate", || everyone().then_some(()));
        let _camera = camera(port);
        gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
        // The film takes this long, and players a while to show it; what comes then is not judged.
        let over = Instant::now() + lasts(film, footage.rate) + Duration::from_secs(4);
        watchers.extend(late.into_iter().map(watcher));
        assert_eq!(described(&url), (width, height, footage.rate), "size and rate by ffprobe");
        while let Some(left) = over.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        let kept_up = kept_up(&gateway);
        drop(end);
        (watchers.into_iter().map(|watcher| watcher.join().unwrap()).collect(), kept_up)
    })
}

/// Whether the gateway lost hardly any picture, by its own count. Where it says so itself, the machine
/// had too much else to do.
fn kept_up(gateway: &Gateway) -> bool {
    let metrics = gateway.metrics();
    let count = |name: &str| metrics.value(&format!("cofferdam_{name}_total"), &[]).unwrap();
    let lost = count("camera_pictures_skipped")
        + count("camera_units_dropped")
        + count("mount_reader_units_dropped");
    eprintln!("of {} pictures the gateway lost {lost}", count("camera_pictures_in"));
    lost <= count("camera_pictures_in") / 50.0
}

fn lasts(film: &Film, rate: u32) -> Duration {
    Duration::from_secs_f64(film.len() as f64 / f64::from(rate))
}

/// Tells the watchers to end, at the latest when it goes.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Width, height and pictures a second of a mount, as FFmpeg finds them out.
fn described(url: &str) -> (u32, u32, u32) {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-rtsp_transport", "tcp", "-select_streams", "v", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=width,height,avg_frame_rate", url])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let fields: Vec<u32> = text.trim().split([',', '/']).map(|f| f.parse().unwrap()).collect();
    let [width, height, pictures, seconds] = fields[..] else { panic!("{text}") };
    (width, height, pictures / seconds)
}

/// The whole of a file, in all of the players, so many of them at once.
///
/// Decoders beside a gateway and an encoder are much for two cores, and on a slow machine neither the
/// gateway nor a player can do all: who failed may try again with half as many beside it, in the end alone.
fn plays(name: &str, size: (u32, u32), rate: u32, mut at_once: usize) {
    let _turn = turn();
    if !can_run(name) {
        return;
    }
    let footage = footage(name, size, rate);
    let (width, height) = footage.size;
    let film = Film::decode(&footage.file, (width as usize, height as usize));
    let film = film.beginning(LONGEST * rate as usize);
    let mut left = EVERYTHING.to_vec();
    let mut errors = Vec::new();
    for attempt in 1..=ATTEMPTS {
        let (mut failed, mut whys) = (Vec::new(), Vec::new());
        for players in left.chunks(at_once) {
            let camera = |port| ForeignCamera::film(port, &footage.file, None);
            let (all, kept_up) = watch(&footage, &film, players, camera);
            for watched in &all {
                let Err(why) = is_whole(watched, &film, rate) else { continue };
                eprintln!(
                    "{name}, attempt {attempt}, {at_once} at once, kept up: {kept_up}: {why}"
                );
                failed.push(watched.player);
                whys.push(why);
            }
        }
        (left, errors) = (failed, whys);
        if left.is_empty() {
            break;
        }
        at_once = (at_once / 2).max(1);
    }
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

/// VLC hurries with its first pictures, and some two seconds later leaves out as many, until its clock
/// is set: what comes after that.
fn settled(frames: &[Frame]) -> &[Frame] {
    const SETTLES: Duration = Duration::from_secs(3);
    let Some(first) = frames.first() else { return frames };
    &frames[frames.partition_point(|frame| frame.at < first.at + SETTLES)..]
}

/// A player showed all of the film at its pace, and complained about nothing.
fn is_whole(watched: &Watched, film: &Film, rate: u32) -> Result<(), String> {
    let Watched { player, frames, complaints } = watched;
    let second = rate as usize;
    let settled = if player.0 == Client::Vlc { settled(frames) } else { frames };
    let showing = film.judge(settled).map_err(|error| format!("{player:?}: {error:?}"))?;
    // VLC begins when it has seen enough of the stream.
    let latest = if player.0 == Client::Vlc { 8 * second } else { second };
    let paced = Duration::from_secs_f64((showing.pictures - 1) as f64 / f64::from(rate));
    let off = showing.lasted.abs_diff(paced);
    let wrong = [
        (showing.first > latest, "not from the start"),
        (showing.last + second < film.len(), "not to the end"),
        (off > paced / 20, "not at its pace"),
        (!complaints.is_empty(), "with complaints"),
    ];
    match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
        Some((_, what)) => Err(format!("{player:?} {what}: {showing:?} {complaints:#?}")),
        None => Ok(()),
    }
}

#[test]
fn h264_at_1080p_plays_everywhere() {
    // Six decoders of this size and the gateway are more than two cores can do, and three on a slow day.
    plays("street-1080p25-h264.mp4", (1920, 1080), 25, 2);
}

#[test]
fn h265_plays_everywhere() {
    plays("street-720p25-h265.mp4", (1280, 720), 25, 6);
}

#[test]
fn motion_jpeg_plays_everywhere() {
    plays("street-576p25-mjpeg-alaw.mov", (704, 576), 25, 6);
}

#[test]
fn h264_with_b_frames_plays_everywhere() {
    plays("street-720p12-h264-bframes.mp4", (1280, 720), 12, 6);
}

#[test]
fn h264_with_captions_plays_everywhere() {
    plays("street-576p25-h264-canary.h264", (704, 576), 25, 6);
}

#[test]
fn h264_that_changes_size_and_turns_grey_plays_everywhere() {
    plays("street-geometry-change.h264", (1280, 720), 25, 6);
}

/// The control of every test here: neither the slate, nor another camera, nor the same street at
/// another moment, nor a frozen picture passes for the film.
#[test]
fn nothing_but_the_film_passes_for_it() {
    let _turn = turn();
    if !can_run("the control") {
        return;
    }
    let whole = footage("street-576p25-mjpeg-alaw.mov", (704, 576), 25);
    let size = (whole.size.0 as usize, whole.size.1 as usize);
    let film = Film::decode(&whole.file, size);
    let at = Instant::now();
    let frames = |pictures: &[&Vec<u8>]| -> Vec<Frame> {
        pictures.iter().map(|luma| Frame { luma: (*luma).clone(), at }).collect()
    };
    let pictures: Vec<&Vec<u8>> = film.pictures().iter().collect();
    assert!(film.judge(&frames(&pictures)).is_ok(), "the film itself");
    let backwards: Vec<_> = pictures.iter().rev().copied().collect();
    assert!(film.judge(&frames(&backwards)).is_err(), "backwards");
    let twice: Vec<_> = pictures.iter().flat_map(|picture| [*picture; 2]).collect();
    assert!(matches!(film.judge(&frames(&twice)), Err(NotTheFilm::Pace { .. })), "at half speed");
    let every_other: Vec<_> = pictures.iter().step_by(2).copied().collect();
    assert!(matches!(film.judge(&frames(&every_other)), Err(NotTheFilm::Pace { .. })), "doubled");
    let frozen = [pictures[20]; 100];
    assert!(film.judge(&frames(&frozen)).is_err(), "one picture for ever");

    // The same place ten seconds later: all of it is like the film, but for what moves.
    let (earlier, later) = pictures.split_at(film.len() * 2 / 3);
    let earlier = Film::of(earlier, size);
    let judged = earlier.judge(&frames(later));
    assert!(judged.is_err(), "another moment: {judged:?}");

    // Live: first the slate, then a camera that films something else.
    let line = "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 \
                ! x264enc tune=zerolatency speed-preset=ultrafast ! rtph264pay name=pay0 pt=96 )";
    let other = |port| ForeignCamera::launch(port, line, None);
    let short = Film::of(&pictures[..50], size);
    let ffmpeg = [(Client::Ffmpeg, Transport::Tcp)];
    let watched = watch(&whole, &short, &ffmpeg, other).0.remove(0);
    assert!(watched.frames.len() > 50, "pictures of something came");
    let judged = film.judge(&watched.frames);
    assert!(matches!(judged, Err(NotTheFilm::OtherPictures { alike: 0, .. })), "{judged:?}");
}
