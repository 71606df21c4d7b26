//! A moving scene that costs little to draw: rows are copied, not computed.

use std::time::{SystemTime, UNIX_EPOCH};

use cofferdam_picture::{CameraId, Geometry, Picture, PictureMut};

use super::barcode::{self, Barcode};
use super::text;

/// The period of the moving gradient, in pixels.
const PERIOD: usize = 512;

/// What the picture says about the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The time at which it is drawn.
    Wall,
    /// Nothing: the picture is drawn long before it is sent.
    Loop,
}

/// Draws the pictures of one camera.
#[derive(Debug)]
pub(crate) struct Painter {
    geometry: Geometry,
    name: CameraId,
    number: u8,
    clock: Clock,
    luma: Vec<u8>,
    chroma: Vec<u8>,
}

impl Painter {
    pub(crate) fn new(geometry: Geometry, name: CameraId, number: u8, clock: Clock) -> Self {
        // One period more than a row, so that a row can start anywhere in the period.
        let wave = |width: usize, least: u8, step: usize| {
            (0..width + PERIOD)
                .map(|x| {
                    let up = x % PERIOD;
                    let triangle = up.min(PERIOD - up) / step;
                    least.saturating_add(u8::try_from(triangle).unwrap_or(u8::MAX))
                })
                .collect()
        };
        let luma = wave(geometry.columns(), 60, 2);
        let chroma = wave(geometry.columns() / 2, 112, 8);
        Self { geometry, name, number, clock, luma, chroma }
    }

    /// The picture with this number.
    pub(crate) fn paint(&self, counter: u32) -> Picture {
        let mut picture = Picture::black(self.geometry);
        let planes = &mut picture.as_mut();
        let time = usize::try_from(counter).unwrap_or_default();
        self.gradient(planes, time);
        self.boxes(planes, time);
        self.caption(planes, counter);
        barcode::draw(planes, Barcode { camera: self.number, counter });
        picture
    }

    fn gradient(&self, planes: &mut PictureMut<'_>, time: usize) {
        let width = self.geometry.columns();
        for (y, row) in planes.y.chunks_exact_mut(width).enumerate() {
            let start = (y / 2 + 2 * time) % PERIOD;
            row.copy_from_slice(&self.luma[start..start + width]);
        }
        let half = width / 2;
        let rows = planes.u.chunks_exact_mut(half).zip(planes.v.chunks_exact_mut(half));
        for (y, (u, v)) in rows.enumerate() {
            let start = (y + time) % PERIOD;
            u.copy_from_slice(&self.chroma[start..start + half]);
            let start = (2 * y + PERIOD - time % PERIOD) % PERIOD;
            v.copy_from_slice(&self.chroma[start..start + half]);
        }
    }

    fn boxes(&self, planes: &mut PictureMut<'_>, time: usize) {
        let (columns, rows) = (self.geometry.columns(), self.geometry.rows());
        let side = (rows / 6) & !1;
        for (index, colour) in
            [[180, 100, 170], [110, 170, 90], [210, 60, 140]].into_iter().enumerate()
        {
            let x = bounce(time * (index + 2) * 2 + index * columns / 3, columns - side);
            let y = bounce(time * (3 - index) + index * rows / 5, rows - side);
            Area { x: x & !1, y: y & !1, width: side, height: side }.fill(planes, colour);
        }
    }

    fn caption(&self, planes: &mut PictureMut<'_>, counter: u32) {
        let scale = (self.geometry.rows() / 240).max(1);
        let (x, y) = (8 * scale, self.geometry.rows() * 3 / 20);
        let time = match self.clock {
            Clock::Wall => time_of_day(SystemTime::now()),
            Clock::Loop => "loop".to_owned(),
        };
        let lines = [self.name.as_str(), &format!("{counter:08}"), &time];
        for (index, line) in lines.into_iter().enumerate() {
            text::draw(planes, line, (x, y + index * 22 * scale), scale);
        }
    }
}

/// Turns a limited-range picture into a full-range one, which is what JPEG means by YCbCr.
pub(crate) fn expand_to_full_range(picture: &mut Picture) {
    let table = |zero: i32, span: i32, centre: i32| {
        std::array::from_fn::<u8, 256, _>(|i| {
            let level = i32::try_from(i).unwrap_or_default();
            let full = (level - zero) * 255 / span + centre;
            u8::try_from(full.clamp(0, 255)).unwrap_or_default()
        })
    };
    let (luma, chroma) = (table(16, 219, 0), table(128, 224, 128));
    let planes = picture.as_mut();
    planes.y.iter_mut().for_each(|y| *y = luma[usize::from(*y)]);
    planes.u.iter_mut().chain(planes.v).for_each(|c| *c = chroma[usize::from(*c)]);
}

/// A rectangle of pixels; what lies outside the picture is not drawn.
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Area {
    pub(crate) fn fill(&self, picture: &mut PictureMut<'_>, [y, u, v]: [u8; 3]) {
        self.fill_luma(picture, y);
        let half =
            Self { x: self.x / 2, y: self.y / 2, width: self.width / 2, height: self.height / 2 };
        let stride = picture.geometry.columns() / 2;
        half.fill_plane(picture.u, stride, u);
        half.fill_plane(picture.v, stride, v);
    }

    pub(crate) fn fill_luma(&self, picture: &mut PictureMut<'_>, level: u8) {
        self.fill_plane(picture.y, picture.geometry.columns(), level);
    }

    fn fill_plane(&self, plane: &mut [u8], stride: usize, level: u8) {
        let from = self.x.min(stride);
        let to = (self.x + self.width).min(stride);
        for row in plane.chunks_exact_mut(stride).skip(self.y).take(self.height) {
            row[from..to].fill(level);
        }
    }
}

/// A position that runs to and fro between 0 and `span`.
const fn bounce(distance: usize, span: usize) -> usize {
    let at = distance % (2 * span + 1);
    if at > span { 2 * span - at } else { at }
}

fn time_of_day(now: SystemTime) -> String {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since_epoch.as_secs(), since_epoch.subsec_millis());
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{h:02}:{m:02}:{s:02}.{millis:03} UTC")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn painter(width: u32, height: u32, clock: Clock) -> Painter {
        Painter::new(Geometry::new(width, height).unwrap(), "lobby".parse().unwrap(), 5, clock)
    }

    #[test]
    fn every_picture_shows_its_number_and_differs_from_the_last() {
        let painter = painter(320, 180, Clock::Loop);
        let mut last = painter.paint(0);
        for counter in [1, 2, 500, u32::MAX] {
            let picture = painter.paint(counter);
            let code = barcode::read(picture.as_ref().y, 320, 180, 320);
            assert_eq!(code, Some(Barcode { camera: 5, counter }));
            let below = 60 * 320;
            assert_ne!(picture.as_ref().y[below..], last.as_ref().y[below..]);
            last = picture;
        }
    }

    #[test]
    fn a_prerendered_picture_is_the_same_every_time() {
        let painter = painter(320, 180, Clock::Loop);
        assert!(painter.paint(7) == painter.paint(7));
    }

    #[test]
    fn the_least_picture_can_be_painted() {
        painter(16, 16, Clock::Wall).paint(3);
    }

    #[test]
    fn full_range_keeps_the_barcode_and_reaches_both_ends() {
        let mut picture = painter(320, 180, Clock::Loop).paint(9);
        expand_to_full_range(&mut picture);
        let luma = picture.as_ref().y;
        assert!(luma.contains(&0) && luma.contains(&255));
        assert_eq!(barcode::read(luma, 320, 180, 320), Some(Barcode { camera: 5, counter: 9 }));
    }

    #[test]
    fn bounces_between_its_ends() {
        let path: Vec<usize> = (0..8).map(|d| bounce(d, 3)).collect();
        assert_eq!(path, [0, 1, 2, 3, 2, 1, 0, 0]);
    }

    #[test]
    fn tells_the_time_of_day() {
        let time = UNIX_EPOCH + Duration::from_millis((25 * 3600 + 2 * 60 + 3) * 1000 + 45);
        assert_eq!(time_of_day(time), "01:02:03.045 UTC");
    }
}
