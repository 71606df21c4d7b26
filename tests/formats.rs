//! Whatever form a camera's pictures have, the same colours come out at the same place.
//!
//! Each camera draws seven bars in another form; the reader is FFmpeg, which goes by what the
//! published stream says of itself.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use cofferdam_canary::Kind;
use cofferdam_canary::capture::{deinterleave, payload};
use cofferdam_canary::client::{self, Transport};
use cofferdam_system_tests::foreign_camera::{self, ForeignCamera};
use cofferdam_system_tests::{CameraConfig, Gateway, GatewayConfig, until};

/// From left to right, in the upper two thirds of the picture.
const BARS: [[u8; 3]; 7] = [
    [255, 255, 255],
    [255, 255, 0],
    [0, 255, 255],
    [0, 255, 0],
    [255, 0, 255],
    [255, 0, 0],
    [0, 0, 255],
];

/// The most that a colour may be off: 8-bit steps through two encoders and two matrices.
const TOLERANCE: u8 = 8;

const RATE: u32 = 10;

const X264: &str = "x264enc speed-preset=ultrafast tune=zerolatency bitrate=2000 key-int-max=10 ! \
                    rtph264pay config-interval=-1 name=pay0 pt=96";
const X265: &str = "x265enc speed-preset=ultrafast tune=zerolatency bitrate=2000 key-int-max=10 \
                    option-string=\"pools=1:frame-threads=1\" ! \
                    rtph265pay config-interval=-1 name=pay0 pt=96";
const JPEG: &str = "jpegenc quality=85 ! rtpjpegpay name=pay0 pt=26";

/// Pixels three quarters as wide as they are high, as older cameras have them.
const NARROW: &str = "capssetter caps=\"video/x-raw,pixel-aspect-ratio=(fraction)3/4\" ! \
                      x264enc speed-preset=ultrafast tune=zerolatency bitrate=2000 key-int-max=10 ! \
                      rtph264pay config-interval=-1 name=pay0 pt=96";
const INTERLACED: &str = "interlace field-pattern=2:2 top-field-first=true ! \
                          x264enc speed-preset=superfast tune=zerolatency bitrate=2000 \
                          key-int-max=10 interlaced=true ! \
                          rtph264pay config-interval=-1 name=pay0 pt=96";

/// A camera: its pictures' form as raw caps, and how it encodes them.
struct Form {
    id: &'static str,
    caps: &'static str,
    encoder: &'static str,
    /// What it is published as.
    size: (u32, u32),
    /// Left edge and width of its picture in that.
    columns: (u32, u32),
    more: &'static str,
}

impl Form {
    const fn new(id: &'static str, caps: &'static str, encoder: &'static str) -> Self {
        Self { id, caps, encoder, size: (320, 240), columns: (0, 320), more: "" }
    }

    fn start(&self) -> ForeignCamera {
        let Self { caps, encoder, .. } = self;
        let line = format!(
            "( videotestsrc is-live=true pattern=smpte ! \
             video/x-raw,format=RGB,width=320,height=240,framerate={RATE}/1 ! \
             videoconvert dither=none ! video/x-raw,{caps} ! {encoder} )"
        );
        ForeignCamera::launch(0, &line, None)
    }

    fn config(&self, camera: &ForeignCamera) -> CameraConfig {
        let picture = (self.size.0, self.size.1, RATE);
        CameraConfig::new(self.id, &camera.url(), picture).with(self.more)
    }

    /// What is wrong with a picture of it as a reader sees it.
    fn complaint(&self, rgb: &[u8]) -> Option<String> {
        let (width, height) = self.size;
        let (left, columns) = self.columns;
        let at = |x: u32| {
            let first = ((height / 3 * width + x) * 3) as usize;
            [rgb[first], rgb[first + 1], rgb[first + 2]]
        };
        let bar = |n: u32| left + columns * (2 * n + 1) / 14;
        let bars = (0..7).map(bar).zip(BARS);
        let beside = [left / 2, width - left / 2 - 1].map(|x| (x, [0; 3]));
        bars.chain(beside.into_iter().filter(|_| left > 0)).find_map(|(x, expected)| {
            let found = at(x);
            let off = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
            (off > Some(TOLERANCE))
                .then(|| format!("{}: {found:?} for {expected:?} at {x}", self.id))
        })
    }
}

/// The first picture that a reader gets, converted by what the stream says.
fn first_picture(url: &str, (width, height): (u32, u32)) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-analyzeduration", "500000"])
        .args(["-rtsp_transport", "tcp", "-i", url, "-frames:v", "1"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout.len(), (width * height * 3) as usize, "{said}");
    output.stdout
}

/// How the fields of a stream's pictures are ordered, as FFmpeg reads it.
fn field_order(url: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=field_order"])
        .args(["-of", "csv=p=0", url])
        .output()
        .expect("ffprobe runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The sequence parameter sets that a reader is sent in the stream, each once (RFC 6184 §5.2).
fn parameter_sets(gateway: &Gateway, id: &str) -> BTreeSet<Vec<u8>> {
    let done = |packets, lasted| packets > 60 && lasted > Duration::from_secs(2);
    let mount = format!("{id}/main");
    let seen = client::watch(gateway.rtsp, &mount, Transport::Tcp, done).unwrap();
    assert_eq!(seen.status, 200, "{id}");
    let Kind::Rtsp(bytes) = &seen.captures[0].kind else { panic!("{id}: no RTSP") };
    let packets = deinterleave(bytes).1.into_iter().flat_map(|(_, packets)| packets);
    let payloads = packets.filter_map(|packet| payload(&packet).map(<[u8]>::to_vec));
    let is_set = |unit: &Vec<u8>| unit.first().is_some_and(|header| header & 0x1F == 7);
    payloads.flat_map(nal_units).filter(is_set).collect()
}

/// The NAL units of a payload that is one, or an aggregate of some (RFC 6184 §5.7.1).
fn nal_units(payload: Vec<u8>) -> Vec<Vec<u8>> {
    const STAP_A: u8 = 24;
    if payload.first().is_none_or(|header| header & 0x1F != STAP_A) {
        return vec![payload];
    }
    let mut units = Vec::new();
    let mut rest = &payload[1..];
    while let [high, low, following @ ..] = rest {
        let (unit, after) = following.split_at(u16::from_be_bytes([*high, *low]).into());
        units.push(unit.to_vec());
        rest = after;
    }
    units
}

#[test]
fn every_form_of_picture_comes_out_in_the_same_colours() {
    if !foreign_camera::available("every_form_of_picture_comes_out_in_the_same_colours") {
        return;
    }
    let forms = [
        Form::new("h264-420", "format=I420,colorimetry=bt709", X264),
        Form::new("h264-601", "format=I420,colorimetry=bt601", X264),
        Form::new("h264-full", "format=I420,colorimetry=(string)1:3:5:1", X264),
        Form::new("h265-full-601", "format=I420,colorimetry=(string)1:4:0:0", X265),
        Form::new("jpeg-420", "format=I420,colorimetry=(string)1:4:0:0", JPEG),
        Form::new("jpeg-422", "format=Y42B,colorimetry=(string)1:4:0:0", JPEG),
        Form {
            size: (320, 180),
            columns: (40, 240),
            ..Form::new("pillars", "format=I420,colorimetry=bt709", X264)
        },
        Form { columns: (40, 240), ..Form::new("narrow", "format=I420,colorimetry=bt709", NARROW) },
        Form::new("interlaced", "format=I420,colorimetry=bt709", INTERLACED),
        Form {
            more: "encoder = { name = \"openh264\" }",
            ..Form::new("openh264", "format=I420,colorimetry=bt709", X264)
        },
    ];
    // More than eight bits, and more chroma than any camera's H.264 has, are forms that are refused,
    // and said to be.
    let refused = [
        Form::new("h264-422", "format=Y42B,colorimetry=bt709", X264),
        Form::new("h264-444", "format=Y444,colorimetry=bt709", X264),
        Form::new("h264-10", "format=I420_10LE,colorimetry=bt709", X264),
        Form::new("h265-10", "format=I420_10LE,colorimetry=bt709", X265),
    ];
    let all = || forms.iter().chain(&refused);
    let cameras: Vec<_> = all().map(Form::start).collect();
    let interlaced = forms.iter().position(|form| form.id == "interlaced").expect("one of them");
    let order = field_order(&cameras[interlaced].url());
    assert!(["tt", "bb", "tb", "bt"].contains(&order.as_str()), "the camera sends {order:?}");
    let config = GatewayConfig::open(all().zip(&cameras).map(|(form, c)| form.config(c)).collect());
    let gateway = Gateway::start(&config);

    let mut complaints = Vec::new();
    let mut published = BTreeMap::new();
    for form in &forms {
        let labels = [&format!("camera=\"{}\"", form.id), "state=\"live\""];
        until(Duration::from_secs(40), &format!("{}: pictures", form.id), || {
            (gateway.metrics().value("cofferdam_camera_state", &labels) == Some(1.0)).then_some(())
        });
        // Whoever comes while the slate goes may have it as the first picture.
        let complaint = || {
            let picture = first_picture(&gateway.url(&format!("{}/main", form.id)), form.size);
            form.complaint(&picture)
        };
        complaints.extend((0..3).map_while(|_| complaint()).nth(2));
        published.insert(form.id, parameter_sets(&gateway, form.id));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    // What a stream says of its colours is no word of the camera's: whatever that has, a reader is sent
    // the same bytes. The control: another size or encoder has others.
    let one = &published["h264-420"];
    assert_eq!(one.len(), 1, "{one:?}");
    for (form, sets) in &published {
        let differs = ["pillars", "openh264"].contains(form);
        assert_eq!(sets != one, differs, "{form}: {sets:?} beside {one:?}");
    }
    for form in &refused {
        let labels = [&format!("camera=\"{}\"", form.id), "fault=\"unsupported_picture\""];
        gateway.wait_for_metric("cofferdam_camera_faults_total", &labels, |faults| faults >= 1.0);
    }
}
