//! From the camera's colour differences to BT.709's, and from its range to limited range.

use cofferdam_picture_scale::PlaneRef;

use super::range::Range;

/// By which weights luma and colour differences were made of red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// ITU-R BT.709, which is what is published.
    Bt709,
    /// ITU-R BT.601, the same as JPEG's.
    Bt601,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
    /// SMPTE 240M.
    Smpte240m,
    /// FCC 73.682.
    Fcc,
}

impl Matrix {
    /// The weights of red and blue in luma.
    const fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt601 => (0.299, 0.114),
            Self::Bt2020 => (0.2627, 0.0593),
            Self::Smpte240m => (0.212, 0.087),
            Self::Fcc => (0.30, 0.11),
        }
    }
}

/// Binary places of the fixed-point coefficients.
const SHIFT: u32 = 14;
const HALF: i32 = 1 << (SHIFT - 1);

/// A conversion of samples to limited-range BT.709.
///
/// Everything is linear, so range and matrix are one step: a luma of its own scale to which both
/// colour differences add, and two colour differences mixed from two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transform {
    black: i32,
    luma: i32,
    luma_from_blue: i32,
    luma_from_red: i32,
    blue: [i32; 2],
    red: [i32; 2],
}

impl Transform {
    /// The conversion of samples of this matrix and range, `None` when they are right already.
    pub(super) fn new(matrix: Matrix, range: Range) -> Option<Self> {
        if matrix == Matrix::Bt709 && range == Range::Limited {
            return None;
        }
        let (y_span, c_span) = range.spans();
        let (to_y_span, to_c_span) = Range::Limited.spans();
        let by_blue = convert(matrix, 1.0, 0.0);
        let by_red = convert(matrix, 0.0, 1.0);
        Some(Self {
            black: range.black(),
            luma: fixed(to_y_span / y_span),
            luma_from_blue: fixed(by_blue[0] * to_y_span / c_span),
            luma_from_red: fixed(by_red[0] * to_y_span / c_span),
            blue: [fixed(by_blue[1] * to_c_span / c_span), fixed(by_red[1] * to_c_span / c_span)],
            red: [fixed(by_blue[2] * to_c_span / c_span), fixed(by_red[2] * to_c_span / c_span)],
        })
    }

    /// Converts a 4:2:0 picture. `to` are its planes without padding, of the sizes of `y` and `u`.
    pub(super) fn apply(
        &self,
        y: PlaneRef<'_>,
        [u, v]: [PlaneRef<'_>; 2],
        to: [&mut [u8]; 3],
        scratch: &mut Vec<i32>,
    ) {
        let [to_y, to_u, to_v] = to;
        scratch.resize(y.width().div_ceil(2) * 2, 0);
        let luma_is_alone = self.luma_from_blue == 0 && self.luma_from_red == 0;
        for (index, (from, to)) in y.rows().zip(to_y.chunks_exact_mut(y.width())).enumerate() {
            if luma_is_alone {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = clamp((i32::from(*from) - self.black) * self.luma, 16);
                }
                continue;
            }
            if index % 2 == 0 {
                let differences = u.row(index / 2).iter().zip(v.row(index / 2));
                for (pair, (blue, red)) in scratch.chunks_exact_mut(2).zip(differences) {
                    let (blue, red) = (i32::from(*blue) - 128, i32::from(*red) - 128);
                    pair.fill(blue * self.luma_from_blue + red * self.luma_from_red);
                }
            }
            for ((to, from), add) in to.iter_mut().zip(from).zip(scratch.iter()) {
                *to = clamp((i32::from(*from) - self.black) * self.luma + add, 16);
            }
        }
        for (to, row) in [(to_u, self.blue), (to_v, self.red)] {
            for ((to, blue), red) in to.chunks_exact_mut(u.width()).zip(u.rows()).zip(v.rows()) {
                for ((to, blue), red) in to.iter_mut().zip(blue).zip(red) {
                    let (blue, red) = (i32::from(*blue) - 128, i32::from(*red) - 128);
                    *to = clamp(blue * row[0] + red * row[1], 128);
                }
            }
        }
    }
}

/// The BT.709 luma and differences of a colour with these differences and no luma.
fn convert(from: Matrix, blue: f64, red: f64) -> [f64; 3] {
    let (kr, kb) = from.weights();
    let r = 2.0 * (1.0 - kr) * red;
    let b = 2.0 * (1.0 - kb) * blue;
    let g = -(kr * r + kb * b) / (1.0 - kr - kb);
    let (kr, kb) = Matrix::Bt709.weights();
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    [y, (b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr))]
}

/// Fixed point; exact zero for what is only rounding noise.
#[expect(clippy::cast_possible_truncation, reason = "coefficients are small: |value| < 4")]
fn fixed(value: f64) -> i32 {
    (value * f64::from(1 << SHIFT)).round() as i32
}

#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
#[inline]
fn clamp(value: i32, offset: i32) -> u8 {
    (((value + HALF) >> SHIFT) + offset).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(matrix: Matrix, range: Range, [y, u, v]: [u8; 3]) -> [u8; 3] {
        let transform = Transform::new(matrix, range).unwrap();
        let (luma, blue, red) = ([y; 6], [u; 2], [v; 2]);
        let plane = |bytes| PlaneRef::new(bytes, 2, 2, 1).unwrap();
        let luma = PlaneRef::new(&luma, 3, 3, 2).unwrap();
        let (mut to_y, mut to_u, mut to_v) = ([0; 6], [0; 2], [0; 2]);
        transform.apply(
            luma,
            [plane(&blue), plane(&red)],
            [&mut to_y, &mut to_u, &mut to_v],
            &mut Vec::new(),
        );
        assert!(to_y.iter().all(|y| *y == to_y[0]), "all of the picture alike: {to_y:?}");
        [to_y[0], to_u[1], to_v[1]]
    }

    /// Red, green, blue as limited or full samples of a matrix, by the definition.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn samples(matrix: Matrix, range: Range, [r, g, b]: [f64; 3]) -> [u8; 3] {
        let (kr, kb) = matrix.weights();
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (y_span, c_span) = range.spans();
        let blue = (b - y) / (2.0 * (1.0 - kb));
        let red = (r - y) / (2.0 * (1.0 - kr));
        [
            (f64::from(range.black()) + y_span * y).round() as u8,
            (128.0 + c_span * blue).round().min(255.0) as u8,
            (128.0 + c_span * red).round().min(255.0) as u8,
        ]
    }

    #[test]
    fn full_range_ends_become_limited_range_ends() {
        assert_eq!(one(Matrix::Bt709, Range::Full, [255, 128, 128]), [235, 128, 128]);
        assert_eq!(one(Matrix::Bt709, Range::Full, [0, 128, 128]), [16, 128, 128]);
        assert_eq!(one(Matrix::Bt709, Range::Full, [128, 255, 0]), [126, 240, 16]);
        assert_eq!(one(Matrix::Bt601, Range::Full, [255, 128, 128]), [235, 128, 128]);
    }

    #[test]
    fn red_of_601_is_red_of_709() {
        assert_eq!(samples(Matrix::Bt601, Range::Limited, [1.0, 0.0, 0.0]), [81, 90, 240]);
        assert_eq!(samples(Matrix::Bt709, Range::Limited, [1.0, 0.0, 0.0]), [63, 102, 240]);
        let red = one(Matrix::Bt601, Range::Limited, [81, 90, 240]);
        for (found, expected) in red.iter().zip([63, 102, 240]) {
            assert!(found.abs_diff(expected) <= 1, "{red:?}");
        }
    }

    #[test]
    fn colours_of_every_matrix_and_range_arrive_as_709() {
        use Matrix::{Bt601, Bt709, Bt2020, Fcc, Smpte240m};
        let levels = [0.0, 0.25, 0.5, 1.0];
        let colours = levels.iter().flat_map(|r| levels.map(|g| levels.map(|b| [*r, g, b])));
        for colour in colours.flatten() {
            let expected = samples(Bt709, Range::Limited, colour);
            for matrix in [Bt601, Bt709, Bt2020, Fcc, Smpte240m] {
                for range in [Range::Limited, Range::Full] {
                    if (matrix, range) == (Bt709, Range::Limited) {
                        assert!(Transform::new(matrix, range).is_none());
                        continue;
                    }
                    let found = one(matrix, range, samples(matrix, range, colour));
                    for (found, expected) in found.iter().zip(expected) {
                        let off = found.abs_diff(expected);
                        assert!(off <= 2, "{colour:?} of {matrix:?} {range:?}: {found} {expected}");
                    }
                }
            }
        }
    }
}
