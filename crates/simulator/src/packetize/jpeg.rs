//! JPEG over RTP (RFC 2435).
//!
//! The receiver writes the picture's headers itself, with the Huffman tables of the JPEG standard's
//! annex K. So only pictures that use those can be carried; the quantization tables travel with
//! every picture (Q = 255).

use std::borrow::Cow;
use std::ops::Range;

use super::{MAX_PAYLOAD, PacketizeError, Packets};
use crate::plant::JpegMarks;

const Q_TABLES_IN_BAND: u8 = 255;
const MAIN_HEADER: usize = 8;
const RESTART_HEADER: usize = 4;

/// A picture, taken apart.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    /// §3.1.3: 0 is 4:2:2, 1 is 4:2:0; 64 more with restart markers.
    kind: u8,
    /// Sides in units of 8 pixels.
    width: u8,
    height: u8,
    restart_interval: u16,
    luma_table: &'a [u8],
    chroma_table: &'a [u8],
    /// The entropy-coded segment with its stuffing and restart markers.
    scan: &'a [u8],
}

/// Takes a JPEG picture apart.
///
/// # Errors
/// When RFC 2435 has no way to carry it.
pub(crate) fn parse(picture: &[u8]) -> Result<Parsed<'_>, PacketizeError> {
    let error = |what| Err(PacketizeError::Jpeg(what));
    let mut tables: [Option<&[u8]>; 4] = [None; 4];
    let mut frame = None;
    let mut restart_interval = 0;
    let Some(mut rest) = picture.strip_prefix(&[0xFF, 0xD8]) else {
        return error("no picture");
    };
    loop {
        let [0xFF, marker, high, low, after @ ..] = rest else {
            return error("broken headers");
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (Some(segment), Some(following)) =
            (length.checked_sub(2).and_then(|l| after.get(..l)), rest.get(length + 2..))
        else {
            return error("broken headers");
        };
        rest = following;
        match marker {
            0xDB => quantization_tables(segment, &mut tables)?,
            0xC4 => huffman_tables(segment)?,
            0xC0 => frame = Some(frame_header(segment)?),
            0xC1..=0xCF => return error("not baseline"),
            0xDD => match segment {
                [high, low] => restart_interval = u16::from_be_bytes([*high, *low]),
                _ => return error("broken headers"),
            },
            0xDA => break,
            _ => {}
        }
    }
    let Some(frame) = frame else { return error("no frame header") };
    let table = |index: u8| tables.get(usize::from(index)).copied().flatten();
    let (Some(luma_table), Some(chroma_table)) = (table(frame.luma), table(frame.chroma)) else {
        return error("no quantization tables");
    };
    // Encoders pad after the end of the picture.
    let end = rest.windows(2).rposition(|window| window == [0xFF, 0xD9]).unwrap_or(rest.len());
    Ok(Parsed {
        kind: frame.kind | if restart_interval == 0 { 0 } else { 64 },
        width: frame.width,
        height: frame.height,
        restart_interval,
        luma_table,
        chroma_table,
        scan: &rest[..end],
    })
}

struct Frame {
    kind: u8,
    width: u8,
    height: u8,
    luma: u8,
    chroma: u8,
}

fn frame_header(segment: &[u8]) -> Result<Frame, PacketizeError> {
    let [8, h1, h0, w1, w0, 3, _, luma_sampling, luma, _, 0x11, cb, _, 0x11, cr] = segment else {
        return Err(PacketizeError::Jpeg("not three components of 8 bits"));
    };
    let kind = match luma_sampling {
        0x21 => 0,
        0x22 => 1,
        _ => return Err(PacketizeError::Jpeg("neither 4:2:0 nor 4:2:2")),
    };
    if cb != cr {
        return Err(PacketizeError::Jpeg("three quantization tables"));
    }
    let side = |high: u8, low: u8| {
        let pixels = u16::from_be_bytes([high, low]);
        let units = u8::try_from(pixels / 8).ok().filter(|_| pixels.is_multiple_of(8));
        units.ok_or(PacketizeError::Jpeg("sides are not multiples of 8 up to 2040"))
    };
    Ok(Frame { kind, width: side(*w1, *w0)?, height: side(*h1, *h0)?, luma: *luma, chroma: *cb })
}

fn quantization_tables<'a>(
    mut segment: &'a [u8],
    tables: &mut [Option<&'a [u8]>; 4],
) -> Result<(), PacketizeError> {
    while let [id, values @ ..] = segment {
        let (Some(table), Some(slot)) = (values.get(..64), tables.get_mut(usize::from(*id))) else {
            return Err(PacketizeError::Jpeg("quantization tables of more than 8 bits"));
        };
        *slot = Some(table);
        segment = &values[64..];
    }
    Ok(())
}

/// The ranges of symbols in the order of annex K are what tells its tables from others.
fn huffman_tables(mut segment: &[u8]) -> Result<(), PacketizeError> {
    let other = PacketizeError::Jpeg("Huffman tables of its own");
    while let [class_and_id, table @ ..] = segment {
        let Some(lengths) = table.first_chunk::<16>() else { return Err(other) };
        let symbols = lengths.iter().map(|l| usize::from(*l)).sum::<usize>();
        let Some(values) = table.get(16..16 + symbols) else { return Err(other) };
        let standard = match class_and_id {
            0x00 => lengths == &LUMA_DC && dc_symbols(values),
            0x01 => lengths == &CHROMA_DC && dc_symbols(values),
            0x10 => lengths == &LUMA_AC && checksum(values) == LUMA_AC_SYMBOLS,
            0x11 => lengths == &CHROMA_AC && checksum(values) == CHROMA_AC_SYMBOLS,
            _ => false,
        };
        if !standard {
            return Err(other);
        }
        segment = &table[16 + symbols..];
    }
    Ok(())
}

/// Code lengths of tables K.3 to K.6.
const LUMA_DC: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const CHROMA_DC: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
const LUMA_AC: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D];
const CHROMA_AC: [u8; 16] = [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77];
/// [`checksum`]s of the 162 symbols of tables K.5 and K.6.
const LUMA_AC_SYMBOLS: u32 = 0xB7FB_4F61;
const CHROMA_AC_SYMBOLS: u32 = 0xFD60_4F61;

/// Symbols of tables K.3 and K.4: 0 to 11.
fn dc_symbols(values: &[u8]) -> bool {
    values.iter().copied().eq(0..12)
}

/// Adler-32: enough to tell a known table from an unknown one without writing it out.
fn checksum(values: &[u8]) -> u32 {
    let (a, b) = values.iter().fold((1_u32, 0_u32), |(a, b), value| {
        let a = (a + u32::from(*value)) % 65521;
        (a, (b + a) % 65521)
    });
    b << 16 | a
}

/// Packets of a picture, with `marks` where they can stand.
pub(super) fn packetize(
    picture: &Parsed<'_>,
    marks: Option<&JpegMarks>,
    packets: &mut Packets<'_>,
) {
    // §3.1.7: F and L set and a count of 0x3FFF: fragments do not heed restart intervals.
    let [high, low] = picture.restart_interval.to_be_bytes();
    let restart = [high, low, 0xFF, 0xFF];
    let restart = if picture.restart_interval == 0 { &[][..] } else { &restart[..RESTART_HEADER] };
    // §3.1.8: MBZ, precision (both tables 8 bits), length.
    let mut tables = [&[0, 0, 0, 128], picture.luma_table, picture.chroma_table].concat();
    let mut scan = Cow::Borrowed(picture.scan);
    if let Some(marks) = marks {
        tables.truncate(tables.len() - marks.table.len());
        tables.extend_from_slice(&marks.table);
        tables.extend_from_slice(&marks.header);
        let length = u16::try_from(tables.len() - 4).unwrap_or(128).to_be_bytes();
        tables[2..4].copy_from_slice(&length);
        scan.to_mut().extend_from_slice(&marks.tail);
    }

    let mut offset = 0;
    while offset < scan.len() {
        let tables = if offset == 0 { tables.as_slice() } else { &[] };
        let room = MAX_PAYLOAD - MAIN_HEADER - restart.len() - tables.len();
        let fragment: Range<usize> = offset..scan.len().min(offset + room);
        let [_, o2, o1, o0] = u32::try_from(offset).unwrap_or(u32::MAX).to_be_bytes();
        let main = [0, o2, o1, o0, picture.kind, Q_TABLES_IN_BAND, picture.width, picture.height];
        offset = fragment.end;
        packets.packet(&[&main, restart, tables, &scan[fragment]]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::sent;
    use super::*;
    use crate::settings::Codec;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &length[..], body].concat()
    }

    /// A picture of 640x360 with the tables 1..=64 and 65..=128.
    fn picture(sampling: u8, extra: &[u8], scan: &[u8]) -> Vec<u8> {
        let luma: Vec<u8> = [0].into_iter().chain(1..=64).collect();
        let chroma: Vec<u8> = [1].into_iter().chain(65..=128).collect();
        let dc: Vec<u8> = [0].into_iter().chain(LUMA_DC).chain(0..12).collect();
        [
            &[0xFF, 0xD8][..],
            &segment(0xE0, b"JFIF\0"),
            &segment(0xDB, &luma),
            &segment(0xDB, &chroma),
            &segment(0xC0, &[8, 1, 104, 2, 128, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]),
            &segment(0xC4, &dc),
            extra,
            &segment(0xDA, &[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]),
            scan,
            &[0xFF, 0xD9, 0, 0],
        ]
        .concat()
    }

    fn scan(length: usize) -> Vec<u8> {
        (0..250).cycle().take(length).collect()
    }

    #[test]
    fn fragments_put_together_are_the_scan() {
        let scan = scan(5000);
        let packets = sent(Codec::Mjpeg, &picture(0x22, &[], &scan));
        let tables: Vec<u8> = [0, 0, 0, 128].into_iter().chain(1..=128).collect();
        assert_eq!(packets[0].payload[8..140], tables);
        let mut whole = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let [zero, o2, o1, o0, kind, q, width, height] = packet.payload[..8] else { panic!() };
            let offset = u32::from_be_bytes([0, o2, o1, o0]) as usize;
            assert_eq!((zero, kind, q, width, height), (0, 1, 255, 80, 45));
            assert_eq!(offset, whole.len());
            whole.extend_from_slice(&packet.payload[if index == 0 { 140 } else { 8 }..]);
        }
        assert_eq!(whole, scan);
    }

    #[test]
    fn restart_intervals_have_a_header_in_every_packet() {
        let packets = sent(Codec::Mjpeg, &picture(0x21, &segment(0xDD, &[1, 2]), &scan(3000)));
        assert_eq!(packets.len(), 3);
        for packet in packets {
            assert_eq!(packet.payload[4], 64);
            assert_eq!(packet.payload[8..12], [1, 2, 0xFF, 0xFF]);
        }
    }

    #[test]
    fn refuses_what_the_receiver_could_not_rebuild() {
        let refusal = |bytes: &[u8]| parse(bytes).unwrap_err();
        let good = picture(0x22, &[], &[1, 2, 3]);
        assert_eq!(parse(&good).unwrap().scan, [1, 2, 3]);

        let own = [&[0x10][..], &LUMA_AC, &[7; 162]].concat();
        let extra = segment(0xC4, &own);
        assert_eq!(
            refusal(&picture(0x22, &extra, &[])),
            PacketizeError::Jpeg("Huffman tables of its own")
        );
        assert_eq!(
            refusal(&picture(0x11, &[], &[])),
            PacketizeError::Jpeg("neither 4:2:0 nor 4:2:2")
        );
        assert_eq!(
            refusal(&picture(0x22, &segment(0xC2, &[]), &[])),
            PacketizeError::Jpeg("not baseline")
        );
        for length in 0..good.len() - 7 {
            assert!(parse(&good[..length]).is_err());
        }
    }
}
