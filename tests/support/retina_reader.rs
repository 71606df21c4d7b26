//! The crate retina as a reader: it takes access units, and FFmpeg decodes them.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use retina::client::{
    Credentials, PlayOptions, Session, SessionOptions, SetupOptions, Transport as Way,
};
use retina::codec::{CodecItem, FrameFormat};
use url::Url;

use crate::player::Transport;

/// Between two pictures, in seconds.
const LONGEST_JUMP: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Reads `url` in a thread and writes what it gets to the decoder, until that is gone. Whatever is wrong goes
/// to `said`.
pub(crate) fn start(
    transport: Transport,
    url: &str,
    decoder: ChildStdin,
    said: &Arc<Mutex<String>>,
) {
    let (url, said) = (url.to_owned(), Arc::clone(said));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let read = runtime.expect("a runtime").block_on(read(transport, &url, decoder));
        if let Err(error) = read {
            said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{error}\n"));
        }
    });
}

/// Ends well when the decoder does.
async fn read(transport: Transport, url: &str, mut decoder: ChildStdin) -> Result<(), String> {
    let mut url = Url::parse(url).map_err(|error| error.to_string())?;
    let credentials = url.password().map(|password| Credentials {
        username: url.username().to_owned(),
        password: password.to_owned(),
    });
    // It takes them beside the URL only.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let way = match transport {
        Transport::Tcp => Way::Tcp(Default::default()),
        Transport::Udp => Way::Udp(Default::default()),
        Transport::Http => return Err("retina has no way through HTTP".into()),
    };
    let told = |error: retina::Error| error.to_string();
    let options = SessionOptions::default().creds(credentials);
    let mut session = Session::describe(url, options).await.map_err(told)?;
    let setup = SetupOptions::default().transport(way).frame_format(FrameFormat::SIMPLE);
    session.setup(0, setup).await.map_err(told)?;
    // As Moonfire NVR does: whatever goes back in time ends the session, and so does a first picture from
    // before the first report.
    let play = PlayOptions::default().enforce_timestamps_with_max_jump_secs(LONGEST_JUMP);
    let playing = session.play(play).await.map_err(told)?;
    let mut units = playing.demuxed().map_err(told)?;
    let mut last = None;
    while let Some(item) = units.next().await {
        let CodecItem::VideoFrame(unit) = item.map_err(told)? else { continue };
        let time = unit.timestamp().elapsed();
        match last.replace(time) {
            None if !unit.is_random_access_point() => {
                return Err("the first access unit is no key frame".into());
            }
            Some(last) if time <= last => return Err(format!("time {time} comes after {last}")),
            _ => {}
        }
        if unit.loss() > 0 {
            return Err(format!("{} packets are lost", unit.loss()));
        }
        if decoder.write_all(unit.data()).is_err() {
            return Ok(());
        }
    }
    Err("the stream has ended".into())
}
