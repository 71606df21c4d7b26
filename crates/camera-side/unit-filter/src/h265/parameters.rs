//! The parameter sets accepted so far (ITU-T H.265, 7.3.2).

use super::{HEADER, pps, sps, vps};
use crate::annexb::{escape, unescape};
use crate::bits::{BadBits, cut};
use crate::sets::{Sets, Shorter, in_place_of};
use crate::{LargestPicture, Refusal};

/// What a picture is made of, in tree blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture {
    pub(super) tree_blocks: u32,
    pub(super) columns: u32,
    pub(super) rows: u32,
}

/// What slice segments need to know of the parameter sets they name.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlicePicture {
    pub(super) picture: Picture,
    pub(super) dependent_segments: bool,
}

/// 16 video, 16 sequence and 64 picture parameter sets at the most, by their ids' ranges.
#[derive(Debug)]
pub(super) struct ParameterSets {
    largest: LargestPicture,
    /// Luma samples of a picture that six reference pictures are allowed at.
    luma_of_six_references: u64,
    videos: Sets<()>,
    sequences: Sets<Picture>,
    pictures: Sets<PictureFacts>,
}

#[derive(Debug)]
struct PictureFacts {
    sequence: u8,
    dependent_segments: bool,
}

impl ParameterSets {
    pub(super) const fn new(largest: LargestPicture, luma_of_six_references: u64) -> Self {
        Self {
            largest,
            luma_of_six_references,
            videos: Sets::new(),
            sequences: Sets::new(),
            pictures: Sets::new(),
        }
    }

    /// What a slice segment that names the picture parameter set `id` is part of.
    pub(super) fn of_picture(&self, id: u8) -> Option<SlicePicture> {
        let PictureFacts { sequence, dependent_segments } = *self.pictures.get(id)?;
        let picture = *self.sequences.get(sequence)?;
        Some(SlicePicture { picture, dependent_segments })
    }

    /// Takes in a VPS. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn video(&mut self, nal: &[u8]) -> Result<Shorter, Refusal> {
        if let Some(known) = self.videos.known(nal) {
            return Ok(known);
        }
        let payload = Self::payload(nal)?;
        let id = payload.first().map_or(0, |first| first >> 4);
        let vps = vps::parse(&payload).map_err(|BadBits| Refusal::Malformed)?;
        if !vps.supported {
            return Err(Refusal::Unsupported);
        }
        // No timing, no extension.
        let shorter = shortened(nal, &payload, vps.bits, 2)?;
        self.videos.put(id, nal, &shorter, ());
        Ok(shorter)
    }

    /// Takes in an SPS. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn sequence(&mut self, nal: &[u8]) -> Result<Shorter, Refusal> {
        if let Some(known) = self.sequences.known(nal) {
            return Ok(known);
        }
        let payload = Self::payload(nal)?;
        let sps = sps::parse(&payload, (self.largest, self.luma_of_six_references))
            .map_err(|BadBits| Refusal::Malformed)?;
        let picture = sps.judged?;
        let shorter = shortened(nal, &payload, sps.bits, sps.zeros)?;
        if self.sequences.put(sps.id, nal, &shorter, picture) {
            self.pictures.retain(|facts| facts.sequence != sps.id);
        }
        Ok(shorter)
    }

    /// Takes in a PPS. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn picture(&mut self, nal: &[u8]) -> Result<Shorter, Refusal> {
        if let Some(known) = self.pictures.known(nal) {
            return Ok(known);
        }
        let payload = Self::payload(nal)?;
        let (id, sequence) = pps::ids(&payload).map_err(|BadBits| Refusal::Malformed)?;
        let of = *self.sequences.get(sequence).ok_or(Refusal::NoParameterSets)?;
        let pps = pps::parse(&payload, of).map_err(|BadBits| Refusal::Malformed)?;
        if pps.extended {
            return Err(Refusal::Unsupported);
        }
        let shorter = shortened(nal, &payload, pps.bits, 1)?;
        let facts = PictureFacts { sequence, dependent_segments: pps.dependent_segments };
        self.pictures.put(id, nal, &shorter, facts);
        Ok(shorter)
    }

    fn payload(nal: &[u8]) -> Result<Vec<u8>, Refusal> {
        unescape(&nal[HEADER..]).ok_or(Refusal::Malformed)
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.videos.clear();
        self.sequences.clear();
        self.pictures.clear();
    }
}

/// The first `bits` of a set, then `zeros` zero flags.
fn shortened(nal: &[u8], payload: &[u8], bits: usize, zeros: usize) -> Result<Shorter, Refusal> {
    in_place_of(nal, escape(&nal[..HEADER], &cut(payload, bits, zeros)))
}
