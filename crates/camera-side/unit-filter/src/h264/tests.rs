#![allow(clippy::unwrap_used)]

use cofferdam_picture_ring::Filtered;

use crate::limits::LARGEST_PARAMETER_SET;
use crate::testing::{BitWriter, LARGEST, Outcome, Write, filter, stream};
use crate::{Format, Refusal, UnitFilter};

/// An SPS that is accepted, unless something of it is changed.
#[derive(Clone)]
struct Sps {
    profile: u64,
    constraints: u64,
    id: u32,
    chroma: u32,
    depth: (u32, u32),
    lossless: bool,
    references: u32,
    /// In macroblocks, and map units.
    size: (u32, u32),
    frames_only: bool,
    crop: Option<[u32; 4]>,
    vui: Write,
}

impl Default for Sps {
    fn default() -> Self {
        Self {
            profile: 100,
            constraints: 0,
            id: 0,
            chroma: 1,
            depth: (0, 0),
            lossless: false,
            references: 2,
            size: (40, 23),
            frames_only: true,
            // 640x360
            crop: Some([0, 0, 0, 4]),
            vui: |w| w,
        }
    }
}

impl Sps {
    fn nal(&self) -> Vec<u8> {
        self.bits().nal(&[0x67])
    }

    fn bits(&self) -> BitWriter {
        let mut w = BitWriter::default();
        w.u(8, self.profile).u(8, self.constraints).u(8, 30).ue(self.id);
        if [100, 110, 122, 244, 44].contains(&self.profile) {
            w.ue(self.chroma);
            if self.chroma == 3 {
                w.flags("0");
            }
            w.ue(self.depth.0).ue(self.depth.1);
            w.u(1, u64::from(self.lossless)).flags("0");
        }
        // frame_num of 4 bits, order count type 2.
        w.ue(0).ue(2).ue(self.references).flags("0");
        w.ue(self.size.0 - 1).ue(self.size.1 - 1);
        w.flags(if self.frames_only { "1" } else { "00" }).flags("1");
        match self.crop {
            Some(sides) => {
                w.flags("1");
                for side in sides {
                    w.ue(side);
                }
            }
            None => {
                w.flags("0");
            }
        }
        let before = w.payload();
        (self.vui)(&mut w);
        if w.payload() == before {
            w.flags("0");
        }
        w
    }
}

#[derive(Clone, Default)]
struct Pps {
    id: u32,
    of: u32,
    slice_groups: u32,
    redundant: bool,
}

impl Pps {
    fn nal(&self) -> Vec<u8> {
        self.bits().nal(&[0x68])
    }

    fn bits(&self) -> BitWriter {
        let mut w = BitWriter::default();
        w.ue(self.id).ue(self.of).flags("10").ue(self.slice_groups);
        if self.slice_groups > 0 {
            // Dispersed.
            w.ue(1);
        }
        w.ue(0).ue(0).flags("000").se(0).se(0).se(0).flags("10").u(1, u64::from(self.redundant));
        w
    }
}

fn slice(kind: u8, first: u32, pps: u32) -> Vec<u8> {
    let mut w = BitWriter::default();
    w.ue(first).ue(7).ue(pps).u(4, 0).u(32, 0x1234_5678);
    w.nal(&[kind])
}

fn idr() -> Vec<u8> {
    slice(0x65, 0, 0)
}

fn key_frame(sps: &Sps, pps: &Pps) -> Vec<u8> {
    stream(&[sps.nal(), pps.nal(), idr()])
}

fn new() -> UnitFilter {
    UnitFilter::new(Format::H264, LARGEST)
}

fn of_sps(sps: &Sps) -> Outcome {
    filter(&mut new(), &key_frame(sps, &Pps::default()))
}

fn of_pps(pps: &Pps) -> Outcome {
    filter(&mut new(), &stream(&[Sps::default().nal(), pps.nal(), slice(0x65, 0, pps.id)]))
}

/// A filter that has accepted the usual parameter sets.
fn begun() -> UnitFilter {
    let mut begun = new();
    assert_eq!(filter(&mut begun, &key_frame(&Sps::default(), &Pps::default())).result, Ok(()));
    begun
}

#[test]
fn a_plain_picture_passes_untouched_and_uncopied() {
    let mut unit = key_frame(&Sps::default(), &Pps::default());
    let (before, address) = (unit.clone(), unit.as_ptr());
    let mut filter = new();
    assert_eq!(filter.filter(&mut unit), Ok(()));
    assert_eq!(unit, before);
    assert_eq!(unit.as_ptr(), address);
    assert_eq!(filter.take_tally().total(), 0);
}

#[test]
fn every_type_but_four_is_dropped_and_counted() {
    let kinds = |wanted: Filtered| -> Vec<u8> {
        let is = |kind: &u8| {
            let nal = [0x60 | kind, 0x88, 0x84, 0x21, 0xa0];
            filter(&mut begun(), &stream(&[nal.to_vec()])).dropped(wanted) == 1
        };
        (0..32).filter(|kind| ![1, 5, 7, 8].contains(kind)).filter(is).collect()
    };
    assert_eq!(kinds(Filtered::Sei), [6]);
    assert_eq!(kinds(Filtered::Delimiter), [9, 10, 11]);
    assert_eq!(kinds(Filtered::Filler), [12]);
    assert_eq!(kinds(Filtered::Extension), [2, 3, 4, 13, 14, 15, 19, 20, 21]);
    let mut others = vec![0, 16, 17, 18];
    others.extend(22..32);
    assert_eq!(kinds(Filtered::Reserved), others);
    let unit = stream(&[vec![9, 0xf0], vec![6, 5, 1, 9, 0x80], idr(), vec![12, 0xff, 0x80]]);
    let outcome = filter(&mut begun(), &unit);
    assert_eq!((outcome.result, outcome.left), (Ok(()), vec![0x65]));
}

#[test]
fn a_broken_header_drops_its_unit() {
    let outcome = filter(&mut begun(), &stream(&[vec![0xe5, 1, 2], idr()]));
    assert_eq!((outcome.left.as_slice(), outcome.dropped(Filtered::Reserved)), (&[0x65][..], 1));
}

#[test]
fn side_information_alone_is_no_offence() {
    let outcome = filter(&mut new(), &stream(&[vec![9, 0xf0], vec![6, 5, 1, 9, 0x80]]));
    assert_eq!((outcome.result, outcome.bytes.len()), (Ok(()), 0));
    assert_eq!(filter(&mut new(), &[]).result, Ok(()));
}

#[test]
fn bytes_outside_of_units_do_not_pass() {
    let unit = [&[9, 9, 9][..], &key_frame(&Sps::default(), &Pps::default()), &[0, 0, 0]].concat();
    let outcome = filter(&mut new(), &unit);
    assert_eq!(outcome.bytes, key_frame(&Sps::default(), &Pps::default()));
    assert_eq!(outcome.dropped(Filtered::Trailing), 1);
}

#[test]
fn profiles_of_cameras_pass_and_no_others() {
    for (profile, constraints) in [(66, 0), (66, 0xc0), (77, 0), (77, 0x40), (100, 0), (100, 0x0c)]
    {
        let sps = Sps { profile, constraints, ..Sps::default() };
        assert_eq!(of_sps(&sps).result, Ok(()), "profile {profile}");
    }
    for profile in [0, 44, 83, 86, 88, 110, 118, 122, 128, 138, 139, 244, 255] {
        let sps = Sps { profile, ..Sps::default() };
        let outcome = of_sps(&sps);
        assert_eq!(outcome.result, Err(Refusal::Unsupported), "profile {profile}");
        assert!(outcome.bytes.is_empty());
        // The SPS, and the PPS that had none.
        assert_eq!(outcome.dropped(Filtered::ParameterSet), 2);
        assert_eq!((outcome.dropped(Filtered::Slice), outcome.dropped(Filtered::Unit)), (1, 1));
    }
}

#[test]
fn eight_bits_of_420_or_grey_pass_and_no_others() {
    assert_eq!(of_sps(&Sps { chroma: 0, ..Sps::default() }).result, Ok(()));
    let others = [
        Sps { chroma: 2, ..Sps::default() },
        Sps { chroma: 3, ..Sps::default() },
        Sps { depth: (2, 2), ..Sps::default() },
        Sps { depth: (0, 1), ..Sps::default() },
        Sps { lossless: true, ..Sps::default() },
    ];
    for sps in others {
        assert_eq!(of_sps(&sps).result, Err(Refusal::Unsupported));
    }
    assert_eq!(of_sps(&Sps { chroma: 4, ..Sps::default() }).result, Err(Refusal::Unsupported));
    assert_eq!(of_sps(&Sps { depth: (7, 0), ..Sps::default() }).result, Err(Refusal::Malformed));
}

#[test]
fn sizes_are_bounded_before_and_after_cropping() {
    let sized =
        |size, frames_only, crop| of_sps(&Sps { size, frames_only, crop, ..Sps::default() });
    // 3840x2160 lying and standing, and as fields.
    assert_eq!(sized((240, 135), true, None).result, Ok(()));
    assert_eq!(sized((135, 240), true, None).result, Ok(()));
    assert_eq!(sized((240, 68), false, Some([0, 0, 0, 4])).result, Ok(()));
    for (size, frames_only, crop) in [
        ((241, 135), true, None),
        ((240, 136), true, None),
        ((240, 68), false, None),
        ((512, 512), true, None),
        // Cropping hides what has to be decoded.
        ((512, 512), true, Some([0, 4000, 0, 4000])),
        ((u32::MAX / 4, 1), true, None),
        ((u32::MAX - 1, u32::MAX - 1), false, None),
    ] {
        assert_eq!(sized(size, frames_only, crop).result, Err(Refusal::Unsupported), "{size:?}");
    }
    for crop in [[320, 0, 0, 0], [0, 0, 184, 0], [0, u32::MAX - 1, 0, 0]] {
        assert!(sized((40, 23), true, Some(crop)).result.is_err(), "{crop:?}");
    }
}

#[test]
fn references_are_bounded_by_number_and_memory() {
    let with = |references, size| of_sps(&Sps { references, size, crop: None, ..Sps::default() });
    assert_eq!(with(16, (120, 68)).result, Ok(()));
    assert_eq!(with(17, (40, 23)).result, Err(Refusal::Unsupported));
    assert_eq!(with(5, (240, 135)).result, Ok(()));
    assert_eq!(with(6, (240, 135)).result, Err(Refusal::Unsupported));
}

/// A VUI with both hypothetical decoders and restrictions.
fn full_vui(w: &mut BitWriter) -> &mut BitWriter {
    w.flags("1").flags("1").u(8, 255).u(16, 4).u(16, 3).flags("11").flags("1");
    w.u(3, 5).flags("11").u(24, 0x01_0101).flags("1").ue(0).ue(0);
    w.flags("1").u(32, 1).u(32, 50).flags("1");
    for _ in 0..2 {
        w.flags("1").ue(0).u(8, 0).ue(100).ue(100).flags("0").u(20, 0);
    }
    w.flags("0").flags("0").flags("1").flags("1").ue(0).ue(0).ue(10).ue(10).ue(0).ue(2)
}

#[test]
fn usability_information_is_read_to_its_bounds() {
    assert_eq!(of_sps(&Sps { vui: full_vui, ..Sps::default() }).result, Ok(()));
    // More buffers than there can be, and more frames held back than are buffered.
    let buffers: Write = |w| w.flags("10000").flags("1").ue(32);
    let held: Write = |w| w.flags("100000000").flags("11").ue(0).ue(0).ue(0).ue(0).ue(9).ue(2);
    let buffered: Write = |w| w.flags("100000000").flags("11").ue(0).ue(0).ue(0).ue(0).ue(0).ue(17);
    assert_eq!(of_sps(&Sps { vui: buffers, ..Sps::default() }).result, Err(Refusal::Malformed));
    assert_eq!(of_sps(&Sps { vui: held, ..Sps::default() }).result, Err(Refusal::Malformed));
    assert_eq!(of_sps(&Sps { vui: buffered, ..Sps::default() }).result, Err(Refusal::Unsupported));
}

#[test]
fn what_follows_a_parameter_set_is_cut_off_each_time() {
    let (sps, pps) = (Sps::default(), Pps::default());
    let mark = b"CANARY";
    let after = |nal: Vec<u8>| [nal, mark.to_vec()].concat();
    let baseline = Sps { profile: 66, constraints: 0xc0, ..Sps::default() };
    for (sps, pps_nal) in [(&sps, pps.nal()), (&baseline, after(pps.nal()))] {
        let unit = stream(&[after(sps.nal()), pps_nal, idr()]);
        let mut filter_of = new();
        for _ in 0..3 {
            let outcome = filter(&mut filter_of, &unit);
            assert_eq!(outcome.result, Ok(()));
            assert_eq!(outcome.bytes, key_frame(sps, &pps));
            assert!(outcome.dropped(Filtered::Trailing) > 0);
        }
    }
}

#[test]
fn a_sequence_parameter_set_of_a_camera_with_a_byte_too_many_passes() {
    // github.com/scottlamb/retina/issues/102
    let sps =
        b"\x67\x64\x00\x33\xac\x15\x14\xa0\xa0\x3d\xa1\x00\x00\x04\xf6\x00\x00\x63\x38\x04\x04";
    let outcome = filter(&mut new(), &stream(&[sps.to_vec(), Pps::default().nal()]));
    assert_eq!((outcome.result, outcome.dropped(Filtered::Trailing)), (Ok(()), 1));
    assert!(outcome.bytes.windows(3).any(|end| end == [0x63, 0x38, 0x04]));
}

#[test]
fn parameter_sets_of_any_other_length_are_refused() {
    let sps = [Sps::default().nal(), vec![1; LARGEST_PARAMETER_SET]].concat();
    assert_eq!(filter(&mut new(), &stream(&[sps])).result, Err(Refusal::TooMuch));
    let nal = Sps::default().nal();
    for length in 1..nal.len() - 1 {
        let outcome = filter(&mut new(), &stream(&[nal[..length].to_vec()]));
        assert_eq!(outcome.result, Err(Refusal::Malformed), "{length} bytes");
    }
}

#[test]
fn slice_groups_and_redundant_slices_are_refused() {
    assert_eq!(of_pps(&Pps::default()).result, Ok(()));
    assert_eq!(of_pps(&Pps { id: 255, ..Pps::default() }).result, Ok(()));
    for pps in [
        Pps { slice_groups: 1, ..Pps::default() },
        Pps { slice_groups: 8, ..Pps::default() },
        Pps { redundant: true, ..Pps::default() },
    ] {
        assert_eq!(of_pps(&pps).result, Err(Refusal::Unsupported));
    }
    assert_eq!(of_pps(&Pps { of: 1, ..Pps::default() }).result, Err(Refusal::NoParameterSets));
    assert_eq!(of_pps(&Pps { of: 32, ..Pps::default() }).result, Err(Refusal::Malformed));
    assert_eq!(of_pps(&Pps { id: 256, ..Pps::default() }).result, Err(Refusal::Malformed));
}

#[test]
fn slices_without_accepted_parameter_sets_wait() {
    let mut stranger = new();
    let slice_alone = stream(&[idr()]);
    let outcome = filter(&mut stranger, &slice_alone);
    assert_eq!(outcome.result, Err(Refusal::NoParameterSets));
    assert_eq!(outcome.dropped(Filtered::Slice), 1);
    // A refused SPS takes the one before it along, until the next that is accepted.
    let mut known = begun();
    assert_eq!(filter(&mut known, &slice_alone).result, Ok(()));
    let huge = Sps { size: (512, 512), ..Sps::default() };
    assert_eq!(filter(&mut known, &stream(&[huge.nal()])).result, Err(Refusal::Unsupported));
    for _ in 0..3 {
        assert_eq!(filter(&mut known, &slice_alone).result, Err(Refusal::NoParameterSets));
    }
    assert_eq!(filter(&mut known, &key_frame(&Sps::default(), &Pps::default())).result, Ok(()));
    assert_eq!(filter(&mut known, &slice_alone).result, Ok(()));
    // So does one that cannot be read, whichever it was meant to be.
    assert_eq!(filter(&mut known, &stream(&[vec![0x67, 100]])).result, Err(Refusal::Malformed));
    assert_eq!(filter(&mut known, &slice_alone).result, Err(Refusal::NoParameterSets));
}

#[test]
fn a_new_sequence_needs_its_picture_parameter_sets_anew() {
    let mut known = begun();
    let night = Sps { size: (44, 36), crop: None, chroma: 0, ..Sps::default() };
    let change = stream(&[night.nal(), idr()]);
    assert_eq!(filter(&mut known, &change).result, Err(Refusal::NoParameterSets));
    assert_eq!(filter(&mut known, &key_frame(&night, &Pps::default())).result, Ok(()));
    assert_eq!(filter(&mut known, &key_frame(&Sps::default(), &Pps::default())).result, Ok(()));
}

#[test]
fn slices_come_in_order_and_within_the_picture() {
    let of = |firsts: &[u32]| {
        let slices: Vec<_> = firsts.iter().map(|first| slice(0x65, *first, 0)).collect();
        filter(&mut begun(), &stream(&slices)).result
    };
    assert_eq!(of(&[0, 40, 80, 919]), Ok(()));
    // A second picture, or field.
    assert_eq!(of(&[0, 40, 0, 40]), Ok(()));
    for wrong in [&[40][..], &[0, 80, 40], &[0, 40, 40], &[0, 920], &[0, u32::MAX - 1]] {
        assert_eq!(of(wrong), Err(Refusal::Malformed), "{wrong:?}");
    }
}

#[test]
fn fields_have_half_of_the_macroblocks() {
    let mut interlaced = new();
    let sps = Sps { frames_only: false, size: (44, 18), crop: None, ..Sps::default() };
    let slice = |first: u32, field: &str| {
        let mut w = BitWriter::default();
        w.ue(first).ue(7).ue(0).u(4, 0).flags(field).u(32, 0x1234_5678);
        w.nal(&[0x65])
    };
    let begin = stream(&[sps.nal(), Pps::default().nal(), slice(0, "11"), slice(0, "10")]);
    assert_eq!(filter(&mut interlaced, &begin).result, Ok(()));
    let of = |filter_of: &mut UnitFilter, first, field| {
        filter(filter_of, &stream(&[slice(0, field), slice(first, field)])).result
    };
    let all = 44 * 36;
    assert_eq!(of(&mut interlaced, all / 2 - 1, "10"), Ok(()));
    assert_eq!(of(&mut interlaced, all / 2, "10"), Err(Refusal::Malformed));
    assert_eq!(of(&mut interlaced, all - 1, "0"), Ok(()));
    assert_eq!(of(&mut interlaced, all, "0"), Err(Refusal::Malformed));
}

#[test]
fn slices_of_other_kinds_are_refused() {
    let of = |kind: u32| {
        let mut w = BitWriter::default();
        w.ue(0).ue(kind).ue(0).u(4, 0).u(32, 0x1234_5678);
        filter(&mut begun(), &stream(&[w.nal(&[0x41])])).result
    };
    for kind in 0..12 {
        let expected =
            if [0, 1, 2, 5, 6, 7].contains(&kind) { Ok(()) } else { Err(Refusal::Malformed) };
        assert_eq!(of(kind), expected, "slice_type {kind}");
    }
}

#[test]
fn what_a_picture_does_not_need_so_many_of_is_refused() {
    let slices = |count: u32| -> Vec<_> { (0..count).map(|n| slice(0x65, n, 0)).collect() };
    let of = |units: Vec<Vec<u8>>| filter(&mut begun(), &stream(&units)).result;
    assert_eq!(of(slices(64)), Ok(()));
    assert_eq!(of(slices(65)), Err(Refusal::TooMuch));
    let sei = |count| vec![vec![6, 5, 0x80]; count];
    assert_eq!(of([sei(64), slices(64)].concat()), Ok(()));
    assert_eq!(of(sei(65)), Err(Refusal::TooMuch));
    let long = |bytes| [stream(&[idr()]), vec![7; bytes]].concat();
    let room = crate::limits::LARGEST_UNIT - stream(&[idr()]).len();
    assert_eq!(filter(&mut begun(), &long(room)).result, Ok(()));
    assert_eq!(filter(&mut begun(), &long(room + 1)).result, Err(Refusal::TooMuch));
}

#[test]
fn parameter_sets_come_before_slices() {
    let unit = stream(&[idr(), Sps::default().nal()]);
    assert_eq!(filter(&mut begun(), &unit).result, Err(Refusal::Malformed));
}

/// What the filter knows is what the decoder has.
#[test]
fn parameter_sets_of_a_refused_unit_are_not_known() {
    let mut known = begun();
    let other = Sps { size: (44, 36), crop: None, ..Sps::default() };
    let bad = slice(0x65, 7, 0);
    let unit = stream(&[other.nal(), Pps::default().nal(), bad]);
    assert_eq!(filter(&mut known, &unit).result, Err(Refusal::Malformed));
    assert_eq!(filter(&mut known, &stream(&[idr()])).result, Err(Refusal::NoParameterSets));
}
