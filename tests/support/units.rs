//! The access units of a file, as a camera would send them.

use std::path::Path;
use std::process::Command;

/// What a file's video is encoded in, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// H.264, as a byte stream.
    H264,
    /// H.265, as a byte stream.
    H265,
    /// JPEG images.
    Mjpeg,
}

impl Coding {
    /// By the words in a file's name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name.contains("h265") {
            Self::H265
        } else if name.contains("mjpeg") {
            Self::Mjpeg
        } else {
            Self::H264
        }
    }

    /// Arguments that make FFmpeg write the stream with a delimiter before each access unit.
    const fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::H264 => ["-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264"],
            Self::H265 => ["-bsf:v", "hevc_mp4toannexb,hevc_metadata=aud=insert", "-f", "hevc"],
            Self::Mjpeg => ["-bsf:v", "null", "-f", "mjpeg"],
        }
    }

    /// What each access unit begins with.
    const fn delimiter(self) -> &'static [u8] {
        match self {
            Self::H264 => &[0, 0, 0, 1, 9],
            Self::H265 => &[0, 0, 0, 1, 35 << 1],
            Self::Mjpeg => &[0xff, 0xd8],
        }
    }
}

/// The access units of `file`, in the order of decoding.
///
/// # Panics
/// When FFmpeg cannot read it.
#[must_use]
pub fn access_units(file: &Path, coding: Coding) -> Vec<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-an", "-c:v", "copy"])
        .args(coding.arguments())
        .arg("-")
        .output()
        .expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} is read: {said}", file.display());
    let (stream, delimiter) = (output.stdout, coding.delimiter());
    let mut starts: Vec<usize> = (0..stream.len().saturating_sub(delimiter.len()))
        .filter(|at| stream[*at..].starts_with(delimiter))
        .collect();
    assert_eq!(starts.first(), Some(&0), "{} begins with an access unit", file.display());
    starts.push(stream.len());
    starts.windows(2).map(|pair| stream[pair[0]..pair[1]].to_vec()).collect()
}
