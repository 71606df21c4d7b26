//! Whether an encoder works here: asked by `cofferdam check`, before anything is published with it.

use std::io::Write;
use std::sync::Arc;

use cofferdam_encode_link::{EncoderName, EncoderSettings, Preset, Profile};
use cofferdam_picture::{FrameRate, Geometry};

use crate::boot::Exit;
use crate::encoder::{self, EncoderError, MountEncoder, Target};
use crate::slate::{DEFAULT_CAUSE, Slate, UtcSecond};

/// Loads the encoder `name`, encodes one slate with it and writes a line of JSON: whether that went
/// well, the element, and which plugin of which version it came from.
///
/// # Errors
/// When the name is unknown, the plugin does not load or the slate does not become a key frame;
/// nothing is written then.
pub fn check(name: &str, out: &mut impl Write) -> Result<(), Exit> {
    let quoted = serde_json::Value::from(name);
    let name: EncoderName = serde_json::from_value(quoted).map_err(|_| Exit::Usage)?;
    let plugin = encoder::load(name)?;
    let bytes = encode_slate(name)?.ok_or(Exit::Encoder)?;
    let report = serde_json::json!({
        "ok": true,
        "element": encoder::element(name),
        "plugin": plugin.name,
        "version": plugin.version,
        "file": plugin.path,
        "bytes": bytes,
    });
    writeln!(out, "{report}").map_err(|_| Exit::Pipe)
}

fn encode_slate(name: EncoderName) -> Result<Option<usize>, EncoderError> {
    const WIDTH: u32 = 640;
    const HEIGHT: u32 = 360;
    let (Ok(geometry), Ok(rate), Ok(camera)) =
        (Geometry::new(WIDTH, HEIGHT), FrameRate::new(25), "check".parse())
    else {
        return Ok(None);
    };
    let settings = EncoderSettings {
        name,
        preset: Preset::Superfast,
        profile: Profile::Main,
        quality: 25,
        max_kbps: 4000,
        gop_seconds: 2,
    };
    let target = Target { geometry, rate, max_kbps: settings.max_kbps };
    let mut encoder = MountEncoder::new(&settings, target)?;
    let mut slate = Slate::new(camera, geometry, false);
    let picture = Arc::clone(slate.picture(DEFAULT_CAUSE, UtcSecond::now()));
    let unit = encoder.encode(&picture, true)?;
    Ok(unit.filter(|unit| unit.is_key()).map(|unit| unit.as_ref().len()))
}
