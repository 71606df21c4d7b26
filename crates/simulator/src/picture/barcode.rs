//! A number that survives encoding, scaling and conversion.
//!
//! Two rows of 32 black and white blocks along the top of the picture, 64 bits, most significant
//! first: 8 bits of a fixed pattern, 8 bits of camera, 32 bits of counter, 16 bits of CRC over
//! camera and counter. A block is 1/32 of the width and 1/20 of the height, so that the blocks stay
//! where they are when the picture is scaled. Black and white are what the fixed pattern shows, so
//! that a change of range, brightness or contrast does no harm.

use cofferdam_picture::PictureMut;

/// Which picture of which camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Barcode {
    /// The camera's number.
    pub camera: u8,
    /// The picture's number.
    pub counter: u32,
}

const COLUMNS: usize = 32;
const ROWS: usize = 2;
/// A block's height is the picture's height divided by this.
const HEIGHTS: usize = 20;
/// The fixed pattern: as many white blocks as black ones.
const PATTERN: u8 = 0b1011_0010;
const PATTERN_BITS: usize = 8;
/// The least difference between black and white, of 255. Encoders do not get near it.
const LEAST_CONTRAST: u32 = 64;

/// Luma of black and white in limited range.
const LEVELS: [u8; 2] = [16, 235];

/// Draws `barcode` over the top tenth of `picture`, which should be at least 160 by 90 pixels for
/// it to be legible once encoded.
pub fn draw(picture: &mut PictureMut<'_>, barcode: Barcode) {
    let (width, height) = (picture.geometry.columns(), picture.geometry.rows());
    let word = encode(barcode);
    for y in 0..block_edge(ROWS, height, HEIGHTS) {
        let row = (0..ROWS).rfind(|r| block_edge(*r, height, HEIGHTS) <= y).unwrap_or(0);
        let line = &mut picture.y[y * width..(y + 1) * width];
        for column in 0..COLUMNS {
            let bit = usize::from(word >> (63 - (row * COLUMNS + column)) & 1 == 1);
            line[block_edge(column, width, COLUMNS)..block_edge(column + 1, width, COLUMNS)]
                .fill(LEVELS[bit]);
        }
    }
    let chroma_rows = block_edge(ROWS, height, HEIGHTS).div_ceil(2);
    picture.u[..chroma_rows * width / 2].fill(128);
    picture.v[..chroma_rows * width / 2].fill(128);
}

/// The barcode in a picture's luma plane of `height` rows of `width` bytes, `stride` bytes apart.
///
/// `None` when there is none, when it is damaged, or when it is a mixture of two: every block must
/// be clearly black or white, and the CRC must match. What is below the strip is not looked at.
#[must_use]
pub fn read(luma: &[u8], width: usize, height: usize, stride: usize) -> Option<Barcode> {
    if width < COLUMNS || height < HEIGHTS || stride < width {
        return None;
    }
    if luma.len() < stride.checked_mul(height - 1)?.checked_add(width)? {
        return None;
    }
    let mut blocks = [0_u32; ROWS * COLUMNS];
    for (index, block) in blocks.iter_mut().enumerate() {
        *block = mean(luma, width, height, stride, index);
    }
    let pattern = |white: bool| {
        let of_colour = (0..PATTERN_BITS)
            .filter(move |i| (PATTERN >> (PATTERN_BITS - 1 - i) & 1 == 1) == white);
        of_colour.map(|i| blocks[i]).sum::<u32>() / 4
    };
    let (white, black) = (pattern(true), pattern(false));
    if white < black + LEAST_CONTRAST {
        return None;
    }
    // Between the two a quarter of the way from either belongs to neither.
    let margin = (white - black) / 4;
    let mut word = 0_u64;
    for block in blocks {
        let bit = match block {
            b if b >= white.saturating_sub(margin) => 1,
            b if b <= black + margin => 0,
            _ => return None,
        };
        word = word << 1 | bit;
    }
    decode(word)
}

/// The mean of the middle of a block: edges bleed into each other when a picture is scaled.
fn mean(luma: &[u8], width: usize, height: usize, stride: usize, index: usize) -> u32 {
    let middle = |block: usize, length: usize, blocks: usize| {
        let from = (4 * block + 1) * length / (4 * blocks);
        let to = (4 * block + 3) * length / (4 * blocks);
        from..to.max(from + 1)
    };
    let columns = middle(index % COLUMNS, width, COLUMNS);
    let (mut sum, mut count) = (0, 0);
    for y in middle(index / COLUMNS, height, HEIGHTS) {
        for sample in &luma[y * stride + columns.start..y * stride + columns.end] {
            sum += u32::from(*sample);
            count += 1;
        }
    }
    sum / count
}

/// Where block `block` of `blocks` begins along a side of `length` pixels.
const fn block_edge(block: usize, length: usize, blocks: usize) -> usize {
    block * length / blocks
}

fn encode(barcode: Barcode) -> u64 {
    let crc = crc16(barcode);
    u64::from(PATTERN) << 56
        | u64::from(barcode.camera) << 48
        | u64::from(barcode.counter) << 16
        | u64::from(crc)
}

fn decode(word: u64) -> Option<Barcode> {
    let [pattern, camera, a, b, c, d, ..] = word.to_be_bytes();
    let barcode = Barcode { camera, counter: u32::from_be_bytes([a, b, c, d]) };
    (pattern == PATTERN && word == encode(barcode)).then_some(barcode)
}

/// CRC-16/IBM-3740 ("CCITT-FALSE"): polynomial 0x1021, start 0xFFFF.
fn crc16(barcode: Barcode) -> u16 {
    let [a, b, c, d] = barcode.counter.to_be_bytes();
    [barcode.camera, a, b, c, d].iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_picture::{Geometry, Picture};

    use super::*;
    use crate::source::random::Random;

    fn drawn(width: u32, height: u32, barcode: Barcode) -> Vec<u8> {
        let geometry = Geometry::new(width, height).unwrap();
        let mut picture = Picture::black(geometry);
        draw(&mut picture.as_mut(), barcode);
        picture.as_ref().y.to_vec()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "coordinates are inside the picture and samples are means of samples"
    )]
    fn scaled(luma: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
        // Bilinear with the usual half-pixel offset.
        let sample = |x: f64, y: f64| {
            let (x0, y0) = (x.floor(), y.floor());
            let at = |x: f64, y: f64| {
                let x = (x.max(0.0) as usize).min(from.0 - 1);
                let y = (y.max(0.0) as usize).min(from.1 - 1);
                f64::from(luma[y * from.0 + x])
            };
            let (fx, fy) = (x - x0, y - y0);
            let top = at(x0, y0) * (1.0 - fx) + at(x0 + 1.0, y0) * fx;
            let bottom = at(x0, y0 + 1.0) * (1.0 - fx) + at(x0 + 1.0, y0 + 1.0) * fx;
            (top * (1.0 - fy) + bottom * fy) as u8
        };
        let ratio = (from.0 as f64 / to.0 as f64, from.1 as f64 / to.1 as f64);
        (0..to.1)
            .flat_map(|y| (0..to.0).map(move |x| (x, y)))
            .map(|(x, y)| {
                sample((x as f64 + 0.5) * ratio.0 - 0.5, (y as f64 + 0.5) * ratio.1 - 0.5)
            })
            .collect()
    }

    #[test]
    fn the_crc_is_the_published_one() {
        // "12345", by an independent implementation that gives the catalogue's 0x29B1 for
        // "123456789".
        assert_eq!(crc16(Barcode { camera: 0x31, counter: 0x3233_3435 }), 0x4560);
    }

    #[test]
    fn reads_what_was_drawn_at_any_size() {
        for (width, height) in [(160, 90), (320, 180), (704, 576), (1366, 768), (3840, 2160)] {
            for (camera, counter) in [(0, 0), (255, u32::MAX), (3, 0x0F0F_1234)] {
                let barcode = Barcode { camera, counter };
                let luma = drawn(width, height, barcode);
                let (width, height) = (width as usize, height as usize);
                assert_eq!(read(&luma, width, height, width), Some(barcode), "{width}x{height}");
            }
        }
    }

    #[test]
    fn heeds_the_stride() {
        let barcode = Barcode { camera: 1, counter: 99 };
        let padded: Vec<u8> = drawn(320, 180, barcode)
            .chunks(320)
            .flat_map(|row| row.iter().copied().chain([77; 32]))
            .collect();
        assert_eq!(read(&padded, 320, 180, 352), Some(barcode));
        assert_eq!(read(&padded[..padded.len() - 32], 320, 180, 352), Some(barcode));
        assert_eq!(read(&padded[..padded.len() - 33], 320, 180, 352), None);
        assert_eq!(read(&padded, 320, 180, 319), None);
    }

    #[test]
    fn survives_scaling_full_range_and_noise() {
        let mut random = Random::new(7);
        for counter in [0, 1, 4_000_000, 0xAAAA_5555] {
            let barcode = Barcode { camera: 9, counter };
            let luma = drawn(1920, 1080, barcode);
            for to in [(640, 360), (960, 540), (640, 480), (1280, 720), (2560, 1440)] {
                let mut small = scaled(&luma, (1920, 1080), to);
                for sample in &mut small {
                    let full = (i32::from(*sample) - 16) * 255 / 219;
                    let noise = i32::try_from(random.below(81)).unwrap() - 40;
                    *sample = u8::try_from((full + noise).clamp(0, 255)).unwrap();
                }
                assert_eq!(read(&small, to.0, to.1, to.0), Some(barcode), "{to:?}");
            }
        }
    }

    #[test]
    fn finds_nothing_in_slates_and_noise() {
        for level in [0, 16, 128, 235, 255] {
            assert_eq!(read(&vec![level; 640 * 360], 640, 360, 640), None);
        }
        let mut random = Random::new(1);
        for _ in 0..20_000 {
            // Random blocks, which come closer to a barcode than random pixels.
            let mut luma = vec![0; 64 * 20];
            for block in 0..64 {
                let level = if random.below(2) == 0 { 16 } else { 235 };
                let at = block / 32 * 64 + block % 32 * 2;
                luma[at..at + 2].fill(level);
            }
            assert_eq!(read(&luma, 64, 20, 64), None);
        }
        assert_eq!(read(&[], 0, 0, 0), None);
        assert_eq!(read(&[1, 2, 3], usize::MAX, usize::MAX, usize::MAX), None);
    }

    #[test]
    fn finds_nothing_in_a_mixture_of_two_barcodes() {
        // Both rows differ.
        let one = drawn(640, 360, Barcode { camera: 1, counter: 0xFFFF });
        let two = drawn(640, 360, Barcode { camera: 1, counter: 0x1_0000 });
        for tear in [9, 18, 27] {
            let torn = [&one[..640 * tear], &two[640 * tear..]].concat();
            assert_eq!(read(&torn, 640, 360, 640), None, "{tear}");
        }
        let blended: Vec<u8> = one.iter().zip(&two).map(|(a, b)| u8::midpoint(*a, *b)).collect();
        assert_eq!(read(&blended, 640, 360, 640), None);
    }
}
