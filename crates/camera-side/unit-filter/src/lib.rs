//! What of a camera's access units may reach a decoder.
//!
//! A decoder is C, and most of what a camera can say to it has nothing to do with pictures. So each
//! access unit passes here first: what decoding needs is checked as far as its headers go, what it
//! does not need is cut out and counted, and a unit that breaks a rule is refused as a whole.
//!
//! ```text
//! access unit ── framing (NAL units or JPEG segments) ── types ── parameter sets ── slice headers ──► decoder
//! ```
//!
//! - H.264 (ITU-T H.264): slices (1), IDR slices (5), SPS (7), PPS (8), and nothing else.
//! - H.265 (ITU-T H.265): slices (0–9, 16–21), VPS (32), SPS (33), PPS (34) of layer 0.
//! - Motion JPEG (ITU-T T.81): one baseline image, without APPn and COM.
//!
//! It vouches for headers, not for what slices and scans contain: that is the decoder's to read, and
//! the jail's to contain.
//!
//! Bytes and times are arguments; no input panics. What comes out is never longer than what went in.
#![forbid(unsafe_code)]

#[cfg(all(
    not(debug_assertions),
    any(
        feature = "without-kinds",
        feature = "without-set-check",
        feature = "without-slice-check",
        feature = "without-segments",
    )
))]
compile_error!("a rule of the filter is left out: such a build is for tests and cannot be shipped");

pub mod annexb;
mod bits;
mod budget;
mod edit;
mod h264;
mod h265;
mod jpeg;
pub mod limits;
mod nal_units;
mod sets;
mod tally;
#[cfg(test)]
mod testing;

pub use budget::ByteBudget;
use limits::UnitLimits;
use nal_units::check;
pub use tally::Tally;

/// What an access unit is encoded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// H.264 as a byte stream (Annex B).
    H264,
    /// H.265 as a byte stream (Annex B).
    H265,
    /// One JPEG image a unit.
    Jpeg,
}

/// The largest picture, either way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestPicture {
    /// Its longer side, in pixels.
    pub long: u32,
    /// Its shorter side, in pixels.
    pub short: u32,
}

impl LargestPicture {
    /// Whether a picture fits, lying or standing.
    const fn holds(self, width: u32, height: u32) -> bool {
        let (long, short) = if width >= height { (width, height) } else { (height, width) };
        short > 0 && long <= self.long && short <= self.short
    }

    /// The same with each side rounded up to whole blocks of `block` pixels: what encoders code.
    const fn in_blocks_of(self, block: u32) -> Self {
        Self { long: self.long.next_multiple_of(block), short: self.short.next_multiple_of(block) }
    }
}

/// Why an access unit is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is well formed, and of a form that is not decoded here: another profile, more than eight
    /// bits, another chroma format, too large a picture, slice groups.
    #[error("a form of video that is not decoded here")]
    Unsupported,
    /// It breaks the rules of its format.
    #[error("not well-formed video")]
    Malformed,
    /// It has more bytes, NAL units or slices than a camera's picture needs.
    #[error("more than a picture needs")]
    TooMuch,
    /// Its slices belong to parameter sets that did not come, or were refused.
    #[error("no accepted parameter sets")]
    NoParameterSets,
}

/// The filter of one camera's stream: it remembers the parameter sets it accepted.
#[derive(Debug)]
pub struct UnitFilter {
    rules: Rules,
    limits: UnitLimits,
    edit: edit::Edit,
    tally: Tally,
}

#[derive(Debug)]
enum Rules {
    H264(h264::Rules),
    H265(h265::Rules),
    Jpeg(jpeg::Rules),
}

impl UnitFilter {
    /// A filter for a stream that begins.
    #[must_use]
    pub fn new(format: Format, largest: LargestPicture) -> Self {
        Self::within(UnitLimits::SHIPPED, format, largest)
    }

    /// The same within other limits than a worker's: for tests.
    #[must_use]
    pub fn within(limits: UnitLimits, format: Format, largest: LargestPicture) -> Self {
        let rules = match format {
            Format::H264 => Rules::H264(h264::Rules::new(largest, limits)),
            Format::H265 => Rules::H265(h265::Rules::new(largest, limits.luma_of_six_references)),
            Format::Jpeg => Rules::Jpeg(jpeg::Rules::new(largest, limits.segments)),
        };
        Self { rules, limits, edit: edit::Edit::default(), tally: Tally::default() }
    }

    /// Leaves of `unit` what may reach the decoder. Where nothing has to go, nothing is copied.
    ///
    /// What is left may be nothing: a unit of side information alone is no offence.
    ///
    /// # Errors
    /// When the unit is refused as a whole. `unit` is empty then.
    pub fn filter(&mut self, unit: &mut Vec<u8>) -> Result<(), Refusal> {
        self.edit.clear();
        let result = if unit.len() > self.limits.largest_unit {
            Err(Refusal::TooMuch)
        } else {
            match &mut self.rules {
                Rules::H264(rules) => {
                    check(rules, &self.limits, unit, &mut self.edit, &mut self.tally)
                }
                Rules::H265(rules) => {
                    check(rules, &self.limits, unit, &mut self.edit, &mut self.tally)
                }
                Rules::Jpeg(rules) => rules.check(unit, &mut self.edit, &mut self.tally),
            }
        };
        match result {
            Ok(()) => self.edit.apply(unit),
            Err(_) => {
                self.tally.count(cofferdam_picture_ring::Filtered::Unit);
                unit.clear();
            }
        }
        result
    }

    /// What was dropped since this was last asked.
    #[must_use]
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }
}
