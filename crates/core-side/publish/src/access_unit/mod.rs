//! The output verifier: what is let through of what the encode worker delivers.
//!
//! The worker runs C code, so its access units are looked at before they are published: only
//! slices and the parameter sets fixed at start pass. That vouches for syntax, not for what the
//! slices hold.

mod annex_b;
mod parameter_sets;

pub use parameter_sets::ParameterSets;

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SUPPLEMENTAL: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;

/// The most NAL units of an access unit, those that are taken out included: two parameter sets, one
/// slice, and a few of what nobody needs.
const MAX_NAL_UNITS: usize = 8;

/// How x264's version begins (`sei_version_write` of its encoder/set.c): SEI of type 5, 255 bytes and
/// more, a UUID. The rest of the length depends on the version.
const X264_VERSION: [u8; 2] = [SUPPLEMENTAL, 5];
const X264_UUID: [u8; 16] = [
    0xdc, 0x45, 0xe9, 0xbd, 0xe6, 0xd9, 0x48, 0xb7, 0x96, 0x2c, 0xd8, 0x20, 0xd9, 0x23, 0xee, 0xef,
];

/// Why an access unit is not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It, or a parameter set in it, is larger than any may be.
    #[error("larger than any access unit may be")]
    TooLarge,
    /// It does not split into NAL units (H.264 Annex B), or one of them has an impossible header.
    #[error("not a sequence of NAL units")]
    Malformed,
    /// A NAL unit is of a type that is never published.
    #[error("a NAL unit of a type that is never published")]
    NalUnitType,
    /// It is said to be a key unit and is none, or the other way round.
    #[error("the key flag does not match the content")]
    KeyFlag,
    /// Its NAL units are not SPS, PPS and one IDR slice, or one slice alone.
    #[error("NAL units out of order")]
    Order,
    /// Its parameter sets are not those the mount has.
    #[error("other parameter sets than at start")]
    ParameterSets,
    /// It came before the start-up units that fix the parameter sets.
    #[error("before the start-up units")]
    NotReady,
    /// It builds on units that were not published.
    #[error("no key unit since units were lost")]
    AwaitingKey,
}

impl Refusal {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::TooLarge,
        Self::Malformed,
        Self::NalUnitType,
        Self::KeyFlag,
        Self::Order,
        Self::ParameterSets,
        Self::NotReady,
        Self::AwaitingKey,
    ];

    /// The reason's name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::NalUnitType => "nal_unit_type",
            Self::KeyFlag => "key_flag",
            Self::Order => "order",
            Self::ParameterSets => "parameter_sets",
            Self::NotReady => "not_ready",
            Self::AwaitingKey => "awaiting_key",
        }
    }
}

/// An access unit that may be published, as far as its syntax goes.
#[derive(Debug)]
pub(crate) struct AccessUnit<'a> {
    nal_units: Vec<&'a [u8]>,
    removed: Vec<Removed>,
}

/// A NAL unit that was taken out. None of them is of use to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// The version and settings that x264 writes into its first access unit: expected.
    Version,
    /// Other supplemental information.
    Supplemental,
    /// A delimiter.
    Delimiter,
}

impl Removed {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Version, Self::Supplemental, Self::Delimiter];

    /// The kind's name in metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Supplemental => "supplemental",
            Self::Delimiter => "delimiter",
        }
    }
}

impl<'a> AccessUnit<'a> {
    /// Verifies `bytes`, which the worker says are a key unit or not.
    pub(crate) fn verify(bytes: &'a [u8], key: bool, limit: usize) -> Result<Self, Refusal> {
        if bytes.len() > limit {
            return Err(Refusal::TooLarge);
        }
        let mut nal_units = Vec::with_capacity(4);
        let mut removed = Vec::new();
        for (index, nal_unit) in annex_b::NalUnits::new(bytes)?.enumerate() {
            let nal_unit = nal_unit?;
            if index == MAX_NAL_UNITS {
                return Err(Refusal::TooLarge);
            }
            match nal_type(nal_unit)? {
                SLICE | IDR_SLICE | SPS | PPS => nal_units.push(nal_unit),
                SUPPLEMENTAL if is_x264_version(nal_unit) => removed.push(Removed::Version),
                SUPPLEMENTAL => removed.push(Removed::Supplemental),
                DELIMITER => removed.push(Removed::Delimiter),
                _ if cfg!(feature = "without-verifier") => nal_units.push(nal_unit),
                _ => return Err(Refusal::NalUnitType),
            }
        }
        let unit = Self { nal_units, removed };
        if cfg!(not(feature = "without-verifier")) {
            unit.check_order(key)?;
        }
        Ok(unit)
    }

    fn check_order(&self, key: bool) -> Result<(), Refusal> {
        let types = self.nal_units.iter().map(|nal_unit| nal_unit[0] & 0x1f);
        if types.clone().any(|kind| kind == IDR_SLICE) != key {
            return Err(Refusal::KeyFlag);
        }
        let slices = if key {
            let [sps, pps, slices @ ..] = self.nal_units.as_slice() else {
                return Err(Refusal::Order);
            };
            if sps[0] & 0x1f != SPS || pps[0] & 0x1f != PPS {
                return Err(Refusal::Order);
            }
            ParameterSets::check(sps, pps)?;
            slices
        } else {
            &self.nal_units
        };
        let wanted = if key { IDR_SLICE } else { SLICE };
        // One slice a picture, as the encoders are told: a second would be a second picture, or part
        // of one that is not there. The first macroblock's number is 0, which is a single set bit
        // (§7.3.3, §9.1).
        match slices {
            [slice] if slice[0] & 0x1f == wanted && slice[1] & 0x80 != 0 => Ok(()),
            _ => Err(Refusal::Order),
        }
    }

    /// Its NAL units: of a key unit SPS, PPS and an IDR slice, of any other a slice.
    pub(crate) fn nal_units(&self) -> &[&'a [u8]] {
        &self.nal_units
    }

    /// The NAL units that were taken out.
    pub(crate) fn removed(&self) -> &[Removed] {
        &self.removed
    }

    /// The parameter sets of a key unit.
    pub(crate) fn parameter_sets(&self) -> Option<ParameterSets> {
        match self.nal_units.as_slice() {
            [sps, pps, _, ..] if sps[0] & 0x1f == SPS => Some(ParameterSets::new(sps, pps)),
            _ => None,
        }
    }

    /// Whether it has these parameter sets; a unit without any has no others.
    pub(crate) fn agrees_with(&self, fixed: &ParameterSets) -> bool {
        if cfg!(feature = "without-fixed-sets") {
            return true;
        }
        match self.nal_units.as_slice() {
            [sps, pps, _, ..] if sps[0] & 0x1f == SPS => *sps == fixed.sps() && *pps == fixed.pps(),
            _ => true,
        }
    }
}

/// The type of a NAL unit (H.264 §7.3.1) whose header can be: `forbidden_zero_bit` is 0, and
/// `nal_ref_idc` fits the type (§7.4.1).
fn nal_type(nal_unit: &[u8]) -> Result<u8, Refusal> {
    let [head, _, ..] = nal_unit else { return Err(Refusal::Malformed) };
    let kind = head & 0x1f;
    let is_reference = head & 0x60 != 0;
    let is_possible = match kind {
        IDR_SLICE | SPS | PPS => is_reference,
        SUPPLEMENTAL | DELIMITER => !is_reference,
        _ => true,
    };
    if head & 0x80 != 0 || !is_possible {
        return Err(Refusal::Malformed);
    }
    Ok(kind)
}

/// Whether a NAL unit is the version that x264 writes. Its length is coded in bytes of 255 and one
/// that is less (§7.3.2.3.1).
fn is_x264_version(nal_unit: &[u8]) -> bool {
    let Some(rest) = nal_unit.strip_prefix(&X264_VERSION) else { return false };
    let length_bytes = rest.iter().take_while(|byte| **byte == 0xff).count() + 1;
    rest.get(length_bytes..).is_some_and(|content| content.starts_with(&X264_UUID))
}

#[cfg(test)]
mod mutation;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const SPS_UNIT: &[u8] = &[0x67, 0x4d, 0x40, 0x1f, 0x95];
    pub(crate) const PPS_UNIT: &[u8] = &[0x68, 0xee, 0x3c];
    const SEI_UNIT: &[u8] = &[0x06, 0x05, 0x80];
    const AUD_UNIT: &[u8] = &[0x09, 0x10];
    const IDR_UNIT: &[u8] = &[0x65, 0x88, 0x80];
    const SLICE_UNIT: &[u8] = &[0x41, 0x9a, 0x80];

    /// NAL units as Annex B, with start codes of both lengths.
    pub(crate) fn annex_b(nal_units: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (i, nal_unit) in nal_units.iter().enumerate() {
            bytes.extend_from_slice(if i < 2 { &[0, 0, 0, 1] } else { &[0, 0, 1] });
            bytes.extend_from_slice(nal_unit);
        }
        bytes
    }

    type Verified = (Vec<Vec<u8>>, Vec<Removed>);

    fn verify(nal_units: &[&[u8]], key: bool) -> Result<Verified, Refusal> {
        let bytes = annex_b(nal_units);
        let unit = AccessUnit::verify(&bytes, key, 1 << 20)?;
        let kept = unit.nal_units().iter().map(|nal| nal.to_vec()).collect();
        Ok((kept, unit.removed().to_vec()))
    }

    #[test]
    fn a_key_unit_passes_without_what_nobody_needs() {
        let (nal_units, removed) =
            verify(&[AUD_UNIT, SPS_UNIT, PPS_UNIT, SEI_UNIT, IDR_UNIT], true).unwrap();
        assert_eq!(nal_units, [SPS_UNIT, PPS_UNIT, IDR_UNIT]);
        assert_eq!(removed, [Removed::Delimiter, Removed::Supplemental]);
        assert_eq!(verify(&[SLICE_UNIT], false).unwrap().0, [SLICE_UNIT]);
    }

    #[test]
    fn a_key_unit_is_sps_pps_idr_and_no_other_is() {
        for (nal_units, key, refusal) in [
            (&[PPS_UNIT, SPS_UNIT, IDR_UNIT][..], true, Refusal::Order),
            (&[SPS_UNIT, IDR_UNIT], true, Refusal::Order),
            (&[IDR_UNIT], true, Refusal::Order),
            (&[SPS_UNIT, PPS_UNIT, SPS_UNIT, IDR_UNIT], true, Refusal::Order),
            (&[SPS_UNIT, PPS_UNIT, IDR_UNIT, SLICE_UNIT], true, Refusal::Order),
            (&[SPS_UNIT, PPS_UNIT, IDR_UNIT, IDR_UNIT], true, Refusal::Order),
            (&[SPS_UNIT, PPS_UNIT, IDR_UNIT, SPS_UNIT, PPS_UNIT], true, Refusal::Order),
            (&[SPS_UNIT, PPS_UNIT, &[0x65, 0x48, 0x80]], true, Refusal::Order),
            (&[SLICE_UNIT, SLICE_UNIT], false, Refusal::Order),
            (&[&[0x41, 0x1a, 0x80]], false, Refusal::Order),
            (&[SLICE_UNIT, PPS_UNIT], false, Refusal::Order),
            (&[SPS_UNIT, PPS_UNIT], true, Refusal::KeyFlag),
            (&[SPS_UNIT, PPS_UNIT, SLICE_UNIT], true, Refusal::KeyFlag),
            (&[SPS_UNIT, PPS_UNIT, IDR_UNIT], false, Refusal::KeyFlag),
            (&[SLICE_UNIT, IDR_UNIT], false, Refusal::KeyFlag),
            (&[PPS_UNIT, SLICE_UNIT], false, Refusal::Order),
            (&[SEI_UNIT], false, Refusal::Order),
        ] {
            assert_eq!(verify(nal_units, key), Err(refusal), "{nal_units:x?}");
        }
    }

    #[test]
    fn no_other_type_passes() {
        for kind in (0..32).filter(|kind| ![1, 5, 6, 7, 8, 9].contains(kind)) {
            for reference in [0x00, 0x20, 0x40, 0x60] {
                let nal_unit = [reference | kind, 0x80];
                for nal_units in [[&nal_unit, SLICE_UNIT], [SLICE_UNIT, &nal_unit]] {
                    assert_eq!(verify(&nal_units, false), Err(Refusal::NalUnitType), "{kind}");
                }
            }
        }
    }

    #[test]
    fn impossible_headers_are_refused() {
        for nal_unit in [
            &[0xc1, 0x80][..],
            &[0x05, 0x80],
            &[0x07, 0x80],
            &[0x08, 0x80],
            &[0x26, 0x80],
            &[0x69, 0x80],
            &[0x41],
        ] {
            assert_eq!(verify(&[nal_unit], false), Err(Refusal::Malformed), "{nal_unit:x?}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let bytes = annex_b(&[SLICE_UNIT]);
        assert!(AccessUnit::verify(&bytes, false, bytes.len()).is_ok());
        let refused = AccessUnit::verify(&bytes, false, bytes.len() - 1).unwrap_err();
        assert_eq!(refused, Refusal::TooLarge);
        let with_sei = |count| [&vec![SEI_UNIT; count][..], &[SLICE_UNIT]].concat();
        assert!(verify(&with_sei(MAX_NAL_UNITS - 1), false).is_ok());
        assert_eq!(verify(&with_sei(MAX_NAL_UNITS), false), Err(Refusal::TooLarge));
        let mut long = SPS_UNIT.to_vec();
        long.resize(2000, 0xff);
        assert_eq!(verify(&[&long, PPS_UNIT, IDR_UNIT], true), Err(Refusal::TooLarge));
        assert_eq!(verify(&[&[0x67, 1], PPS_UNIT, IDR_UNIT], true), Err(Refusal::Malformed));
    }

    #[test]
    fn parameter_sets_are_compared_byte_by_byte() {
        let bytes = annex_b(&[SPS_UNIT, PPS_UNIT, IDR_UNIT]);
        let fixed = AccessUnit::verify(&bytes, true, 100).unwrap().parameter_sets().unwrap();
        for (nal_units, agrees) in [
            (&[SPS_UNIT, PPS_UNIT, IDR_UNIT][..], true),
            (&[&[0x67, 0x4d, 0x40, 0x1f, 0x96], PPS_UNIT, IDR_UNIT], false),
            (&[SPS_UNIT, &[0x68, 0xee, 0x3c, 0x80], IDR_UNIT], false),
        ] {
            let bytes = annex_b(nal_units);
            let unit = AccessUnit::verify(&bytes, true, 100).unwrap();
            assert_eq!(unit.agrees_with(&fixed), agrees);
        }
        let bytes = annex_b(&[SLICE_UNIT]);
        assert!(AccessUnit::verify(&bytes, false, 100).unwrap().agrees_with(&fixed));
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let labels: std::collections::HashSet<_> = Refusal::ALL.iter().map(|r| r.label()).collect();
        assert_eq!(labels.len(), Refusal::ALL.len());
        let labels: std::collections::HashSet<_> = Removed::ALL.iter().map(|r| r.label()).collect();
        assert_eq!(labels.len(), Removed::ALL.len());
    }

    #[test]
    fn the_version_of_x264_is_told_from_other_supplemental_information() {
        let sei = |head: &[u8], uuid: &[u8]| [head, uuid, b"x264 - core 164", &[0x80]].concat();
        let other = [0x5a; 16];
        for (nal_unit, kind) in [
            (sei(&[6, 5, 31], &X264_UUID), Removed::Version),
            (sei(&[6, 5, 0xff, 0xff, 0xa0], &X264_UUID), Removed::Version),
            (sei(&[6, 5, 31], &other), Removed::Supplemental),
            (sei(&[6, 4, 31], &X264_UUID), Removed::Supplemental),
            (vec![6, 5, 0xff], Removed::Supplemental),
            (vec![6, 5], Removed::Supplemental),
        ] {
            let (kept, removed) = verify(&[&nal_unit, SLICE_UNIT], false).unwrap();
            assert_eq!((kept, removed), (vec![SLICE_UNIT.to_vec()], vec![kind]), "{nal_unit:x?}");
        }
    }

    #[test]
    fn nothing_hides_behind_start_codes_or_padding() {
        let published = [0, 0, 1, 0x41, 0x9a, 0x80];
        for (hidden, verdict) in [
            (&[][..], Ok(1)),
            (&[0, 0, 0, 0, 0], Ok(1)),
            (&[0, 0, 0, 0, 7], Err(Refusal::Malformed)),
            (&[0, 0, 1], Err(Refusal::Malformed)),
            (&[0, 0, 1, 0x41], Err(Refusal::Malformed)),
            (&[0, 0, 2, 0x80], Err(Refusal::Malformed)),
            (&[0, 0, 3, 0x80], Err(Refusal::Malformed)),
            (&[0, 0, 3], Ok(1)),
            (&[0, 0, 1, 0x0c, 0xff, 0x80], Err(Refusal::NalUnitType)),
            (&[0, 0, 0, 1, 0x18, 1], Err(Refusal::NalUnitType)),
        ] {
            let bytes = [&published[..], hidden].concat();
            let found = AccessUnit::verify(&bytes, false, 1 << 20).map(|u| u.nal_units().len());
            assert_eq!(found, verdict, "{hidden:x?}");
            let before = [hidden, &published[..]].concat();
            if !hidden.is_empty() && hidden.iter().any(|byte| *byte != 0) {
                assert!(AccessUnit::verify(&before, false, 1 << 20).is_err(), "{hidden:x?}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_is_of_the_published_types(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just(vec![0, 0, 1]), Just(vec![0, 0, 0, 1]), Just(SPS_UNIT.to_vec()),
                    Just(PPS_UNIT.to_vec()), Just(IDR_UNIT.to_vec()), Just(SLICE_UNIT.to_vec()),
                    prop::collection::vec(0u8..8, 0..6), prop::collection::vec(any::<u8>(), 0..6),
                ],
                0..12,
            ),
            key: bool,
        ) {
            if let Ok(unit) = AccessUnit::verify(&pieces.concat(), key, 1 << 20) {
                for nal_unit in unit.nal_units() {
                    prop_assert!(matches!(nal_unit[0] & 0x1f, 1 | 5 | 7 | 8));
                    prop_assert!(!nal_unit.windows(3).any(|w| w[..2] == [0, 0] && w[2] < 3));
                }
                prop_assert_eq!(unit.parameter_sets().is_some(), key);
            }
        }

        #[test]
        fn verifying_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), key: bool) {
            let _ = AccessUnit::verify(&bytes, key, 1 << 20);
        }
    }
}
