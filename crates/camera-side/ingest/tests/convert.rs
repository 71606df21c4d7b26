//! Every form of picture, of every size, into the one form.
#![allow(missing_docs, clippy::cast_possible_truncation)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use cofferdam_ingest::convert::{Converter, Layout, Matrix, Range, Source};
use cofferdam_picture::{Geometry, Picture};
use proptest::prelude::*;

const LAYOUTS: [Layout; 6] =
    [Layout::Yuv420, Layout::Yuv422, Layout::Yuv444, Layout::Yuv411, Layout::Nv12, Layout::Gray];

/// A flat picture of luma `y` and differences `u` and `v`, each row followed by `padding` bytes that
/// must not show.
struct Flat {
    layout: Layout,
    width: u32,
    height: u32,
    planes: [(Vec<u8>, usize); 3],
}

impl Flat {
    fn new(layout: Layout, width: u32, height: u32, padding: usize, [y, u, v]: [u8; 3]) -> Self {
        let (w, h) = (width as usize, height as usize);
        let half = (w.div_ceil(2), h.div_ceil(2));
        let chroma = match layout {
            Layout::Yuv420 | Layout::Nv12 => half,
            Layout::Yuv422 => (half.0, h),
            Layout::Yuv444 => (w, h),
            Layout::Yuv411 => (w.div_ceil(4), h),
            Layout::Gray => (0, 0),
        };
        let plane = |(w, h): (usize, usize), value: &[u8]| {
            let mut row = value.repeat(w);
            let stride = row.len() + padding;
            row.resize(stride, 255);
            (row.repeat(h), stride)
        };
        let planes = match layout {
            Layout::Nv12 => [plane((w, h), &[y]), plane(chroma, &[u, v]), (vec![], 0)],
            _ => [plane((w, h), &[y]), plane(chroma, &[u]), plane(chroma, &[v])],
        };
        Self { layout, width, height, planes }
    }

    fn source(&self, matrix: Matrix, range: Range, interlaced: bool) -> Source<'_> {
        let data = |index: usize| {
            let (bytes, stride) = &self.planes[index];
            (!bytes.is_empty()).then_some((bytes.as_slice(), *stride))
        };
        Source {
            layout: self.layout,
            width: self.width,
            height: self.height,
            pixel_aspect: (1, 1),
            range,
            matrix,
            interlaced,
            data: [data(0), data(1), data(2)],
        }
    }
}

fn convert(source: &Source<'_>, (width, height): (u32, u32)) -> Picture {
    let geometry = Geometry::new(width, height).unwrap();
    let mut picture = Picture::black(geometry);
    picture.as_bytes_mut().fill(77);
    Converter::new(geometry).convert(source).unwrap().paint(picture.as_mut());
    picture
}

fn is_flat(picture: &Picture, [y, u, v]: [u8; 3]) -> bool {
    let planes = picture.as_ref();
    planes.y.iter().all(|value| *value == y)
        && planes.u.iter().all(|value| *value == u)
        && planes.v.iter().all(|value| *value == v)
}

#[test]
fn every_layout_keeps_its_colour() {
    for layout in LAYOUTS {
        for interlaced in [false, true] {
            let flat = Flat::new(layout, 64, 36, 7, [90, 60, 200]);
            let source = flat.source(Matrix::Bt709, Range::Limited, interlaced);
            let expected = if layout == Layout::Gray { [90, 128, 128] } else { [90, 60, 200] };
            let picture = convert(&source, (64, 36));
            assert!(is_flat(&picture, expected), "{layout:?}, interlaced: {interlaced}");
        }
    }
}

#[test]
fn full_range_601_becomes_limited_709() {
    let flat = Flat::new(Layout::Yuv422, 64, 36, 0, [255, 128, 128]);
    let white = convert(&flat.source(Matrix::Bt601, Range::Full, false), (64, 36));
    assert!(is_flat(&white, [235, 128, 128]));
    // Red as JPEG has it.
    let flat = Flat::new(Layout::Yuv444, 64, 36, 3, [76, 85, 255]);
    let red = convert(&flat.source(Matrix::Bt601, Range::Full, false), (64, 36));
    let planes = red.as_ref();
    for (found, expected) in [(planes.y[0], 63), (planes.u[0], 102), (planes.v[0], 240)] {
        assert!(found.abs_diff(expected) <= 1, "{found} for {expected}");
    }
    assert!(is_flat(&red, [planes.y[0], planes.u[0], planes.v[0]]));
}

#[test]
fn the_right_form_is_copied_to_the_last_bit() {
    let bytes: Vec<u8> = (0..64 * 36 * 2).map(|n: u32| (n * 37 + n / 251) as u8).collect();
    let source = Source {
        layout: Layout::Yuv420,
        width: 64,
        height: 36,
        pixel_aspect: (0, 1),
        range: Range::Limited,
        matrix: Matrix::Bt709,
        interlaced: false,
        data: [Some((&bytes, 80)), Some((&bytes[9..], 40)), Some((&bytes[99..], 32))],
    };
    let picture = convert(&source, (64, 36));
    for (row, line) in picture.as_ref().y.chunks_exact(64).enumerate() {
        assert_eq!(line, &bytes[row * 80..row * 80 + 64]);
    }
    for (row, line) in picture.as_ref().u.chunks_exact(32).enumerate() {
        assert_eq!(line, &bytes[9 + row * 40..9 + row * 40 + 32]);
    }
}

#[test]
fn a_change_of_size_changes_nothing_about_the_target() {
    let geometry = Geometry::new(1280, 720).unwrap();
    let mut converter = Converter::new(geometry);
    let mut picture = Picture::black(geometry);
    for (width, height, left) in [(1280, 720, 90), (704, 576, 16), (1280, 720, 90)] {
        let flat = Flat::new(Layout::Yuv420, width, height, 0, [90, 60, 200]);
        let source = flat.source(Matrix::Bt709, Range::Limited, false);
        converter.convert(&source).unwrap().paint(picture.as_mut());
        let y = picture.as_ref().y;
        assert_eq!((y[0], y[1280 * 360 + 640]), (left, 90), "{width}x{height}");
    }
}

#[test]
fn what_is_not_converted_is_refused() {
    let mut converter = Converter::new(Geometry::new(64, 36).unwrap());
    let flat = Flat::new(Layout::Yuv420, 64, 36, 0, [0; 3]);
    let source = flat.source(Matrix::Bt709, Range::Limited, false);
    assert!(converter.convert(&source).is_ok());
    for (width, height) in [(4096, 2160), (64, 37), (66, 36), (8, 8), (0, 0), (u32::MAX, u32::MAX)]
    {
        assert!(converter.convert(&Source { width, height, ..source }).is_err());
    }
    let [y, u, _] = source.data;
    assert!(converter.convert(&Source { data: [y, u, None], ..source }).is_err());
    let short = u.map(|(bytes, stride)| (&bytes[1..], stride));
    assert!(converter.convert(&Source { data: [y, u, short], ..source }).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_size_layout_or_stride_panics_or_leaks_padding(
        layout in 0usize..6,
        width in 16u32..200,
        height in 16u32..200,
        padding in 0usize..20,
        full in any::<bool>(),
        old in any::<bool>(),
        interlaced in any::<bool>(),
        target in (8u32..100, 8u32..100),
    ) {
        let flat = Flat::new(LAYOUTS[layout], width, height, padding, [100, 128, 128]);
        let matrix = if old { Matrix::Bt601 } else { Matrix::Bt709 };
        let range = if full { Range::Full } else { Range::Limited };
        let target = (target.0 * 2, target.1 * 2);
        let picture = convert(&flat.source(matrix, range, interlaced), target);
        // 100 of 255 is 102 of 16 to 235.
        let luma = if full { 102 } else { 100 };
        prop_assert!(picture.as_ref().y.iter().all(|value| [16, luma].contains(value)));
        prop_assert!(picture.as_ref().u.iter().chain(picture.as_ref().v).all(|value| *value == 128));
    }

    #[test]
    fn no_plane_of_any_length_panics(
        layout in 0usize..6,
        width in 0u32..4000,
        height in 0u32..2200,
        lengths in proptest::array::uniform3(0usize..100_000),
        strides in proptest::array::uniform3(0usize..5000),
        interlaced in any::<bool>(),
    ) {
        let bytes = vec![9; 100_000];
        let data: [_; 3] = std::array::from_fn(|i| Some((&bytes[..lengths[i]], strides[i])));
        let source = Source {
            layout: LAYOUTS[layout], width, height, pixel_aspect: (1, 1), range: Range::Full,
            matrix: Matrix::Bt601, interlaced, data,
        };
        let geometry = Geometry::new(64, 36).unwrap();
        let mut picture = Picture::black(geometry);
        if let Ok(converted) = Converter::new(geometry).convert(&source) {
            converted.paint(picture.as_mut());
        }
    }
}
