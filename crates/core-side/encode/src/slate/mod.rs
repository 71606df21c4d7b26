//! The slate: what is shown instead of a camera, drawn by the gateway.

mod clock;
mod text;

use std::sync::Arc;

use cofferdam_picture::{CameraId, Geometry, Picture};

pub use self::clock::UtcSecond;
use self::text::Line;

/// What the slate says when nothing better is known.
pub const DEFAULT_CAUSE: &str = "NO SIGNAL";

const UNJAILED: &str = "NOT ISOLATED: SANDBOX OFF";

const BACKGROUND: u8 = 46;
const BAND: u8 = 30;
const WHITE: u8 = 235;
const GREY: u8 = 160;
const BLACK: u8 = 16;
const NEUTRAL: u8 = 128;

/// The slate of one mount. It is drawn anew when what it says changes: once a second.
#[derive(Debug)]
pub struct Slate {
    camera: CameraId,
    geometry: Geometry,
    unjailed: bool,
    drawn: Option<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    picture: Arc<Picture>,
    says: (&'static str, UtcSecond),
}

impl Slate {
    /// A slate of `geometry` that names `camera`.
    #[must_use]
    pub const fn new(camera: CameraId, geometry: Geometry, unjailed: bool) -> Self {
        Self { camera, geometry, unjailed, drawn: None }
    }

    /// The slate that gives `cause` and the time `at`.
    pub fn picture(&mut self, cause: &'static str, at: UtcSecond) -> Arc<Picture> {
        let says = (cause, at);
        let mut picture = match self.drawn.take() {
            Some(drawn) if drawn.says == says => return self.keep(drawn),
            Some(drawn) => drawn.picture,
            None => Arc::new(Picture::black(self.geometry)),
        };
        let fresh = owned(&mut picture, self.geometry);
        draw(fresh, self.camera.as_str(), cause, at);
        if self.unjailed {
            burn_unjailed(fresh);
        }
        self.keep(Drawn { picture, says })
    }

    /// Gives its memory back, for the time that pictures come.
    pub fn forget(&mut self) {
        self.drawn = None;
    }

    fn keep(&mut self, drawn: Drawn) -> Arc<Picture> {
        Arc::clone(&self.drawn.insert(drawn).picture)
    }
}

/// The picture behind `shared`, to write: another one if an encoder should still hold it.
pub fn owned(shared: &mut Arc<Picture>, geometry: Geometry) -> &mut Picture {
    if Arc::get_mut(shared).is_none() {
        *shared = Arc::new(Picture::black(geometry));
    }
    // Nobody else can hold it now; `make_mut` never copies.
    Arc::make_mut(shared)
}

/// Burns the loud opt-out into a picture, so that every viewer sees it.
pub fn burn_unjailed(picture: &mut Picture) {
    let picture = picture.as_mut();
    let (columns, rows) = (picture.geometry.columns(), picture.geometry.rows());
    let line = Line { text: UNJAILED, middle: rows / 12, rows: rows / 12, luma: WHITE };
    let placed = line.place(columns);
    let plate = placed.top.saturating_sub(2)..(placed.top + placed.height + 2).min(rows);
    fill_rows(picture.y, columns, plate.clone(), BLACK);
    for plane in [picture.u, picture.v] {
        fill_rows(plane, columns / 2, plate.start / 2..plate.end.div_ceil(2), NEUTRAL);
    }
    line.draw(picture.y, columns, &placed);
}

fn draw(picture: &mut Picture, camera: &str, cause: &str, at: UtcSecond) {
    let picture = picture.as_mut();
    let (columns, rows) = (picture.geometry.columns(), picture.geometry.rows());
    picture.y.fill(BACKGROUND);
    picture.u.fill(NEUTRAL);
    picture.v.fill(NEUTRAL);
    fill_rows(picture.y, columns, rows * 3 / 8..rows * 5 / 8, BAND);
    let time = at.to_string();
    for line in [
        Line { text: camera, middle: rows / 4, rows: rows / 10, luma: GREY },
        Line { text: cause, middle: rows / 2, rows: rows / 6, luma: WHITE },
        Line { text: &time, middle: rows * 3 / 4, rows: rows / 14, luma: GREY },
    ] {
        line.draw(picture.y, columns, &line.place(columns));
    }
}

fn fill_rows(plane: &mut [u8], columns: usize, rows: std::ops::Range<usize>, value: u8) {
    let end = (rows.end * columns).min(plane.len());
    if let Some(rows) = plane.get_mut(rows.start * columns..end) {
        rows.fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slate(width: u32, height: u32) -> Slate {
        let geometry = Geometry::new(width, height).unwrap();
        Slate::new("lobby-entrance_2".parse().unwrap(), geometry, false)
    }

    /// How many pixels of some rows are of this brightness.
    fn count(picture: &Picture, rows: std::ops::Range<usize>, luma: u8) -> usize {
        let columns = picture.geometry().columns();
        let rows = &picture.as_bytes()[rows.start * columns..rows.end * columns];
        rows.iter().filter(|pixel| **pixel == luma).count()
    }

    #[test]
    fn the_cause_is_large_and_the_name_and_time_are_there() {
        for (width, height) in [(640, 360), (1920, 1080), (3840, 2160), (320, 240)] {
            let mut slate = slate(width, height);
            let picture = slate.picture(DEFAULT_CAUSE, UtcSecond::from_unix(0));
            let rows = height as usize;
            let cause = count(&picture, rows * 3 / 8..rows * 5 / 8, WHITE);
            let area = (width * height) as usize;
            assert!(cause * 100 > area, "{width}x{height}: {cause} white pixels");
            assert!(count(&picture, 0..rows * 3 / 8, GREY) * 1000 > area);
            assert!(count(&picture, rows * 5 / 8..rows, GREY) * 1000 > area);
        }
    }

    #[test]
    fn it_changes_with_the_second_and_the_cause_and_not_otherwise() {
        let mut slate = slate(640, 360);
        let at = UtcSecond::from_unix;
        let first = slate.picture(DEFAULT_CAUSE, at(0));
        assert!(Arc::ptr_eq(&first, &slate.picture(DEFAULT_CAUSE, at(0))));
        assert_ne!(*first, *slate.picture(DEFAULT_CAUSE, at(1)));
        let cause = slate.picture("AUTH FAILED", at(0));
        assert_ne!(*first, *cause);
        assert_eq!(*first, *slate.picture(DEFAULT_CAUSE, at(0)));
    }

    #[test]
    fn it_holds_no_picture_once_forgotten_and_is_drawn_the_same_again() {
        let mut slate = slate(640, 360);
        let at = UtcSecond::from_unix(0);
        let first = slate.picture(DEFAULT_CAUSE, at);
        slate.forget();
        assert_eq!(Arc::strong_count(&first), 1);
        assert_eq!(*first, *slate.picture(DEFAULT_CAUSE, at));
    }

    #[test]
    fn every_geometry_and_length_of_text_is_drawn_within_bounds() {
        for (width, height) in [(16, 16), (16, 2160), (3840, 16), (34, 18), (854, 480)] {
            let geometry = Geometry::new(width, height).unwrap();
            let mut slate = Slate::new("x".repeat(32).parse().unwrap(), geometry, true);
            slate.picture("UNSUPPORTED VIDEO", UtcSecond::now());
        }
    }

    #[test]
    fn the_opt_out_is_burned_in() {
        let geometry = Geometry::new(640, 360).unwrap();
        let mut picture = Picture::black(geometry);
        picture.as_bytes_mut().fill(200);
        burn_unjailed(&mut picture);
        let bytes = picture.as_bytes();
        assert!(count(&picture, 0..60, WHITE) > 500);
        assert!(bytes[geometry.luma_len() - 640..geometry.luma_len()].iter().all(|b| *b == 200));
    }
}
