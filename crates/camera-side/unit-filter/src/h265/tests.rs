#![allow(clippy::unwrap_used)]

use cofferdam_picture_ring::Filtered;

use crate::testing::{BitWriter, LARGEST, Outcome, Write, filter, stream};
use crate::{Format, Refusal, UnitFilter};

const fn header(kind: u8) -> [u8; 2] {
    [kind << 1, 1]
}

/// Main, level 3.1, of so many sub-layers.
fn profile(w: &mut BitWriter, idc: u64, compatible: u64, sub_layers_minus1: u32) {
    w.u(2, 0).u(1, 0).u(5, idc).u(32, compatible).u(48, 0x9000_0000_0000).u(8, 93);
    if sub_layers_minus1 > 0 {
        for _ in 0..sub_layers_minus1 {
            w.flags("11");
        }
        w.u(2 * (8 - sub_layers_minus1), 0);
        for _ in 0..sub_layers_minus1 {
            w.u(32, 0x0160_0000).u(32, 0).u(24, 0).u(8, 93);
        }
    }
}

fn vps(layers_minus1: u64) -> BitWriter {
    let mut w = BitWriter::default();
    w.u(4, 0).flags("11").u(6, layers_minus1).u(3, 0).flags("1").u(16, 0xffff);
    profile(&mut w, 1, 0x6000_0000, 0);
    w.flags("1").ue(4).ue(0).ue(0).u(6, 0).ue(0);
    w
}

fn vps_nal() -> Vec<u8> {
    vps(0).flags("00").nal(&header(32))
}

#[derive(Clone)]
struct Sps {
    profile: (u64, u64),
    sub_layers_minus1: u32,
    id: u32,
    chroma: u32,
    size: (u32, u32),
    window: Option<[u32; 4]>,
    depth: (u32, u32),
    buffered: u32,
    middle: Write,
    vui: Write,
    extension: &'static str,
}

impl Default for Sps {
    fn default() -> Self {
        Self {
            profile: (1, 0x6000_0000),
            sub_layers_minus1: 0,
            id: 0,
            chroma: 1,
            size: (640, 360),
            window: None,
            depth: (0, 0),
            buffered: 5,
            // One set of one picture before; no long-term ones.
            middle: |w| w.ue(1).ue(1).ue(0).ue(0).flags("1").flags("0"),
            vui: |w| w.flags("0"),
            extension: "0",
        }
    }
}

impl Sps {
    fn bits(&self) -> BitWriter {
        let mut w = BitWriter::default();
        w.u(4, 0).u(3, self.sub_layers_minus1.into()).flags("1");
        profile(&mut w, self.profile.0, self.profile.1, self.sub_layers_minus1);
        w.ue(self.id).ue(self.chroma);
        if self.chroma == 3 {
            w.flags("0");
        }
        w.ue(self.size.0).ue(self.size.1);
        match self.window {
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
        w.ue(self.depth.0).ue(self.depth.1).ue(4).flags("0").ue(self.buffered - 1).ue(0).ue(0);
        // Blocks of 8 to 64, transforms of 4 to 32.
        w.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).flags("0").flags("11").flags("0");
        (self.middle)(&mut w);
        w.flags("11");
        (self.vui)(&mut w);
        w.flags(self.extension);
        w
    }

    fn nal(&self) -> Vec<u8> {
        self.bits().nal(&header(33))
    }
}

#[derive(Clone)]
struct Pps {
    id: u32,
    of: u32,
    dependent: bool,
    extra_bits: u64,
    tiles: Option<(u32, u32)>,
    extension: &'static str,
}

impl Default for Pps {
    fn default() -> Self {
        Self { id: 0, of: 0, dependent: false, extra_bits: 0, tiles: None, extension: "0" }
    }
}

impl Pps {
    fn nal(&self) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.ue(self.id)
            .ue(self.of)
            .u(1, self.dependent.into())
            .flags("0")
            .u(3, self.extra_bits)
            .flags("00");
        w.ue(0).ue(0).se(0).flags("00").flags("1").ue(0).se(0).se(0).flags("0000");
        w.u(1, self.tiles.is_some().into()).flags("0");
        if let Some((columns, rows)) = self.tiles {
            w.ue(columns - 1).ue(rows - 1).flags("1").flags("1");
        }
        w.flags("1").flags("0").flags("0").flags("0").ue(0).flags("0").flags(self.extension);
        w.nal(&header(34))
    }
}

fn slice(kind: u8, address: u32, dependent: bool) -> Vec<u8> {
    let mut w = BitWriter::default();
    w.u(1, (address == 0).into());
    if (16..=23).contains(&kind) {
        w.flags("0");
    }
    w.ue(0);
    if address > 0 {
        if dependent {
            w.flags("0");
        }
        // 60 tree blocks.
        w.u(6, address.into());
    }
    w.u(32, 0x1234_5678).nal(&header(kind))
}

fn key_frame(sps: &Sps, pps: &Pps) -> Vec<u8> {
    stream(&[vps_nal(), sps.nal(), pps.nal(), slice(19, 0, false)])
}

fn new() -> UnitFilter {
    UnitFilter::new(Format::H265, LARGEST)
}

fn of_sps(sps: &Sps) -> Outcome {
    filter(&mut new(), &key_frame(sps, &Pps::default()))
}

fn of_pps(pps: &Pps) -> Outcome {
    filter(&mut new(), &key_frame(&Sps::default(), pps))
}

fn begun(pps: &Pps) -> UnitFilter {
    let mut begun = new();
    assert_eq!(filter(&mut begun, &key_frame(&Sps::default(), pps)).result, Ok(()));
    begun
}

#[test]
fn a_plain_picture_passes_untouched() {
    let unit = key_frame(&Sps::default(), &Pps::default());
    let outcome = filter(&mut new(), &unit);
    assert_eq!((outcome.result, outcome.bytes == unit, outcome.tally.total()), (Ok(()), true, 0));
}

#[test]
fn every_type_but_those_of_pictures_is_dropped_and_counted() {
    let kinds = |wanted: Filtered| -> Vec<u8> {
        let is = |kind: &u8| {
            let nal = [kind << 1, 1, 0x88, 0x84, 0x21, 0xa0].to_vec();
            filter(&mut begun(&Pps::default()), &stream(&[nal])).dropped(wanted) == 1
        };
        let others = |kind: &u8| !matches!(kind, 0..=9 | 16..=21 | 32..=34);
        (0..64).filter(others).filter(is).collect()
    };
    assert_eq!(kinds(Filtered::Sei), [39, 40]);
    assert_eq!(kinds(Filtered::Delimiter), [35, 36, 37]);
    assert_eq!(kinds(Filtered::Filler), [38]);
    let reserved: Vec<u8> = (10..16).chain(22..32).chain(41..64).collect();
    assert_eq!(kinds(Filtered::Reserved), reserved);
}

#[test]
fn other_layers_and_broken_headers_are_dropped() {
    let of = |header: [u8; 2]| {
        let nal = [&header[..], &slice(19, 0, false)[2..]].concat();
        let unit = stream(&[slice(19, 0, false), nal]);
        filter(&mut begun(&Pps::default()), &unit)
    };
    for header in [[19 << 1, 1 << 3 | 1], [19 << 1 | 1, 1], [33 << 1, 0x81]] {
        let outcome = of(header);
        assert_eq!((outcome.result, outcome.dropped(Filtered::Extension)), (Ok(()), 1));
        assert_eq!(outcome.left, [38]);
    }
    for header in [[0x80 | 19 << 1, 1], [19 << 1, 0]] {
        assert_eq!(of(header).dropped(Filtered::Reserved), 1);
    }
    let short = filter(&mut begun(&Pps::default()), &stream(&[vec![38, 1]]));
    assert_eq!(short.dropped(Filtered::Reserved), 1);
}

#[test]
fn only_the_main_profile_passes() {
    for profile in [(1, 0), (2, 0x6000_0000), (0, 0x4000_0000)] {
        assert_eq!(of_sps(&Sps { profile, ..Sps::default() }).result, Ok(()), "{profile:x?}");
    }
    for profile in [(0, 0), (2, 0x2000_0000), (4, 0x0800_0000), (9, 0), (31, 0)] {
        let outcome = of_sps(&Sps { profile, ..Sps::default() });
        assert_eq!(outcome.result, Err(Refusal::Unsupported), "{profile:x?}");
    }
}

#[test]
fn eight_bits_of_420_or_grey_pass_and_no_others() {
    assert_eq!(of_sps(&Sps { chroma: 0, ..Sps::default() }).result, Ok(()));
    for sps in [
        Sps { chroma: 2, ..Sps::default() },
        Sps { chroma: 3, ..Sps::default() },
        Sps { depth: (2, 2), ..Sps::default() },
        Sps { depth: (0, 1), ..Sps::default() },
    ] {
        assert_eq!(of_sps(&sps).result, Err(Refusal::Unsupported));
    }
    assert_eq!(of_sps(&Sps { chroma: 4, ..Sps::default() }).result, Err(Refusal::Malformed));
}

#[test]
fn sizes_and_buffers_are_bounded() {
    let of =
        |size, window, buffered| of_sps(&Sps { size, window, buffered, ..Sps::default() }).result;
    assert_eq!(of((3840, 2160), None, 6), Ok(()));
    assert_eq!(of((2160, 3840), None, 6), Ok(()));
    assert_eq!(of((3840, 2176), Some([0, 0, 0, 8]), 6), Ok(()));
    assert_eq!(of((3840, 2160), None, 7), Err(Refusal::Unsupported));
    assert_eq!(of((1920, 1080), None, 16), Ok(()));
    for size in [(3848, 2160), (3840, 2176), (8192, 8192), (65536, 8), (u32::MAX - 7, 8)] {
        assert_eq!(of(size, None, 1), Err(Refusal::Unsupported), "{size:?}");
    }
    assert_eq!(of((8192, 4320), Some([0, 2176, 0, 1080]), 1), Err(Refusal::Unsupported));
    for size in [(0, 360), (640, 0), (644, 360)] {
        assert_eq!(of(size, None, 1), Err(Refusal::Malformed), "{size:?}");
    }
    for window in [[320, 0, 0, 0], [0, 0, 90, 90], [u32::MAX - 1, 2, 0, 0]] {
        assert_eq!(of((640, 360), Some(window), 1), Err(Refusal::Malformed), "{window:?}");
    }
}

#[test]
fn sub_layers_are_read() {
    for sub_layers_minus1 in 0..=6 {
        let sps = Sps { sub_layers_minus1, ..Sps::default() };
        assert_eq!(of_sps(&sps).result, Ok(()), "{sub_layers_minus1}");
    }
    let eight = Sps { sub_layers_minus1: 7, ..Sps::default() };
    assert_eq!(of_sps(&eight).result, Err(Refusal::Malformed));
}

#[test]
fn reference_sets_are_bounded() {
    let of = |middle: Write| of_sps(&Sps { middle, ..Sps::default() }).result;
    // The second set is predicted from the first.
    assert_eq!(
        of(|w| w
            .ue(2)
            .ue(1)
            .ue(0)
            .ue(0)
            .flags("1")
            .flags("1")
            .flags("0")
            .ue(0)
            .flags("11")
            .flags("0")),
        Ok(())
    );
    assert_eq!(of(|w| w.ue(65)), Err(Refusal::Malformed));
    assert_eq!(of(|w| w.ue(1).ue(17).ue(0)), Err(Refusal::Malformed));
    assert_eq!(of(|w| w.ue(0).flags("1").ue(33)), Err(Refusal::Malformed));
    assert_eq!(of(|w| w.ue(0).flags("1").ue(1).u(8, 0).flags("1")), Ok(()));
}

fn full_vui(w: &mut BitWriter) -> &mut BitWriter {
    // Everything up to the timing: it stays.
    w.flags("1")
        .flags("1")
        .u(8, 255)
        .u(16, 4)
        .u(16, 3)
        .flags("11")
        .flags("1")
        .u(4, 11)
        .flags("1")
        .u(24, 0x01_0101);
    w.flags("1").ue(0).ue(0).flags("000").flags("0");
    // Timing, a hypothetical decoder, restrictions: they go.
    w.flags("1").u(32, 1).u(32, 25).flags("1").ue(0).flags("1");
    w.flags("11").flags("1").u(19, 0).u(8, 0).u(4, 0).u(15, 0);
    w.flags("1").ue(0).ue(0);
    for _ in 0..2 {
        w.ue(7).ue(7).ue(7).ue(7).flags("0");
    }
    w.flags("1").flags("010").ue(0).ue(2).ue(1).ue(15).ue(15)
}

#[test]
fn timing_and_restrictions_are_cut_off() {
    let sps = Sps { vui: full_vui, ..Sps::default() };
    let outcome = of_sps(&sps);
    assert_eq!((outcome.result, outcome.dropped(Filtered::Trailing)), (Ok(()), 1));
    let without: Write = |w| {
        w.flags("1")
            .flags("1")
            .u(8, 255)
            .u(16, 4)
            .u(16, 3)
            .flags("11")
            .flags("1")
            .u(4, 11)
            .flags("1")
            .u(24, 0x01_0101);
        w.flags("1").ue(0).ue(0).flags("000").flags("0").flags("00")
    };
    let expected = key_frame(&Sps { vui: without, ..Sps::default() }, &Pps::default());
    assert_eq!(outcome.bytes, expected);
    // A set of that form has nothing to lose.
    assert_eq!(filter(&mut new(), &expected).tally.total(), 0);
    let broken: Write = |w| {
        w.flags("1")
            .flags("00000000")
            .flags("1")
            .u(64, 0)
            .flags("01")
            .flags("10")
            .flags("0")
            .u(23, 0)
            .flags("00")
            .flags("0")
            .ue(32)
    };
    assert_eq!(of_sps(&Sps { vui: broken, ..Sps::default() }).result, Err(Refusal::Malformed));
}

#[test]
fn extensions_are_refused_and_what_follows_is_cut_off() {
    for bit in 0..8 {
        let flags = [
            "110000000",
            "101000000",
            "100100000",
            "100010000",
            "100001000",
            "100000100",
            "100000010",
            "100000001",
        ][bit];
        assert_eq!(
            of_sps(&Sps { extension: flags, ..Sps::default() }).result,
            Err(Refusal::Unsupported)
        );
        assert_eq!(
            of_pps(&Pps { extension: flags, ..Pps::default() }).result,
            Err(Refusal::Unsupported)
        );
    }
    let mark = b"CANARY";
    let after = |nal: Vec<u8>| [nal, mark.to_vec()].concat();
    let (sps, pps) = (Sps::default(), Pps::default());
    let unit = stream(&[after(vps_nal()), after(sps.nal()), after(pps.nal()), slice(19, 0, false)]);
    let mut known = new();
    for _ in 0..3 {
        let outcome = filter(&mut known, &unit);
        assert_eq!((outcome.result, outcome.dropped(Filtered::Trailing)), (Ok(()), 3));
        assert_eq!(outcome.bytes, key_frame(&sps, &pps));
    }
}

#[test]
fn video_parameter_sets_of_several_layers_are_refused() {
    let of = |nal: Vec<u8>| filter(&mut new(), &stream(&[nal])).result;
    assert_eq!(of(vps_nal()), Ok(()));
    assert_eq!(of(vps(1).flags("00").nal(&header(32))), Err(Refusal::Unsupported));
    let nal = vps_nal();
    for length in 3..nal.len() - 1 {
        assert_eq!(of(nal[..length].to_vec()), Err(Refusal::Malformed), "{length} bytes");
    }
}

#[test]
fn picture_parameter_sets_are_bounded() {
    assert_eq!(of_pps(&Pps { tiles: Some((10, 6)), ..Pps::default() }).result, Ok(()));
    assert_eq!(
        of_pps(&Pps { tiles: Some((11, 1)), ..Pps::default() }).result,
        Err(Refusal::Malformed)
    );
    assert_eq!(
        of_pps(&Pps { tiles: Some((1, 7)), ..Pps::default() }).result,
        Err(Refusal::Malformed)
    );
    assert_eq!(of_pps(&Pps { extra_bits: 3, ..Pps::default() }).result, Err(Refusal::Malformed));
    assert_eq!(of_pps(&Pps { of: 1, ..Pps::default() }).result, Err(Refusal::NoParameterSets));
    assert_eq!(of_pps(&Pps { of: 16, ..Pps::default() }).result, Err(Refusal::Malformed));
    assert_eq!(of_pps(&Pps { id: 64, ..Pps::default() }).result, Err(Refusal::Malformed));
}

#[test]
fn slice_segments_come_in_order_and_within_the_picture() {
    for dependent in [false, true] {
        let of = |addresses: &[u32]| {
            let slices: Vec<_> = addresses.iter().map(|a| slice(1, *a, dependent)).collect();
            filter(&mut begun(&Pps { dependent, ..Pps::default() }), &stream(&slices)).result
        };
        assert_eq!(of(&[0, 10, 20, 59]), Ok(()));
        for wrong in [&[10][..], &[0, 20, 10], &[0, 10, 10], &[0, 60]] {
            assert_eq!(of(wrong), Err(Refusal::Malformed), "{wrong:?}");
        }
    }
}

#[test]
fn slices_without_accepted_parameter_sets_wait() {
    let alone = stream(&[slice(19, 0, false)]);
    let mut known = begun(&Pps::default());
    assert_eq!(filter(&mut known, &alone).result, Ok(()));
    let ten_bits = Sps { depth: (2, 2), ..Sps::default() };
    assert_eq!(filter(&mut known, &stream(&[ten_bits.nal()])).result, Err(Refusal::Unsupported));
    for _ in 0..2 {
        let outcome = filter(&mut known, &alone);
        assert_eq!(
            (outcome.result, outcome.dropped(Filtered::Slice)),
            (Err(Refusal::NoParameterSets), 1)
        );
    }
    assert_eq!(filter(&mut known, &key_frame(&Sps::default(), &Pps::default())).result, Ok(()));
    assert_eq!(filter(&mut known, &alone).result, Ok(()));
}

#[test]
fn what_a_picture_does_not_need_so_many_of_is_refused() {
    let of = |units: Vec<Vec<u8>>| filter(&mut begun(&Pps::default()), &stream(&units)).result;
    assert_eq!(of(vec![slice(1, 0, false); 64]), Ok(()));
    assert_eq!(of(vec![slice(1, 0, false); 65]), Err(Refusal::TooMuch));
    assert_eq!(of(vec![vec![78, 1, 5, 0x80]; 65]), Err(Refusal::TooMuch));
}

#[test]
fn parameter_sets_come_before_slices() {
    let unit = stream(&[slice(19, 0, false), Sps::default().nal()]);
    assert_eq!(filter(&mut begun(&Pps::default()), &unit).result, Err(Refusal::Malformed));
}

/// What the filter knows is what the decoder has.
#[test]
fn parameter_sets_of_a_refused_unit_are_not_known() {
    let mut known = begun(&Pps::default());
    let other = Sps { size: (704, 576), ..Sps::default() };
    let bad = slice(19, 7, false);
    let unit = stream(&[vps_nal(), other.nal(), Pps::default().nal(), bad]);
    assert_eq!(filter(&mut known, &unit).result, Err(Refusal::Malformed));
    assert_eq!(
        filter(&mut known, &stream(&[slice(19, 0, false)])).result,
        Err(Refusal::NoParameterSets)
    );
}
