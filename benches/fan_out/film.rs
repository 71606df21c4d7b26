//! The access units that both servers serve: 1080p at 25 pictures a second, 4 Mbit/s, a key frame every
//! two seconds, made by `ffmpeg` with libx264 as it is set in the gateway.
//!
//! The file is a row of `length (u32, little-endian) | key (u8) | Annex B bytes`; each unit has room for
//! its stamp at the end. Readers do not decode.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use cofferdam_publish::verified_nal_units;

use crate::stamp::{self, Stamp};

/// Pictures a second.
pub(crate) const RATE: u32 = 25;
const SECONDS: u32 = 20;
const START: [u8; 4] = [0, 0, 0, 1];

/// One access unit, its last bytes to be overwritten with a stamp.
#[derive(Clone, Debug)]
pub(crate) struct FilmUnit {
    pub(crate) key: bool,
    pub(crate) bytes: Vec<u8>,
}

/// A film in a file.
pub(crate) struct Film {
    pub(crate) path: PathBuf,
    units: usize,
    bytes: usize,
    largest: usize,
    delimiters: bool,
}

impl Film {
    pub(crate) fn describe(&self) -> String {
        let seconds = self.units / RATE as usize;
        format!(
            "film     1920x1080 at {RATE}, {} units{}, {:.2} Mbit/s, largest unit {} bytes",
            self.units,
            if self.delimiters { " with delimiters" } else { "" },
            self.bytes as f64 * 8.0 / seconds.max(1) as f64 / 1e6,
            self.largest
        )
    }
}

/// Makes the film in `folder`, with an access unit delimiter (H.264 §7.3.2.4) in front of each unit or, as the
/// gateway's own encoder is set, without.
pub(crate) fn make(folder: &Path, delimiters: bool) -> anyhow::Result<Film> {
    let parameters = format!(
        "keyint=50:min-keyint=50:scenecut=0:slices=1:sliced-threads=0:aud={}",
        u8::from(delimiters)
    );
    let encoded = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i"])
        // Drifting noise over a drawn picture needs the whole rate, as a street with leaves does.
        .arg(format!("testsrc2=size=1920x1080:rate={RATE}:duration={SECONDS},noise=alls=12:allf=t"))
        .args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "superfast"])
        .args(["-tune", "zerolatency", "-profile:v", "main", "-threads", "1"])
        .args(["-b:v", "4000k", "-maxrate", "4000k", "-bufsize", "4000k"])
        .args(["-x264-params", &parameters])
        .args(["-f", "h264", "-"])
        .stderr(Stdio::inherit())
        .output()
        .context("ffmpeg")?;
    ensure!(encoded.status.success(), "ffmpeg ended with {}", encoded.status);
    let units = units(&encoded.stdout);
    ensure!(units.len() == (RATE * SECONDS) as usize, "{} units", units.len());
    ensure!(units.first().is_some_and(|unit| unit.key), "no key frame at the start");
    for (number, unit) in units.iter().enumerate() {
        let mut bytes = unit.bytes.clone();
        Stamp { number: u32::MAX, nanos: u64::MAX >> 1 }.write_to(&mut bytes);
        verified_nal_units(&bytes, unit.key, bytes.len())
            .with_context(|| format!("the gateway's verifier refuses unit {number}"))?;
    }

    let mut file = Vec::new();
    for unit in &units {
        file.extend(u32::try_from(unit.bytes.len())?.to_le_bytes());
        file.push(unit.key.into());
        file.extend(&unit.bytes);
    }
    let path = folder.join("film");
    std::fs::write(&path, file)?;
    let sizes = || units.iter().map(|unit| unit.bytes.len());
    Ok(Film {
        path,
        units: units.len(),
        bytes: sizes().sum(),
        largest: sizes().max().unwrap_or_default(),
        delimiters,
    })
}

/// Reads what [`make`] wrote.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<FilmUnit>> {
    let file = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut rest = file.as_slice();
    let mut units = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (key, after) = after.split_first().context("a unit without its flag")?;
        let (bytes, after) = after.split_at_checked(length).context("a unit cut short")?;
        units.push(FilmUnit { key: *key != 0, bytes: bytes.to_vec() });
        rest = after;
    }
    Ok(units)
}

/// Cuts an Annex B stream of one slice a picture into access units of delimiters, parameter sets and slices.
fn units(stream: &[u8]) -> Vec<FilmUnit> {
    let mut units = Vec::new();
    let mut unit = Vec::new();
    for nal_unit in cofferdam_unit_filter::annexb::nals(stream) {
        let kind = nal_unit.first().map_or(0, |byte| byte & 0x1F);
        if matches!(kind, 9 | 7 | 8 | 1 | 5) {
            unit.extend(START);
            unit.extend(nal_unit);
        }
        if matches!(kind, 1 | 5) {
            unit.extend([0; stamp::LEN]);
            units.push(FilmUnit { key: kind == 5, bytes: std::mem::take(&mut unit) });
        }
    }
    units
}
