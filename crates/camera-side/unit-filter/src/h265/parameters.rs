//! The parameter sets accepted so far (ITU-T H.265, 7.3.2).

use std::collections::BTreeMap;

use super::{HEADER, pps, sps, vps};
use crate::annexb::{escape, unescape};
use crate::bits::{BadBits, cut};
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
    videos: BTreeMap<u8, Set<()>>,
    sequences: BTreeMap<u8, Set<Picture>>,
    pictures: BTreeMap<u8, Set<PictureFacts>>,
}

#[derive(Debug)]
struct PictureFacts {
    sequence: u8,
    dependent_segments: bool,
}

#[derive(Debug)]
struct Set<T> {
    /// As it came, and what it is shortened to.
    nal: Vec<u8>,
    shorter: Option<Vec<u8>>,
    facts: T,
}

/// The one of `sets` that came as `nal`.
fn known<'a, T>(sets: &'a BTreeMap<u8, Set<T>>, nal: &[u8]) -> Option<&'a Set<T>> {
    sets.values().find(|set| set.nal == nal)
}

impl ParameterSets {
    pub(super) const fn new(largest: LargestPicture) -> Self {
        Self {
            largest,
            videos: BTreeMap::new(),
            sequences: BTreeMap::new(),
            pictures: BTreeMap::new(),
        }
    }

    /// What a slice segment that names the picture parameter set `id` is part of.
    pub(super) fn of_picture(&self, id: u8) -> Option<SlicePicture> {
        let PictureFacts { sequence, dependent_segments } = self.pictures.get(&id)?.facts;
        let picture = self.sequences.get(&sequence)?.facts;
        Some(SlicePicture { picture, dependent_segments })
    }

    /// Takes in a VPS. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused. What it would have replaced is forgotten.
    pub(super) fn video(&mut self, nal: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        if let Some(known) = known(&self.videos, nal) {
            return Ok(known.shorter.clone());
        }
        let payload = self.payload(nal)?;
        let id = payload.first().map_or(0, |first| first >> 4);
        self.videos.remove(&id);
        let vps = vps::parse(&payload).map_err(|BadBits| Refusal::Malformed)?;
        if !vps.supported {
            return Err(Refusal::Unsupported);
        }
        // No timing, no extension.
        let shorter = shortened(nal, &payload, vps.bits, 2)?;
        self.videos.insert(id, Set { nal: nal.to_vec(), shorter: shorter.clone(), facts: () });
        Ok(shorter)
    }

    /// Takes in an SPS. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused. What it would have replaced is forgotten.
    pub(super) fn sequence(&mut self, nal: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        // The same as ever, in front of every key frame.
        if let Some(known) = known(&self.sequences, nal) {
            return Ok(known.shorter.clone());
        }
        let payload = self.payload(nal)?;
        let sps = sps::parse(&payload, self.largest).map_err(|BadBits| self.forget())?;
        self.sequences.remove(&sps.id);
        self.pictures.retain(|_, set| set.facts.sequence != sps.id);
        let facts = sps.judged?;
        let shorter = shortened(nal, &payload, sps.bits, sps.zeros)?;
        self.sequences.insert(sps.id, Set { nal: nal.to_vec(), shorter: shorter.clone(), facts });
        Ok(shorter)
    }

    /// Takes in a PPS. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused. What it would have replaced is forgotten.
    pub(super) fn picture(&mut self, nal: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        if let Some(known) = known(&self.pictures, nal) {
            return Ok(known.shorter.clone());
        }
        let payload = self.payload(nal)?;
        let (id, sequence) = pps::ids(&payload).map_err(|BadBits| self.forget())?;
        self.pictures.remove(&id);
        let of = self.sequences.get(&sequence).ok_or(Refusal::NoParameterSets)?.facts;
        let pps = pps::parse(&payload, of).map_err(|BadBits| Refusal::Malformed)?;
        if pps.extended {
            return Err(Refusal::Unsupported);
        }
        let shorter = shortened(nal, &payload, pps.bits, 1)?;
        let facts = PictureFacts { sequence, dependent_segments: pps.dependent_segments };
        self.pictures.insert(id, Set { nal: nal.to_vec(), shorter: shorter.clone(), facts });
        Ok(shorter)
    }

    fn payload(&mut self, nal: &[u8]) -> Result<Vec<u8>, Refusal> {
        unescape(&nal[HEADER..]).ok_or_else(|| self.forget())
    }

    /// A set that cannot be read may have been meant to replace any.
    fn forget(&mut self) -> Refusal {
        self.videos.clear();
        self.sequences.clear();
        self.pictures.clear();
        Refusal::Malformed
    }
}

/// The first `bits` of a set, then `zeros` zero flags, unless that is what it is.
fn shortened(
    nal: &[u8],
    payload: &[u8],
    bits: usize,
    zeros: usize,
) -> Result<Option<Vec<u8>>, Refusal> {
    let shorter = escape(&nal[..HEADER], &cut(payload, bits, zeros));
    if shorter == nal {
        return Ok(None);
    }
    if shorter.len() > nal.len() { Err(Refusal::Malformed) } else { Ok(Some(shorter)) }
}
