//! Colour differences at the resolution of 4:2:0.

use cofferdam_picture_scale::PlaneRef;

/// Averages `plane` into `to`: `columns` samples a row of `to`, each made of `across` by `down`
/// samples of the plane. At the right and lower edge the last sample stands for those missing.
pub(super) fn average(
    plane: PlaneRef<'_>,
    to: &mut [u8],
    columns: usize,
    (across, down): (usize, usize),
) {
    for (index, to) in to.chunks_exact_mut(columns.max(1)).enumerate() {
        let upper = plane.row(index * down);
        let lower = plane.row(index * down + down - 1);
        match across {
            1 => {
                for ((to, upper), lower) in to.iter_mut().zip(upper).zip(lower) {
                    *to = mean([*upper, *upper, *lower, *lower]);
                }
            }
            _ => {
                for (to, (upper, lower)) in to.iter_mut().zip(upper.chunks(2).zip(lower.chunks(2)))
                {
                    let right = upper.len() - 1;
                    *to = mean([upper[0], upper[right], lower[0], lower[right]]);
                }
            }
        }
    }
}

/// Stretches `plane` sideways by two while averaging `down` rows: 4:1:1 to 4:2:0.
pub(super) fn stretch(plane: PlaneRef<'_>, to: &mut [u8], columns: usize, down: usize) {
    for (index, to) in to.chunks_exact_mut(columns.max(1)).enumerate() {
        let rows = plane.row(index * down).iter().zip(plane.row(index * down + down - 1));
        for (to, (upper, lower)) in to.chunks_mut(2).zip(rows) {
            to.fill(mean([*upper, *upper, *lower, *lower]));
        }
    }
}

/// Takes every second sample of `plane`, from the first or the second: NV12's pairs.
pub(super) fn unzip(plane: PlaneRef<'_>, to: &mut [u8], columns: usize, second: bool) {
    for (to, from) in to.chunks_exact_mut(columns.max(1)).zip(plane.rows()) {
        for (to, pair) in to.iter_mut().zip(from.chunks_exact(2)) {
            *to = pair[usize::from(second)];
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the mean of bytes is a byte")]
#[inline]
fn mean(samples: [u8; 4]) -> u8 {
    ((samples.iter().map(|s| u16::from(*s)).sum::<u16>() + 2) / 4) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_422_are_averaged_in_pairs() {
        let plane = PlaneRef::new(&[10, 20, 30, 40, 50, 60], 2, 2, 3).unwrap();
        let mut to = [0; 4];
        average(plane, &mut to, 2, (1, 2));
        assert_eq!(to, [20, 30, 50, 60]);
    }

    #[test]
    fn squares_of_444_are_averaged() {
        let plane = PlaneRef::new(&[0, 4, 9, 8, 12, 11, 100, 200, 250], 3, 3, 3).unwrap();
        let mut to = [0; 4];
        average(plane, &mut to, 2, (2, 2));
        assert_eq!(to, [6, 10, 150, 250]);
    }

    #[test]
    fn samples_of_411_are_doubled() {
        let plane = PlaneRef::new(&[10, 20, 30, 40], 2, 2, 2).unwrap();
        let mut to = [0; 3];
        stretch(plane, &mut to, 3, 2);
        assert_eq!(to, [20, 20, 30]);
    }

    #[test]
    fn pairs_of_nv12_come_apart() {
        let plane = PlaneRef::new(&[1, 2, 3, 4, 5, 6, 7, 8], 4, 4, 2).unwrap();
        let (mut first, mut second) = ([0; 4], [0; 4]);
        unzip(plane, &mut first, 2, false);
        unzip(plane, &mut second, 2, true);
        assert_eq!((first, second), ([1, 3, 5, 7], [2, 4, 6, 8]));
    }
}
