//! Pictures in, pictures out: colours, bars, identity, and no panic whatever the sizes.
#![allow(missing_docs, clippy::cast_possible_truncation)]
#![allow(clippy::panic, clippy::unwrap_used)]

use cofferdam_picture::{Geometry, Picture};
use cofferdam_picture_scale::{PlanesRef, ScaleError, Scaler, SourceShape};
use proptest::prelude::*;

/// A source picture with padded rows; padding is 255, so that reading it shows.
struct Source {
    width: usize,
    height: usize,
    stride: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Source {
    fn new(
        (width, height): (u32, u32),
        padding: usize,
        mut sample: impl FnMut(usize, usize, usize) -> u8,
    ) -> Self {
        let (width, height) = (width as usize, height as usize);
        let stride = width + padding;
        let mut plane = |index: usize, width: usize, height: usize| {
            let mut bytes = vec![255; stride * height];
            for row in 0..height {
                for column in 0..width {
                    bytes[row * stride + column] = sample(index, column, row);
                }
            }
            bytes
        };
        let y = plane(0, width, height);
        let u = plane(1, width.div_ceil(2), height.div_ceil(2));
        let v = plane(2, width.div_ceil(2), height.div_ceil(2));
        Self { width, height, stride, y, u, v }
    }

    fn planes(&self) -> PlanesRef<'_> {
        let stride = self.stride;
        PlanesRef::new(
            self.width,
            self.height,
            (&self.y, stride),
            (&self.u, stride),
            (&self.v, stride),
        )
        .unwrap()
    }
}

fn scale(source: &Source, aspect: (u32, u32), target: (u32, u32)) -> (Scaler, Picture) {
    let (width, height) = (source.width as u32, source.height as u32);
    let shape = SourceShape::new(width, height, aspect).unwrap();
    let target = Geometry::new(target.0, target.1).unwrap();
    let mut scaler = Scaler::new(shape, target);
    let mut picture = Picture::black(target);
    // What a ring's slot holds from before must not show through.
    picture.as_bytes_mut().fill(77);
    scaler.scale(source.planes(), picture.as_mut()).unwrap();
    (scaler, picture)
}

#[test]
fn flat_colours_stay_and_bars_are_black() {
    for size in [(640, 480), (641, 481), (1080, 1920), (17, 16), (3840, 2160)] {
        let source = Source::new(size, 9, |plane, _, _| [200, 90, 240][plane]);
        let (scaler, picture) = scale(&source, (1, 1), (1280, 720));
        let rect = scaler.rect();
        let planes = picture.as_ref();
        for (row, line) in planes.y.chunks_exact(1280).enumerate() {
            for (column, value) in line.iter().enumerate() {
                let across = (rect.left..rect.left + rect.width).contains(&(column as u32));
                let down = (rect.top..rect.top + rect.height).contains(&(row as u32));
                let expected = if across && down { 200 } else { 16 };
                assert_eq!(*value, expected, "luma at {column},{row} of {size:?}");
            }
        }
        for (plane, colour) in [(planes.u, 90), (planes.v, 240)] {
            for (row, line) in plane.chunks_exact(640).enumerate() {
                for (column, value) in line.iter().enumerate() {
                    let (x, y) = (column as u32 * 2, row as u32 * 2);
                    let across = (rect.left..rect.left + rect.width).contains(&x);
                    let down = (rect.top..rect.top + rect.height).contains(&y);
                    let expected = if across && down { colour } else { 128 };
                    assert_eq!(*value, expected, "chroma at {column},{row} of {size:?}");
                }
            }
        }
    }
}

#[test]
fn the_same_size_is_an_exact_copy() {
    let noise = |plane: usize, x: usize, y: usize| (plane * 31 + x * 7 + y * 13) as u8;
    for padding in [0, 5] {
        let source = Source::new((64, 32), padding, noise);
        let (scaler, picture) = scale(&source, (1, 1), (64, 32));
        assert!(scaler.is_identity());
        for (y, line) in picture.as_ref().y.chunks_exact(64).enumerate() {
            assert!(line.iter().enumerate().all(|(x, value)| *value == noise(0, x, y)));
        }
        for (plane, bytes) in [(1, picture.as_ref().u), (2, picture.as_ref().v)] {
            for (y, line) in bytes.chunks_exact(32).enumerate() {
                assert!(line.iter().enumerate().all(|(x, value)| *value == noise(plane, x, y)));
            }
        }
    }
}

#[test]
fn pixels_that_are_not_square_are_no_copy() {
    let source = Source::new((64, 32), 0, |_, _, _| 100);
    let (scaler, picture) = scale(&source, (12, 11), (64, 32));
    assert!(!scaler.is_identity());
    // Thirty rows of picture, and a bar too thin to be on both sides.
    assert_eq!((picture.as_ref().y[29 * 64], picture.as_ref().y[30 * 64]), (100, 16));
}

#[test]
fn left_stays_left_and_top_stays_top() {
    let source = Source::new((640, 360), 0, |plane, x, y| {
        if plane == 0 {
            if x < 320 { 50 } else { 180 }
        } else if y < 90 {
            60
        } else {
            170
        }
    });
    let (_, picture) = scale(&source, (1, 1), (320, 180));
    let planes = picture.as_ref();
    assert_eq!((planes.y[100 * 320 + 100], planes.y[100 * 320 + 220]), (50, 180));
    assert_eq!((planes.u[20 * 160 + 80], planes.v[70 * 160 + 80]), (60, 170));
}

#[test]
fn a_last_row_without_its_padding_is_enough() {
    let mut source = Source::new((640, 480), 32, |_, _, _| 123);
    source.y.truncate(source.y.len() - 32);
    let (_, picture) = scale(&source, (1, 1), (320, 240));
    assert!(picture.as_ref().y.iter().all(|value| *value == 123));
}

#[test]
fn other_sizes_than_agreed_are_refused() {
    let geometry = |w, h| Geometry::new(w, h).unwrap();
    let mut scaler = Scaler::new(geometry(64, 32).into(), geometry(32, 16));
    let (small, mut out) = (Picture::black(geometry(32, 32)), Picture::black(geometry(32, 16)));
    assert!(matches!(
        scaler.scale_picture(small.as_ref(), out.as_mut()),
        Err(ScaleError::Source { .. })
    ));
    let (right, mut wrong) = (Picture::black(geometry(64, 32)), Picture::black(geometry(32, 32)));
    assert!(matches!(
        scaler.scale_picture(right.as_ref(), wrong.as_mut()),
        Err(ScaleError::Target { .. })
    ));
    assert!(scaler.scale_picture(right.as_ref(), out.as_mut()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_size_or_aspect_panics_and_no_padding_is_read(
        width in 16u32..700,
        height in 16u32..500,
        padding in 0usize..40,
        aspect in (any::<u32>(), any::<u32>()),
        small_aspect in (0u32..20, 0u32..20),
        use_small in any::<bool>(),
        target in (8u32..300, 8u32..200),
    ) {
        let source = Source::new((width, height), padding, |_, _, _| 100);
        let aspect = if use_small { small_aspect } else { aspect };
        let (_, picture) = scale(&source, aspect, (target.0 * 2, target.1 * 2));
        prop_assert!(picture.as_ref().y.iter().all(|value| [16, 100].contains(value)));
        prop_assert!(picture.as_ref().u.iter().all(|value| [128, 100].contains(value)));
        prop_assert!(picture.as_ref().v.iter().all(|value| [128, 100].contains(value)));
    }
}
