//! One `[[camera]]` table, validated.

use std::path::PathBuf;

use cofferdam_encode_link::{EncoderName, EncoderSettings, Preset, Profile};
use cofferdam_ingest_boot::Colour;
use cofferdam_picture::{FrameRate, Geometry};
use url::Url;

use super::file;
use super::listeners::aliases;
use super::multicast::group;
use super::validate::{Found, address, duration, one_of, within};
use super::{Account, AfterHold, Camera, SignalLoss};

/// Validates one camera; `None` when anything in it is wrong, which `found` then says.
pub(crate) fn camera(raw: &file::Camera, found: &mut Found) -> Option<Camera> {
    let key = |name: &str| format!("camera {}: {name}", raw.id);
    let mut own = Found::new();
    let id = match raw.id.parse() {
        Ok(id) => Some(id),
        Err(error) => {
            own.push((key("id"), format!("{error}")));
            None
        }
    };
    let url = url(&raw.url, &key("url"), &mut own);
    let account = account(raw, &key, &mut own);
    let geometry = geometry(raw.picture.width, raw.picture.height, &key("picture"), &mut own);
    let rate = match u32::try_from(raw.picture.fps).map(FrameRate::new) {
        Ok(Ok(rate)) => Some(rate),
        _ => {
            let what = format!("expected 1 to 60 pictures a second, found {}", raw.picture.fps);
            own.push((key("picture.fps"), what));
            None
        }
    };
    let encoder = encoder(&raw.encoder, &key, &mut own);
    let sub = geometry.and_then(|main| sub(&raw.sub, main, &key("sub"), &mut own));
    let signal_loss = signal_loss(&raw.signal_loss, &key, &mut own);
    let colours = [("bt709", Colour::Bt709), ("bt601", Colour::Bt601)];
    let colour = one_of(&raw.colour, &colours, &key("colour"), &mut own);
    let max_jitter = duration(&raw.max_jitter, ("0ms", "200ms"), &key("max_jitter"), &mut own);
    if raw.transport != "tcp" {
        let what = format!(
            "expected \"tcp\", found {:?}: over UDP the camera would choose where packets come from",
            raw.transport
        );
        own.push((key("transport"), what));
    }
    let listen = raw.listen.as_deref().map(|text| address(text, &key("listen"), &mut own));
    aliases(&raw.aliases, &key("aliases"), &mut own);
    aliases(&raw.sub.aliases, &key("sub.aliases"), &mut own);
    let multicast = group(raw.multicast.as_ref(), &key("multicast"), &mut own);
    let sub_multicast = group(raw.sub.multicast.as_ref(), &key("sub.multicast"), &mut own);
    let valid = own.is_empty();
    found.append(&mut own);
    if !valid {
        return None;
    }
    Some(Camera {
        listen: listen.flatten(),
        aliases: raw.aliases.clone(),
        sub_aliases: raw.sub.aliases.clone(),
        multicast,
        sub_multicast,
        id: id?,
        url: url?,
        account,
        geometry: geometry?,
        rate: rate?,
        encoder: encoder?,
        sub: sub?,
        signal_loss: signal_loss?,
        basic: raw.basic,
        colour: colour?,
        max_jitter: max_jitter?,
    })
}

fn url(text: &str, key: &str, found: &mut Found) -> Option<Url> {
    let mut refuse = |what: String| {
        found.push((key.to_owned(), what));
        None
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        // The text may hold a password in the wrong place: it is not quoted.
        Err(error) => return refuse(format!("expected rtsp://host[:port]/path, found {error}")),
    };
    if url.scheme() != "rtsp" {
        return refuse(format!("expected the scheme rtsp, found {:?}", url.scheme()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return refuse("expected a host, found none".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            "expected no user or password (they go into `username` and `password_file`), found some"
                .into(),
        );
    }
    if url.port() == Some(0) {
        return refuse("expected a port of 1 to 65535, found 0".into());
    }
    Some(url)
}

fn account(
    raw: &file::Camera,
    key: &impl Fn(&str) -> String,
    found: &mut Found,
) -> Option<Account> {
    match (&raw.username, &raw.password_file) {
        (Some(username), Some(file)) => {
            if username.is_empty() || username.chars().any(|c| c.is_control() || c == ':') {
                let what = "expected a name without colons or control characters, found another";
                found.push((key("username"), what.into()));
            }
            if *file == PathBuf::new() {
                found.push((key("password_file"), "expected a path, found nothing".into()));
            }
            Some(Account { username: username.clone(), password_file: file.clone() })
        }
        (Some(_), None) => {
            found.push((key("password_file"), "expected one with `username`, found none".into()));
            None
        }
        (None, Some(_)) => {
            found.push((key("username"), "expected one with `password_file`, found none".into()));
            None
        }
        (None, None) => None,
    }
}

fn geometry(width: i64, height: i64, key: &str, found: &mut Found) -> Option<Geometry> {
    let sides = (u32::try_from(width), u32::try_from(height));
    let error = match sides {
        (Ok(width), Ok(height)) => match Geometry::new(width, height) {
            Ok(geometry) => return Some(geometry),
            Err(error) => error.to_string(),
        },
        _ => format!("expected 16x16 to 3840x2160, found {width}x{height}"),
    };
    found.push((key.into(), error));
    None
}

fn sub(raw: &file::Sub, main: Geometry, key: &str, found: &mut Found) -> Option<Geometry> {
    let smaller = |sub: Geometry| sub.width() <= main.width() && sub.height() <= main.height();
    match (raw.width, raw.height) {
        (None, None) => {
            let usual = Geometry::new(640, 360).ok()?;
            Some(if smaller(usual) { usual } else { main })
        }
        (Some(width), Some(height)) => {
            let sub = geometry(width, height, key, found)?;
            if !smaller(sub) {
                let what = format!("expected at most the main size {main}, found {sub}");
                found.push((key.into(), what));
            }
            Some(sub)
        }
        _ => {
            found.push((key.into(), "expected both width and height, found one".into()));
            None
        }
    }
}

fn encoder(
    raw: &file::Encoder,
    key: &impl Fn(&str) -> String,
    found: &mut Found,
) -> Option<EncoderSettings> {
    let names = [("x264", EncoderName::X264), ("openh264", EncoderName::Openh264)];
    let presets = [
        Preset::Ultrafast,
        Preset::Superfast,
        Preset::Veryfast,
        Preset::Faster,
        Preset::Fast,
        Preset::Medium,
    ]
    .map(|preset| (preset.as_str(), preset));
    let profiles = [Profile::Main, Profile::High].map(|profile| (profile.as_str(), profile));
    let name = one_of(&raw.name, &names, &key("encoder.name"), found);
    let preset = one_of(&raw.preset, &presets, &key("encoder.preset"), found);
    let profile = one_of(&raw.profile, &profiles, &key("encoder.profile"), found);
    let quality = within(raw.quality, 10, 51, &key("encoder.quality"), found);
    let max_kbps = within(raw.max_kbps, 100, 100_000, &key("encoder.max_kbps"), found);
    let gop_seconds = within(raw.gop_seconds, 1, 10, &key("encoder.gop_seconds"), found);
    Some(EncoderSettings {
        name: name?,
        preset: preset?,
        profile: profile?,
        quality: quality?,
        max_kbps: max_kbps?,
        gop_seconds: gop_seconds?,
    })
}

/// How a camera is encoded that says nothing about it; `None` would be a bug in the defaults.
pub(crate) fn default_encoder() -> Option<EncoderSettings> {
    encoder(&file::Encoder::default(), &|name| name.to_owned(), &mut Found::new())
}

fn signal_loss(
    raw: &file::SignalLoss,
    key: &impl Fn(&str) -> String,
    found: &mut Found,
) -> Option<SignalLoss> {
    let stale_key = key("signal_loss.stale_after");
    let stale_after = duration(&raw.stale_after, ("100ms", "60s"), &stale_key, found);
    let hold = duration(&raw.hold, ("0s", "1day"), &key("signal_loss.hold"), found);
    let names = [("disconnect", AfterHold::Disconnect), ("slate", AfterHold::Slate)];
    let then = one_of(&raw.then, &names, &key("signal_loss.then"), found);
    Some(SignalLoss { stale_after: stale_after?, hold: hold?, then: then? })
}
