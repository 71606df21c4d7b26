//! How much of anything an access unit may have. Each limit is far above what cameras send and far
//! below what hurts.

/// Bytes of an access unit. The largest IDR picture seen of a camera has 667 KB; other restreamers
/// stop at 5 MB. At 25 pictures a second this much would be 1.6 Gbit/s.
pub const LARGEST_UNIT: usize = 8 * 1024 * 1024;

/// Slices (H.264) or slice segments (H.265) of an access unit. Cameras send 1 to 8. A decoder that
/// numbers slices in 16 bits meets its own marker at 65,535, which was a hole in libavcodec.
pub const MOST_SLICES: usize = 64;

/// Other NAL units of an access unit: parameter sets, delimiters, side information.
pub const MOST_OTHERS: usize = 64;

/// Bytes of a parameter set. With every scaling list spelt out an SPS has below 800, a PPS too.
pub const LARGEST_PARAMETER_SET: usize = 2048;

/// Segments of a JPEG image, APPn and COM included. Cameras send below 20.
pub const MOST_SEGMENTS: usize = 64;

/// Reference pictures (H.264 and H.265: 16 in every level).
pub const MOST_REFERENCES: u32 = 16;

/// Macroblocks of all reference frames: `MaxDpbMbs` of levels 5.1 and 5.2 (H.264 table A-1), five
/// frames of 3840x2160. The level that a stream declares is not looked at: cameras lie about it.
pub const MOST_REFERENCE_MACROBLOCKS: u64 = 184_320;

/// Luma samples of a picture that six reference pictures are allowed at: `MaxLumaPs` of levels 5 to
/// 5.2 (H.265 table A.8).
pub const LUMA_OF_SIX_REFERENCES: u64 = 8_912_896;

/// Bytes a second that a camera may send in the long run: 200 Mbit/s, what Motion JPEG of 3840x2160
/// at 25 pictures a second needs, several times what anything else does.
pub const BYTES_A_SECOND: u64 = 25_000_000;

/// Bytes that may come at once beyond that: a few of the largest pictures, and what a camera kept
/// while the network was away.
pub const BURST: u64 = 32 * 1024 * 1024;

/// The limits that are numbers, of a filter's. A worker's are [`SHIPPED`](Self::SHIPPED), and
/// nothing sets others but tests, which show that without one of them its attack is not contained.
#[derive(Clone, Copy, Debug)]
pub struct UnitLimits {
    /// [`MOST_SLICES`].
    pub slices: usize,
    /// [`MOST_OTHERS`].
    pub others: usize,
    /// [`LARGEST_PARAMETER_SET`].
    pub parameter_set: usize,
    /// [`MOST_REFERENCES`], of H.264.
    pub references: u32,
    /// [`MOST_REFERENCE_MACROBLOCKS`], of H.264.
    pub reference_macroblocks: u64,
    /// [`LUMA_OF_SIX_REFERENCES`], of H.265.
    pub luma_of_six_references: u64,
    /// [`LARGEST_UNIT`], of every format.
    pub largest_unit: usize,
    /// [`MOST_SEGMENTS`], of JPEG.
    pub segments: usize,
}

impl UnitLimits {
    /// Those of every worker.
    pub const SHIPPED: Self = Self {
        slices: MOST_SLICES,
        others: MOST_OTHERS,
        parameter_set: LARGEST_PARAMETER_SET,
        references: MOST_REFERENCES,
        reference_macroblocks: MOST_REFERENCE_MACROBLOCKS,
        luma_of_six_references: LUMA_OF_SIX_REFERENCES,
        largest_unit: LARGEST_UNIT,
        segments: MOST_SEGMENTS,
    };
}
