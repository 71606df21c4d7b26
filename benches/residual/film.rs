//! Pictures from FFmpeg, and a camera's film to FFmpeg.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Luma planes of the scene the camera sees.
pub(crate) fn scene(
    film: Option<&Path>,
    (width, height): (usize, usize),
    pictures: usize,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]);
    match film {
        Some(path) => command.arg("-i").arg(path),
        // Shapes that move, and a sensor's noise.
        None => command
            .args(["-f", "lavfi", "-i"])
            .arg(format!("testsrc2=size={width}x{height}:rate=25,noise=alls=6:allf=t")),
    };
    let filter = format!("scale={width}:{height}:out_range=tv,format=yuv420p,extractplanes=y");
    command.args(["-an", "-vf", &filter, "-frames:v", &pictures.to_string()]);
    let output = command.args(["-f", "rawvideo", "-"]).output().context("ffmpeg")?;
    let scene: Vec<Vec<u8>> =
        output.stdout.chunks_exact(width * height).map(<[u8]>::to_vec).collect();
    ensure!(scene.len() == pictures, "expected {pictures} pictures, found {}", scene.len());
    Ok(scene)
}

/// Encodes grey pictures as a camera would that wants its pixels to arrive: at a quantizer of 8.
pub(crate) fn encode(
    pictures: impl Iterator<Item = Vec<u8>>,
    (width, height): (usize, usize),
    rate: u32,
    path: &Path,
) -> anyhow::Result<()> {
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s"])
        .arg(format!("{width}x{height}"))
        .args(["-r", &rate.to_string(), "-i", "-"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"])
        .args(["-qp", "8", "-g", "25", "-pix_fmt", "yuv420p", "-y"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("ffmpeg")?;
    let mut stdin = child.stdin.take().context("standard input is piped")?;
    let grey = vec![128; width * height / 2];
    for picture in pictures {
        stdin.write_all(&picture)?;
        stdin.write_all(&grey)?;
    }
    drop(stdin);
    ensure!(child.wait()?.success(), "ffmpeg does not encode");
    Ok(())
}
