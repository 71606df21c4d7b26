//! One field of two: half of the rows, and the other half made from them.

use cofferdam_picture_scale::PlaneRef;

/// Keeps the even rows of `plane` and makes each odd one the mean of its neighbours.
///
/// Half of the vertical detail goes, and the combs on everything that moves with it. Both fields
/// cannot be shown: the published stream has one picture where the camera has two half ones.
pub(super) fn keep_upper_field(plane: PlaneRef<'_>, to: &mut [u8]) {
    for (index, to) in to.chunks_exact_mut(plane.width()).enumerate() {
        if index % 2 == 0 {
            to.copy_from_slice(plane.row(index));
            continue;
        }
        let above = plane.row(index - 1);
        let below = if index + 1 < plane.height() { plane.row(index + 1) } else { above };
        for ((to, above), below) in to.iter_mut().zip(above).zip(below) {
            *to = above.midpoint(*below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_field_leaves_no_trace() {
        let plane = PlaneRef::new(&[10, 20, 255, 255, 30, 40, 0, 0], 2, 2, 4).unwrap();
        let mut to = [0; 8];
        keep_upper_field(plane, &mut to);
        assert_eq!(to, [10, 20, 20, 30, 30, 40, 30, 40]);
    }
}
