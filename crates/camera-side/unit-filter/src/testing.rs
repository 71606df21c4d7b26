//! Making what a camera might send, bit by bit.
#![allow(clippy::unwrap_used)]

use cofferdam_picture_ring::Filtered;

use crate::annexb::{escape, nals};
use crate::{Format, LargestPicture, Refusal, Tally, UnitFilter};

pub(crate) const LARGEST: LargestPicture = LargestPicture { long: 3840, short: 2160 };

/// Bits, front to back.
#[derive(Clone, Default)]
pub(crate) struct BitWriter {
    bits: Vec<bool>,
}

impl BitWriter {
    pub(crate) fn u(&mut self, count: u32, value: u64) -> &mut Self {
        self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    pub(crate) fn flags(&mut self, flags: &str) -> &mut Self {
        self.bits.extend(flags.bytes().map(|flag| flag == b'1'));
        self
    }

    pub(crate) fn ue(&mut self, value: u32) -> &mut Self {
        let coded = u64::from(value) + 1;
        let bits = coded.ilog2();
        self.u(bits, 0).u(bits + 1, coded)
    }

    pub(crate) fn se(&mut self, value: i32) -> &mut Self {
        let coded = value.unsigned_abs() * 2 - u32::from(value > 0);
        self.ue(coded)
    }

    /// The NAL unit, with its stop bit.
    pub(crate) fn nal(&self, header: &[u8]) -> Vec<u8> {
        escape(header, &self.payload())
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut bits = self.bits.clone();
        bits.push(true);
        bits.resize(bits.len().next_multiple_of(8), false);
        bits.chunks(8)
            .map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
            .collect()
    }
}

/// Writes a part of something.
pub(crate) type Write = fn(&mut BitWriter) -> &mut BitWriter;

/// NAL units as a byte stream with start codes of four bytes.
pub(crate) fn stream(units: &[Vec<u8>]) -> Vec<u8> {
    units.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect()
}

/// What became of an access unit.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) result: Result<(), Refusal>,
    /// The first bytes of the NAL units that are left.
    pub(crate) left: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) tally: Tally,
}

impl Outcome {
    pub(crate) fn dropped(&self, kind: Filtered) -> u64 {
        self.tally.of(kind)
    }
}

pub(crate) fn filter(filter: &mut UnitFilter, unit: &[u8]) -> Outcome {
    let mut bytes = unit.to_vec();
    let result = filter.filter(&mut bytes);
    let left = nals(&bytes).map(|nal| nal[0]).collect();
    Outcome { result, left, bytes, tally: filter.take_tally() }
}

pub(crate) fn filtered(format: Format, unit: &[u8]) -> Outcome {
    filter(&mut UnitFilter::new(format, LARGEST), unit)
}
