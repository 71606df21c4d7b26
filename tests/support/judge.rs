//! Whether what arrived is what the camera sent.

use cofferdam_simulator::barcode::Barcode;

/// Why pictures are not live pictures of the camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are.
    Live,
    /// Too few pictures carry the camera's counter: a slate, or garbage.
    NotLive {
        /// Pictures with a barcode.
        coded: usize,
        /// Pictures without.
        blank: usize,
    },
    /// Pictures of another camera are among them.
    OtherCamera(u8),
    /// The counter went backwards, or stood still.
    Stuck,
}

/// Judges barcodes in the order their pictures came: all of `camera`, none older than the one
/// before, and at least `expected` different ones.
#[must_use]
pub fn judge(codes: &[Barcode], blank: usize, camera: u8, expected: usize) -> Verdict {
    if let Some(other) = codes.iter().find(|code| code.camera != camera) {
        return Verdict::OtherCamera(other.camera);
    }
    if codes.windows(2).any(|pair| pair[1].counter < pair[0].counter) {
        return Verdict::Stuck;
    }
    let mut counters: Vec<u32> = codes.iter().map(|code| code.counter).collect();
    counters.dedup();
    if codes.len() < expected || blank > codes.len() / 2 {
        return Verdict::NotLive { coded: codes.len(), blank };
    }
    if counters.len() * 4 < codes.len() * 3 {
        return Verdict::Stuck;
    }
    Verdict::Live
}

/// Structural similarity of two luma planes of one size, by the mean over 8x8 blocks of the index of
/// Wang, Bovik, Sheikh and Simoncelli (2004): 1 for equal pictures, near 0 for unrelated ones.
#[must_use]
pub fn ssim(a: &[u8], b: &[u8], width: usize) -> f64 {
    const SIDE: usize = 8;
    const C1: f64 = 6.5025;
    const C2: f64 = 58.5225;
    let height = a.len().min(b.len()) / width;
    let (mut sum, mut blocks) = (0.0, 0.0);
    for top in (0..height.saturating_sub(SIDE - 1)).step_by(SIDE) {
        for left in (0..width.saturating_sub(SIDE - 1)).step_by(SIDE) {
            let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0u32, 0u32, 0u32, 0u32, 0u32);
            for y in top..top + SIDE {
                let row = y * width + left..y * width + left + SIDE;
                for (p, q) in a[row.clone()].iter().zip(&b[row]) {
                    let (p, q) = (u32::from(*p), u32::from(*q));
                    sa += p;
                    sb += q;
                    saa += p * p;
                    sbb += q * q;
                    sab += p * q;
                }
            }
            let [sa, sb, saa, sbb, sab] = [sa, sb, saa, sbb, sab].map(f64::from);
            let n = (SIDE * SIDE) as f64;
            let (ma, mb) = (sa / n, sb / n);
            let (va, vb, cov) = (saa / n - ma * ma, sbb / n - mb * mb, sab / n - ma * mb);
            sum += ((2.0 * ma * mb + C1) * (2.0 * cov + C2))
                / ((ma * ma + mb * mb + C1) * (va + vb + C2));
            blocks += 1.0;
        }
    }
    if blocks == 0.0 { 0.0 } else { sum / blocks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(camera: u8, counters: &[u32]) -> Vec<Barcode> {
        counters.iter().map(|counter| Barcode { camera, counter: *counter }).collect()
    }

    #[test]
    fn live_pictures_pass_and_nothing_else_does() {
        assert_eq!(judge(&codes(1, &[5, 6, 7, 8]), 0, 1, 4), Verdict::Live);
        assert_eq!(judge(&codes(2, &[5, 6, 7, 8]), 0, 1, 4), Verdict::OtherCamera(2));
        assert_eq!(judge(&[], 50, 1, 4), Verdict::NotLive { coded: 0, blank: 50 });
        assert_eq!(judge(&codes(1, &[5, 6, 7, 6]), 0, 1, 4), Verdict::Stuck);
        assert_eq!(judge(&codes(1, &[5, 5, 5, 5]), 0, 1, 4), Verdict::Stuck);
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)]
    fn ssim_tells_equal_from_unrelated() {
        let ramp: Vec<u8> = (0..64 * 64u32).map(|i| (i % 64 * 4) as u8).collect();
        let noise: Vec<u8> =
            (0..64 * 64u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert!(ssim(&ramp, &ramp, 64) > 0.999);
        assert!(ssim(&ramp, &noise, 64) < 0.3);
        assert!(ssim(&ramp, &vec![80; 64 * 64], 64) < 0.9);
    }
}
