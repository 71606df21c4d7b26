//! Whether a player showed a film: the pictures of a file, in order, at its pace.
//!
//! Pictures are compared at about 300 columns, as means over small squares of the full picture: that
//! takes noise and the trace of an encoder away, and leaves what is to be seen.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::judge::ssim;
use crate::player::Player;

/// The least likeness of a live picture to the camera's own.
pub const ALIKE: f64 = 0.9;
/// Widest reduced picture.
const COLUMNS: usize = 320;
/// How far back and ahead of the last picture the next one is looked for.
const NEAR: (usize, usize) = (3, 9);
/// A picture that is as like to the film's next as to an earlier one, within this, is the next one.
/// Surveillance repeats itself: cameras that see nothing move send the same picture twice.
const TIE: f64 = 0.004;

/// The pictures of a file as a viewer of the gateway should see them.
pub struct Film {
    pictures: Vec<Vec<u8>>,
    size: (usize, usize),
    width: usize,
}

/// One picture that was shown, reduced.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its luma.
    pub luma: Vec<u8>,
    /// When the player gave it.
    pub at: Instant,
}

/// A film that was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Showing {
    /// The film's picture it began with.
    pub first: usize,
    /// The film's picture it ended with.
    pub last: usize,
    /// The number of pictures shown from the one to the other.
    pub pictures: usize,
    /// From the first of them to the last.
    pub lasted: Duration,
    /// Their mean likeness.
    pub likeness: f64,
}

/// Why what was shown is not the film.
#[derive(Clone, Debug, PartialEq)]
pub enum NotTheFilm {
    /// Hardly any picture is like one of the film's.
    OtherPictures {
        /// Pictures that are.
        alike: usize,
        /// All pictures.
        shown: usize,
    },
    /// Its pictures come in another order.
    Disorder {
        /// Steps back.
        back: usize,
        /// All steps.
        steps: usize,
    },
    /// Its pictures come too often, or too few of them.
    Pace {
        /// Pictures shown.
        shown: usize,
        /// Pictures of the film in that stretch.
        of: usize,
    },
}

impl Film {
    /// Decodes a file and fits its pictures into that size as the gateway does: scaled to what fits,
    /// on black.
    ///
    /// # Panics
    /// When FFmpeg cannot decode it.
    #[must_use]
    pub fn decode(file: &Path, size: (usize, usize)) -> Self {
        let (width, height) = size;
        let filter = format!(
            "scale={width}:{height}:force_original_aspect_ratio=decrease:out_range=tv,\
             format=yuv420p,pad={width}:{height}:-1:-1,extractplanes=y"
        );
        let mut child = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(file)
            .args(["-an", "-vf", &filter, "-fps_mode", "passthrough", "-f", "rawvideo", "-"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("ffmpeg runs");
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let (mut luma, mut pictures) = (vec![0; width * height], Vec::new());
        while std::io::Read::read_exact(&mut stdout, &mut luma).is_ok() {
            pictures.push(reduce(&luma, size));
        }
        assert!(child.wait().expect("ffmpeg ends").success(), "{} decodes", file.display());
        assert!(!pictures.is_empty(), "{} has pictures", file.display());
        Self { pictures, size, width: width / factor(width) }
    }

    /// Its first `pictures`, or all where it has fewer.
    #[must_use]
    pub fn beginning(mut self, pictures: usize) -> Self {
        self.pictures.truncate(pictures);
        self
    }

    /// A film of reduced pictures, whose full size was `size`.
    #[must_use]
    pub fn of(pictures: &[&Vec<u8>], size: (usize, usize)) -> Self {
        let pictures = pictures.iter().map(|picture| (*picture).clone()).collect();
        Self { pictures, size, width: size.0 / factor(size.0) }
    }

    /// The number of its pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether it has none, which no film has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// Its pictures, reduced.
    #[must_use]
    pub fn pictures(&self) -> &[Vec<u8>] {
        &self.pictures
    }

    /// Takes a player's pictures as they come, until `done` or the player ends.
    #[must_use]
    pub fn watch(&self, player: &Player, done: &AtomicBool) -> Vec<Frame> {
        let mut frames = Vec::new();
        while !done.load(Ordering::SeqCst) {
            let Some(shown) = player.next(Duration::from_secs(1)) else {
                // At once where the player has ended.
                std::thread::park_timeout(Duration::from_millis(20));
                continue;
            };
            frames.push(Frame { luma: reduce(&shown.luma, self.size), at: shown.at });
        }
        frames
    }

    /// Judges what was shown: what comes before the film, such as a slate, is passed over, and so is
    /// what comes once it has ended or begun again.
    ///
    /// # Errors
    /// [`NotTheFilm`] says what else it is.
    pub fn judge(&self, frames: &[Frame]) -> Result<Showing, NotTheFilm> {
        let found = self.follow(frames);
        let alike: Vec<(usize, (usize, f64))> = found
            .into_iter()
            .enumerate()
            .skip_while(|(_, found)| found.is_none())
            .map_while(|(at, found)| Some((at, found?)))
            .collect();
        let run = until_restart(&alike, self.len() / 2);
        let other = NotTheFilm::OtherPictures { alike: run.len(), shown: frames.len() };
        // A picture that stays after the end is not part of the showing.
        let end = run
            .iter()
            .enumerate()
            .max_by_key(|(at, (_, (picture, _)))| (*picture, std::cmp::Reverse(*at)));
        let Some((end, (_, (last, _)))) = end else { return Err(other) };
        // The camera serves the film anew when it has ended, and one moment of a street is much like
        // another: what follows the end is nobody's order.
        let run = &run[..=end];
        let back = run.windows(2).filter(|pair| pair[1].1.0 < pair[0].1.0).count();
        if back * 50 > run.len() {
            return Err(NotTheFilm::Disorder { back, steps: run.len() });
        }
        let first = run[0].1.0;
        let (shown, of) = (run.len(), last - first + 1);
        if run.len() < 20 {
            return Err(other);
        }
        if shown.abs_diff(of) > of / 20 + 2 {
            return Err(NotTheFilm::Pace { shown, of });
        }
        Ok(Showing {
            first,
            last: *last,
            pictures: shown,
            lasted: frames[run[end].0].at - frames[run[0].0].at,
            likeness: run.iter().map(|(_, (_, likeness))| likeness).sum::<f64>() / shown as f64,
        })
    }

    /// For each shown picture, the film's picture that it is, and how like it is to that.
    fn follow(&self, frames: &[Frame]) -> Vec<Option<(usize, f64)>> {
        let mut at: Option<usize> = None;
        let mut found = Vec::with_capacity(frames.len());
        for frame in frames {
            let near = at.map(|at| self.near(&frame.luma, at));
            let best = match near {
                Some(best) if best.1 >= ALIKE => best,
                _ => self.best(&frame.luma, 0..self.len()),
            };
            let best = (best.1 >= ALIKE).then_some(best);
            at = best.map(|(picture, _)| picture);
            found.push(best);
        }
        found
    }

    fn near(&self, luma: &[u8], at: usize) -> (usize, f64) {
        let ahead = self.best(luma, at..(at + NEAR.1).min(self.len()));
        let back = self.best(luma, at.saturating_sub(NEAR.0)..at);
        if back.1 > ahead.1 + TIE { back } else { ahead }
    }

    fn best(&self, luma: &[u8], among: std::ops::Range<usize>) -> (usize, f64) {
        let brightness = mean(luma);
        let mut best = (among.start, 0.0);
        for picture in among {
            let other = &self.pictures[picture];
            // Pictures this far apart in brightness are not alike: most of a search ends here.
            if (mean(other) - brightness).abs() > 16.0 {
                continue;
            }
            let likeness = ssim(luma, other, self.width);
            if likeness > best.1 {
                best = (picture, likeness);
            }
        }
        best
    }
}

/// Draws a film into a folder and gives its path: a moving test picture with a counter, in the codec
/// that the file's name tells.
///
/// # Panics
/// When FFmpeg cannot.
#[must_use]
pub fn draw(folder: &Path, name: &str, size: (u32, u32), rate: u32, seconds: u32) -> PathBuf {
    let file = folder.join(name);
    let codec: &[&str] = if name.ends_with(".mov") {
        &["-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"]
    } else if name.contains("h265") {
        &["-c:v", "libx265", "-preset", "veryfast", "-x265-params", "log-level=error"]
    } else {
        &["-c:v", "libx264", "-preset", "veryfast", "-g", "50"]
    };
    let (width, height) = size;
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=size={width}x{height}:rate={rate}:duration={seconds}"))
        .args(codec)
        .args(if name.ends_with(".mov") { &[][..] } else { &["-pix_fmt", "yuv420p"] })
        .arg(&file)
        .status();
    assert!(status.expect("ffmpeg runs").success(), "{name} is drawn");
    file
}

type Found = (usize, (usize, f64));

/// What comes before a jump back by more than `far`.
fn until_restart(run: &[Found], far: usize) -> &[Found] {
    let jump = run.windows(2).position(|pair| pair[1].1.0 + far < pair[0].1.0);
    jump.map_or(run, |at| &run[..=at])
}

fn mean(luma: &[u8]) -> f64 {
    // Every seventh: enough for a mean.
    let (sum, count) =
        luma.iter().step_by(7).fold((0u64, 0u64), |(s, n), p| (s + u64::from(*p), n + 1));
    sum as f64 / count.max(1) as f64
}

fn factor(width: usize) -> usize {
    width.div_ceil(COLUMNS)
}

/// Means over squares.
fn reduce(luma: &[u8], (width, height): (usize, usize)) -> Vec<u8> {
    let side = factor(width);
    let (columns, rows) = (width / side, height / side);
    let mut reduced = Vec::with_capacity(columns * rows);
    let mut sums = vec![0u32; columns];
    let area = u32::try_from(side * side).expect("a small square");
    for band in luma.chunks_exact(width * side).take(rows) {
        sums.fill(0);
        for row in band.chunks_exact(width) {
            for (sum, part) in sums.iter_mut().zip(row.chunks_exact(side)) {
                *sum += part.iter().map(|p| u32::from(*p)).sum::<u32>();
            }
        }
        reduced.extend(sums.iter().map(|sum| u8::try_from((sum + area / 2) / area).unwrap_or(255)));
    }
    reduced
}
