//! Sequence and picture parameter sets (ITU-T H.264, 7.3.2.1 and 7.3.2.2), by `h264-reader`.

use h264_reader::Context;
use h264_reader::nal::pps::{PicParameterSet, PpsError};
use h264_reader::nal::sps::{ChromaFormat, FrameMbsFlags, SeqParameterSet};
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, Numeric, Primitive};

use crate::annexb::{escape, unescape};
use crate::bits::{Bits, cut};
use crate::limits::UnitLimits;
use crate::sets::{Sets, Shorter, in_place_of};
use crate::{LargestPicture, Refusal};

/// Baseline, Main, High (A.2). Real cameras send these three. Baseline without its constraint flags
/// is common and fine: what Constrained Baseline lacks is refused where it would be used.
const PROFILES: [u8; 3] = [66, 77, 100];
/// A macroblock's side, in pixels.
const MACROBLOCK: u32 = 16;
/// The constraint flags 0 to 2: with any of them a PPS has no extension.
const CONSTRAINED: u8 = 0b1110_0000;

/// What slices need to know of the parameter sets they name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture {
    /// Of a frame.
    pub(super) macroblocks: u32,
    pub(super) frame_num_bits: usize,
    pub(super) frames_only: bool,
    /// Macroblock-adaptive: frames are coded in pairs of macroblocks.
    pub(super) adaptive: bool,
}

/// The parameter sets accepted so far: 32 and 256 at the most, by their ids' ranges.
#[derive(Debug)]
pub(super) struct ParameterSets {
    largest: LargestPicture,
    limits: UnitLimits,
    sequences: Sets<Sequence>,
    /// Each with the id of its sequence.
    pictures: Sets<u8>,
}

#[derive(Debug)]
struct Sequence {
    picture: Picture,
    /// It, alone: for reading picture parameter sets.
    context: Context,
    /// No PPS of it has an extension.
    simple: bool,
}

impl ParameterSets {
    pub(super) const fn new(largest: LargestPicture, limits: UnitLimits) -> Self {
        Self { largest, limits, sequences: Sets::new(), pictures: Sets::new() }
    }

    /// What a slice that names the picture parameter set `id` is part of.
    pub(super) fn of_picture(&self, id: u8) -> Option<Picture> {
        let sequence = self.pictures.get(id)?;
        self.sequences.get(*sequence).map(|sequence| sequence.picture)
    }

    /// Takes in an SPS. Gives it again, shorter, when something follows what it says.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn sequence(&mut self, nal: &[u8]) -> Result<Shorter, Refusal> {
        if let Some(known) = self.sequences.known(nal) {
            return Ok(known);
        }
        let payload = unescape(&nal[1..]).ok_or(Refusal::Malformed)?;
        let (profile, id) = profile_and_id(&payload).ok_or(Refusal::Malformed)?;
        let (shorter, sequence) = sequence(nal, &payload, profile, (self.largest, &self.limits))?;
        if self.sequences.put(id, nal, &shorter, sequence) {
            self.pictures.retain(|sequence| *sequence != id);
        }
        Ok(shorter)
    }

    /// Takes in a PPS. Gives it again, shorter, when something follows what it says.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn picture(&mut self, nal: &[u8]) -> Result<Shorter, Refusal> {
        if let Some(known) = self.pictures.known(nal) {
            return Ok(known);
        }
        let payload = unescape(&nal[1..]).ok_or(Refusal::Malformed)?;
        let (id, sequence) = ids(&payload).ok_or(Refusal::Malformed)?;
        let of = self.sequences.get(sequence).ok_or(Refusal::NoParameterSets)?;
        let shorter = picture(nal, &payload, of)?;
        self.pictures.put(id, nal, &shorter, sequence);
        Ok(shorter)
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.sequences.clear();
        self.pictures.clear();
    }
}

/// What an SPS is cut down to, and what it says.
fn sequence(
    nal: &[u8],
    payload: &[u8],
    profile: u8,
    most: (LargestPicture, &UnitLimits),
) -> Result<(Shorter, Sequence), Refusal> {
    // What follows in a set of another profile may be of another form.
    if !PROFILES.contains(&profile) && cfg!(not(feature = "without-set-check")) {
        return Err(Refusal::Unsupported);
    }
    let mut end = End::default();
    let bits = Measured::new(payload, &mut end, false);
    let sps = SeqParameterSet::from_bits(bits).map_err(|_| Refusal::Malformed)?;
    let picture = judge(&sps, most)?;
    let shorter = end.shortened(nal, payload)?;
    let simple = profile != 100 && u8::from(sps.constraint_flags) & CONSTRAINED != 0;
    let mut context = Context::default();
    context.put_seq_param_set(sps);
    Ok((shorter, Sequence { picture, context, simple }))
}

/// What a PPS is cut down to.
fn picture(nal: &[u8], payload: &[u8], of: &Sequence) -> Result<Shorter, Refusal> {
    let mut end = End::default();
    let bits = Measured::new(payload, &mut end, of.simple);
    let pps = PicParameterSet::from_bits(&of.context, bits).map_err(|error| match error {
        PpsError::InvalidNumSliceGroupsMinus1(_) | PpsError::InvalidSliceGroupMapType(_) => {
            Refusal::Unsupported
        }
        _ => Refusal::Malformed,
    })?;
    // Flexible macroblock order and redundant slices: of the Baseline profile, used by nobody.
    if pps.slice_groups.is_some() || pps.redundant_pic_cnt_present_flag {
        return Err(Refusal::Unsupported);
    }
    if pps.weighted_bipred_idc > 2 {
        return Err(Refusal::Malformed);
    }
    end.shortened(nal, payload)
}

/// `pic_parameter_set_id` and `seq_parameter_set_id`.
fn ids(payload: &[u8]) -> Option<(u8, u8)> {
    let mut bits = Bits::new(payload);
    let picture = bits.at_most(255).ok()?;
    let sequence = bits.at_most(31).ok()?;
    Some((u8::try_from(picture).ok()?, u8::try_from(sequence).ok()?))
}

/// `profile_idc` and `seq_parameter_set_id`.
fn profile_and_id(payload: &[u8]) -> Option<(u8, u8)> {
    let mut bits = Bits::new(payload);
    let profile = bits.read(8).ok()?;
    // Constraint flags and the level.
    bits.skip(16).ok()?;
    let id = bits.at_most(31).ok()?;
    Some((u8::try_from(profile).ok()?, u8::try_from(id).ok()?))
}

fn judge(
    sps: &SeqParameterSet,
    (largest, limits): (LargestPicture, &UnitLimits),
) -> Result<Picture, Refusal> {
    let chroma = &sps.chroma_info;
    let eight_bits = chroma.bit_depth_luma_minus8 == 0 && chroma.bit_depth_chroma_minus8 == 0;
    // Grey is what some cameras send at night: 4:2:0 without its chroma.
    let known = matches!(chroma.chroma_format, ChromaFormat::YUV420 | ChromaFormat::Monochrome);
    let plain = eight_bits && known && !chroma.qpprime_y_zero_transform_bypass_flag;
    if !plain && cfg!(not(feature = "without-set-check")) {
        return Err(Refusal::Unsupported);
    }
    let (frames_only, adaptive) = match sps.frame_mbs_flags {
        FrameMbsFlags::Frames => (true, false),
        FrameMbsFlags::Fields { mb_adaptive_frame_field_flag } => {
            (false, mb_adaptive_frame_field_flag)
        }
    };
    let unsupported = Refusal::Unsupported;
    let columns = sps.pic_width_in_mbs_minus1.checked_add(1).ok_or(unsupported)?;
    let units = sps.pic_height_in_map_units_minus1.checked_add(1).ok_or(unsupported)?;
    let rows = units.checked_mul(if frames_only { 1 } else { 2 }).ok_or(unsupported)?;
    let side = |blocks: u32| blocks.checked_mul(MACROBLOCK).ok_or(unsupported);
    let (width, height) = (side(columns)?, side(rows)?);
    // Fields come in pairs of rows of macroblocks.
    if !largest.in_blocks_of(MACROBLOCK * 2).holds(width, height) {
        return Err(unsupported);
    }
    let (width, height) = sps.pixel_dimensions().map_err(|_| Refusal::Malformed)?;
    if !largest.holds(width, height) {
        return Err(unsupported);
    }
    // Both sides were just bounded.
    let macroblocks = columns * rows;
    let references = u64::from(sps.max_num_ref_frames) * u64::from(macroblocks);
    let buffered = sps.vui_parameters.as_ref().and_then(|vui| vui.bitstream_restrictions.as_ref());
    if sps.max_num_ref_frames > limits.references
        || references > limits.reference_macroblocks
        || buffered.is_some_and(|told| told.max_dec_frame_buffering > limits.references)
    {
        return Err(unsupported);
    }
    Ok(Picture {
        macroblocks,
        frame_num_bits: usize::from(sps.log2_max_frame_num()),
        frames_only,
        adaptive,
    })
}

/// Where a parameter set says no more.
#[derive(Debug, Default)]
struct End {
    /// Bits read.
    bits: usize,
    /// Something follows that is not the stop bit alone.
    more: bool,
}

impl End {
    /// The NAL unit without what follows.
    fn shortened(&self, nal: &[u8], payload: &[u8]) -> Result<Shorter, Refusal> {
        if self.more {
            in_place_of(nal, escape(&nal[..1], &cut(payload, self.bits, 0)))
        } else {
            Ok(None)
        }
    }
}

/// h264-reader's reader, which also notes where it came to.
struct Measured<'a> {
    inner: BitReader<&'a [u8]>,
    end: &'a mut End,
    /// Nothing optional follows, whatever it looks like. Some cameras leave bytes behind a PPS, and
    /// libavcodec knows by the same flags that they are none of it.
    simple: bool,
}

impl<'a> Measured<'a> {
    fn new(payload: &'a [u8], end: &'a mut End, simple: bool) -> Self {
        Self { inner: BitReader::new(payload), end, simple }
    }

    fn count(&mut self, bits: u32) {
        self.end.bits += bits as usize;
    }
}

impl BitRead for Measured<'_> {
    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        let value = self.inner.read_ue(name)?;
        self.count(2 * (u64::from(value) + 1).ilog2() + 1);
        Ok(value)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        let value = self.inner.read_se(name)?;
        let coded = u64::from(value.unsigned_abs()) * 2 - u64::from(value > 0);
        self.count(2 * (coded + 1).ilog2() + 1);
        Ok(value)
    }

    fn read_bool(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.count(1);
        self.inner.read_bool(name)
    }

    fn read<U: Numeric>(&mut self, bits: u32, name: &'static str) -> Result<U, BitReaderError> {
        self.count(bits);
        self.inner.read(bits, name)
    }

    fn read_to<V: Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.end.bits += size_of::<V>() * 8;
        self.inner.read_to(name)
    }

    fn skip(&mut self, bits: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.count(bits);
        self.inner.skip(bits, name)
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        if self.simple { Ok(false) } else { self.inner.has_more_rbsp_data(name) }
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        match self.inner.finish_rbsp() {
            Err(BitReaderError::RemainingData) => {
                self.end.more = true;
                Ok(())
            }
            finished => finished,
        }
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        self.inner.finish_sei_payload()
    }
}
