//! What is this camera? A report for people at a terminal, and a `[[camera]]` block to begin with.
//!
//! The only place where a camera's words are shown, and there only escaped.

mod request;

use std::io::{self, Write};
use std::time::Duration;

use cofferdam_ingest_boot::Colour;
use cofferdam_pad_codec::DecodedPicture;
use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_picture_ring::{Codec, Fault};
use cofferdam_picture_scale::SourceShape;
use cofferdam_unit_filter::{Refusal, Tally};
use tokio::time::{Instant, timeout_at};

use crate::convert::{Layout, Range, Source};
use crate::decode::{DecodeError, PictureDecoder};
use crate::meter::Meter;
use crate::pump::codec_name;
use crate::resolve::is_unreached;
use crate::session::{AccessUnits, Camera, Described, Interruption, Track, describe};

pub use request::{ProbeRequest, request};

/// The rate is measured for at least this long.
const LEAST_WATCH: Duration = Duration::from_secs(3);
/// Key frames are waited for at most this long.
const MOST_WATCH: Duration = Duration::from_secs(12);
/// Key frames after which the distance between them is known, and whether it varies.
const ENOUGH_KEYS: usize = 3;
/// Longer between key frames is not what a camera does for a recorder's sake. In seconds.
const LONG_GOP: f64 = 4.0;
/// Characters of a camera's text that are shown.
const LONGEST_TEXT: usize = 120;

/// Looks at the camera and prints what it found to `output`. Returns whether the camera is one that can
/// be read.
pub async fn probe(request: &ProbeRequest, output: &mut impl Write) -> bool {
    match report(request, output).await {
        Ok(Ok(())) => true,
        Ok(Err(fault)) => {
            let _ = writeln!(output, "result           {}", explain(fault));
            false
        }
        // Nobody is reading.
        Err(_) => false,
    }
}

/// The description, from the first address that answers.
async fn reach(request: &ProbeRequest) -> Result<Described, Fault> {
    let urls = match request.pinned.as_slice() {
        [] => std::slice::from_ref(&request.url),
        pinned => pinned,
    };
    // Somebody watches.
    let meter = Meter::default();
    let mut reached = Err(Fault::NameNotResolved);
    for url in urls {
        let camera = Camera {
            url,
            credentials: request.credentials.as_ref(),
            basic_allowed: request.basic_allowed,
            meter: &meter,
        };
        reached = describe(&camera).await;
        if !reached.as_ref().is_err_and(|fault| is_unreached(*fault)) {
            break;
        }
    }
    reached
}

async fn report(request: &ProbeRequest, output: &mut impl Write) -> io::Result<Result<(), Fault>> {
    let described = match reach(request).await {
        Ok(described) => described,
        Err(fault) => return Ok(Err(fault)),
    };
    writeln!(output, "connection       ok")?;
    let offered = described.challenges().map_or("none asked for".to_owned(), escaped);
    writeln!(output, "authentication   {offered}")?;
    writeln!(output, "answered with    {}", described.answered().unwrap_or("nothing"))?;
    for (index, track) in described.tracks().iter().enumerate() {
        let Track { media, encoding, payload_type, clock_rate } = track;
        let (media, encoding) = (escaped(media), escaped(encoding));
        writeln!(
            output,
            "stream {index:<10}{media} {encoding}, payload type {payload_type}, {clock_rate} Hz"
        )?;
    }
    let chosen = match described.choose() {
        Ok(chosen) => chosen,
        Err(fault) => return Ok(Err(fault)),
    };
    writeln!(output, "chosen           stream {}, {}", chosen.0, codec_name(chosen.1))?;
    let Ok(decoder) = PictureDecoder::open(chosen.1) else {
        return Ok(Err(Fault::WorkerSetup));
    };
    let watched = match described.play(chosen, &Meter::default()).await {
        Ok(units) => watch(units, decoder, request.colour).await,
        Err(fault) => Err(fault),
    };
    match watched {
        Ok(findings) => {
            findings.print(output)?;
            findings.print_block(request, output)?;
            Ok(Ok(()))
        }
        Err(fault) => Ok(Err(fault)),
    }
}

/// What a picture is, of those of a stream.
#[derive(Clone, Debug)]
struct Look {
    width: u32,
    height: u32,
    pixel_aspect: (u32, u32),
    layout: Layout,
    range: Range,
    interlaced: bool,
}

#[derive(Debug, Default)]
struct Findings {
    look: Option<Look>,
    changes: u32,
    units: u32,
    bytes: u64,
    seconds: f64,
    lost: u64,
    damage: u32,
    /// When key frames arrived, in seconds.
    keys: Vec<f64>,
    reordered: bool,
    filtered: Tally,
}

async fn watch(
    mut units: AccessUnits,
    mut decoder: PictureDecoder,
    silent: Colour,
) -> Result<Findings, Fault> {
    let began = Instant::now();
    let mut findings = Findings::default();
    let mut first = None;
    let mut newest = i64::MIN;
    loop {
        let elapsed = began.elapsed();
        let known = findings.keys.len() >= ENOUGH_KEYS && findings.look.is_some();
        if elapsed >= MOST_WATCH || (elapsed >= LEAST_WATCH && known) {
            break;
        }
        let unit = match timeout_at(began + MOST_WATCH, units.next()).await {
            Ok(Ok(unit)) => unit,
            Ok(Err(Interruption::Damage)) => {
                findings.damage += 1;
                continue;
            }
            // What was seen of a short stream is worth telling.
            Ok(Err(_)) if findings.look.is_some() => break,
            Ok(Err(Interruption::Closed)) => return Err(Fault::StreamEnded),
            Ok(Err(Interruption::End(fault))) => return Err(fault),
            Err(_) => break,
        };
        let first = *first.get_or_insert(unit.arrived);
        findings.seconds = unit.arrived.since(first).as_secs_f64();
        findings.units += 1;
        findings.bytes += unit.data.len() as u64;
        findings.lost += unit.lost_packets;
        findings.reordered |= unit.timestamp < newest;
        newest = newest.max(unit.timestamp);
        if unit.random_access {
            findings.keys.push(findings.seconds);
        }
        if findings.keys.is_empty() {
            continue;
        }
        let codec = decoder.codec();
        match decoder.push(unit) {
            Err(DecodeError::Refused(Refusal::Unsupported)) => {
                return Err(Fault::UnsupportedPicture);
            }
            Err(_) => findings.damage += 1,
            Ok((pictures, _)) => {
                for arrived in pictures {
                    findings.look_at(&arrived.picture, codec, silent)?;
                }
            }
        }
    }
    findings.filtered = decoder.take_filtered();
    if findings.units == 0 { Err(Fault::NoPictures) } else { Ok(findings) }
}

impl Findings {
    fn look_at(
        &mut self,
        picture: &DecodedPicture,
        codec: Codec,
        silent: Colour,
    ) -> Result<(), Fault> {
        let source = Source::new(picture, codec, silent).map_err(|_| Fault::UnsupportedPicture)?;
        let Source { width, height, pixel_aspect, layout, range, interlaced, .. } = source;
        SourceShape::new(width, height, pixel_aspect).map_err(|_| Fault::UnsupportedPicture)?;
        if let Some(look) = &self.look {
            self.changes += u32::from((look.width, look.height) != (width, height));
        }
        self.look = Some(Look { width, height, pixel_aspect, layout, range, interlaced });
        Ok(())
    }

    /// Pictures a second, as they arrived.
    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { f64::from(self.units - 1) / self.seconds } else { 0.0 }
    }

    /// Seconds between key frames: the shortest and the longest.
    fn gop(&self) -> Option<(f64, f64)> {
        let gaps = self.keys.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.fold(None, |range, gap| {
            let (least, most) = range.unwrap_or((gap, gap));
            Some((gap.min(least), gap.max(most)))
        })
    }

    fn print(&self, output: &mut impl Write) -> io::Result<()> {
        match &self.look {
            None => writeln!(output, "picture          none could be decoded")?,
            Some(look) => {
                let (across, down) = look.pixel_aspect;
                let scan = if look.interlaced { "interlaced" } else { "progressive" };
                writeln!(
                    output,
                    "picture          {}x{}, pixel aspect {across}:{down}, {:?}, {:?} range, {scan}",
                    look.width, look.height, look.layout, look.range
                )?;
            }
        }
        if self.changes > 0 {
            writeln!(output, "size changes     {} while watched", self.changes)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let kbps = self.bytes as f64 * 8.0 / 1000.0 / self.seconds.max(0.001);
        writeln!(
            output,
            "rate             {:.2} pictures/s, {kbps:.0} kbit/s over {:.1} s",
            self.rate(),
            self.seconds
        )?;
        writeln!(output, "B-frames         {}", if self.reordered { "yes" } else { "no" })?;
        writeln!(output, "packets lost     {}, damaged {}", self.lost, self.damage)?;
        let filtered: Vec<String> =
            self.filtered.iter().map(|(kind, count)| format!("{count} {}", kind.label())).collect();
        if !filtered.is_empty() {
            writeln!(output, "left out         {}", filtered.join(", "))?;
        }
        match self.gop() {
            Some((_, most)) if self.keys.len() == self.units as usize => {
                writeln!(output, "key frames       every picture (within {most:.2} s)")
            }
            None => writeln!(
                output,
                "key frames       {} in {:.1} s: suspect a \"smart\" codec (H.264+, H.265+), and \
                 turn it off",
                self.keys.len(),
                self.seconds
            ),
            Some((least, most)) => {
                writeln!(output, "key frames       every {least:.1} to {most:.1} s")?;
                let varies = most > least * 1.5 && most > 1.0;
                if most > LONG_GOP || varies {
                    writeln!(
                        output,
                        "warning          long or varying distance between key frames: suspect a \
                         \"smart\" codec (H.264+, H.265+), and turn it off"
                    )?;
                }
                Ok(())
            }
        }
    }

    fn print_block(&self, request: &ProbeRequest, output: &mut impl Write) -> io::Result<()> {
        let Some(geometry) = self.look.as_ref().and_then(Look::square) else { return Ok(()) };
        let colour = match request.colour {
            Colour::Bt709 => "bt709",
            Colour::Bt601 => "bt601",
        };
        writeln!(output)?;
        writeln!(output, "[[camera]]")?;
        writeln!(output, "id = \"camera\"")?;
        writeln!(output, "url = \"{}\"", escaped_whole(&request.url))?;
        if let Some(credentials) = &request.credentials {
            writeln!(output, "username = \"{}\"", escaped_whole(&credentials.username))?;
            let file = request.password_file.as_deref().unwrap_or("/run/secrets/camera");
            writeln!(output, "password_file = \"{}\"", escaped_whole(file))?;
        }
        if request.basic_allowed {
            writeln!(output, "basic = true")?;
        }
        writeln!(
            output,
            "picture = {{ width = {}, height = {}, fps = {} }}",
            geometry.width(),
            geometry.height(),
            whole_rate(self.rate()).per_second()
        )?;
        writeln!(output, "colour = \"{colour}\"")
    }
}

impl Look {
    /// The size with square pixels, even, and small enough to publish.
    fn square(&self) -> Option<Geometry> {
        let aspect = match self.pixel_aspect {
            (0, _) | (_, 0) => 1.0,
            (across, down) => f64::from(across) / f64::from(down),
        };
        // Pixels wider than high make the picture wider, narrow ones make it higher.
        let (width, height) =
            (f64::from(self.width) * aspect.max(1.0), f64::from(self.height) / aspect.min(1.0));
        let most = (f64::from(Geometry::MAX_WIDTH) / width)
            .min(f64::from(Geometry::MAX_HEIGHT) / height)
            .min(1.0);
        Geometry::new(even(width * most), even(height * most)).ok()
    }
}

/// The nearest even number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as: saturates")]
fn even(value: f64) -> u32 {
    (value / 2.0).round() as u32 * 2
}

/// Stands in for a rate that is no number.
const ORDINARY_RATE: FrameRate = match FrameRate::new(25) {
    Ok(rate) => rate,
    Err(_) => unreachable!(),
};

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn whole_rate(rate: f64) -> FrameRate {
    let whole = rate.round().clamp(1.0, 60.0) as u32;
    FrameRate::new(whole).unwrap_or(ORDINARY_RATE)
}

/// What a fault means for somebody who is setting up a camera.
fn explain(fault: Fault) -> &'static str {
    match fault {
        Fault::ConnectionRefused => "the camera refused the connection: is this its RTSP port?",
        Fault::ConnectTimeout => "the camera does not answer at this address",
        Fault::Unreachable => "there is no route to the camera",
        Fault::NameNotResolved => "the host name does not resolve",
        Fault::AuthenticationFailed => "401: user name or password are wrong, or missing",
        Fault::BasicNotAllowed => {
            "the camera asks for HTTP Basic, which shows the password on the wire: allow it with \
             basic = true, or turn Digest on in the camera"
        }
        Fault::Forbidden => "403: not allowed, or too many users",
        Fault::NotFound => "404: there is no stream at this path",
        Fault::CameraBusy => "453 or 503: the camera has no capacity for another session",
        Fault::RtspStatus => "the camera refused with another status",
        Fault::ResponseTimeout => "the camera took the connection and did not answer in time",
        Fault::ProtocolViolation => "what the camera sent is not RTSP, or breaks its rules",
        Fault::NoVideo => "there is no video among the streams",
        Fault::UnsupportedCodec => "the video is none of H.264, H.265, Motion JPEG",
        Fault::UnsupportedPicture => {
            "the video is none of H.264 Baseline, Main or High and H.265 Main in 8-bit 4:2:0, or \
             larger than 3840x2160: choose another profile in the camera"
        }
        Fault::StreamRefused => "the video breaks the rules of its format",
        Fault::NoPictures => "the camera plays and sends no video",
        Fault::StreamEnded | Fault::ConnectionLost => "the camera closed the connection",
        Fault::WorkerSetup => "the decoder could not be started: is its GStreamer plugin there?",
        fault => fault.label(),
    }
}

/// `text` as it may be shown: printable ASCII, and not too much of it.
fn escaped(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_TEXT).map(escape).collect();
    if text.chars().nth(LONGEST_TEXT).is_some() {
        shown.push_str("...");
    }
    shown
}

/// All of `text` as a TOML string wants it, for what the user typed.
fn escaped_whole(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            ' '..='~' => c.to_string(),
            c => format!("\\U{:08X}", u32::from(c)),
        })
        .collect()
}

fn escape(c: char) -> String {
    match c {
        // A backslash begins an escape, and so must be one.
        '\\' => "\\\\".to_owned(),
        ' '..='~' => c.to_string(),
        c => c.escape_default().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cameras_text_cannot_move_the_cursor() {
        let shown = escaped("a\x1b[31m\r\n\u{202e}\u{9b}é\\\"\0");
        assert_eq!(shown, r#"a\u{1b}[31m\r\n\u{202e}\u{9b}\u{e9}\\"\u{0}"#);
        assert_eq!(escaped(&"x".repeat(500)).len(), LONGEST_TEXT + 3);
    }

    #[test]
    fn what_the_user_typed_survives_toml() {
        assert_eq!(escaped_whole("rtsp://h/a?b=\"c\"\\d\n"), r#"rtsp://h/a?b=\"c\"\\d\U0000000A"#);
    }

    #[test]
    fn the_suggested_size_has_square_pixels_and_can_be_published() {
        let look = |width, height, pixel_aspect| {
            let (layout, range) = (Layout::Yuv420, Range::Limited);
            Look { width, height, pixel_aspect, layout, range, interlaced: false }.square()
        };
        let size = |w, h| Some(Geometry::new(w, h).unwrap());
        assert_eq!(look(1920, 1080, (1, 1)), size(1920, 1080));
        assert_eq!(look(704, 576, (12, 11)), size(768, 576));
        assert_eq!(look(720, 480, (8, 9)), size(720, 540));
        assert_eq!(look(641, 361, (0, 1)), size(642, 362));
        assert_eq!(look(2160, 3840, (1, 1)), size(1216, 2160));
    }

    #[test]
    fn rates_are_whole_and_in_range() {
        for (rate, whole) in [(0.0, 1), (24.97, 25), (12.5, 13), (120.0, 60), (f64::NAN, 25)] {
            assert_eq!(whole_rate(rate).per_second(), whole);
        }
    }

    #[test]
    fn key_frame_distances() {
        let findings = Findings { keys: vec![0.0, 2.0, 6.5], ..Findings::default() };
        assert_eq!(findings.gop(), Some((2.0, 4.5)));
        assert_eq!(Findings { keys: vec![1.0], ..Findings::default() }.gop(), None);
    }
}
