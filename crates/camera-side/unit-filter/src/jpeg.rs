//! Motion JPEG: one baseline image a unit (ITU-T T.81, annex B).

use cofferdam_picture_ring::Filtered;

use crate::edit::Edit;
use crate::{LargestPicture, Refusal, Tally};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;

/// The rules. They hold for each image alone: it brings its own tables.
#[derive(Debug)]
pub(crate) struct Rules {
    largest: LargestPicture,
    segments: usize,
}

/// What was seen of an image.
#[derive(Default)]
struct Image {
    /// Which of four quantization tables, and of two tables each for DC and AC, there are.
    quantization: [bool; 4],
    huffman: [[bool; 2]; 2],
    /// Identifiers of its components, once its frame header was there.
    components: Option<Vec<u8>>,
}

/// A marker and its place.
struct Marker {
    code: u8,
    /// Its first byte, or the first of those that fill up before it, and the first after it.
    start: usize,
    end: usize,
}

impl Rules {
    pub(crate) const fn new(largest: LargestPicture, segments: usize) -> Self {
        Self { largest, segments }
    }

    /// Says what of `unit` is kept.
    pub(crate) fn check(
        &self,
        unit: &[u8],
        edit: &mut Edit,
        tally: &mut Tally,
    ) -> Result<(), Refusal> {
        if unit.get(..2) != Some(&[0xff, SOI]) {
            return Err(Refusal::Malformed);
        }
        edit.keep(0..2);
        let mut image = Image::default();
        let mut at = 2;
        let mut in_scan = false;
        for _ in 0..self.segments {
            let marker = if in_scan { end_of_scan(unit, at) } else { marker(unit, at) }?;
            if in_scan {
                edit.keep(at..marker.start);
            }
            if marker.code == EOI {
                if !in_scan {
                    return Err(Refusal::Malformed);
                }
                edit.keep(marker.start..marker.end);
                if marker.end < unit.len() {
                    tally.count(Filtered::Trailing);
                }
                return Ok(());
            }
            let (body, end) = body(unit, marker.end)?;
            at = end;
            match marker.code {
                // APPn and COM, wherever they stand. An Adobe segment may turn the colours of a
                // photograph; what cameras send is YCbCr without it.
                0xe0..=0xef | 0xfe => {
                    tally.count(Filtered::Segment);
                    if cfg!(not(feature = "without-segments")) {
                        continue;
                    }
                }
                // One scan, and all tables before it.
                _ if in_scan => return Err(Refusal::Unsupported),
                0xdb => image.quantization(body)?,
                0xc4 => image.huffman(body)?,
                0xc0 => image.frame(body, self.largest)?,
                0xdd if body.len() == 2 => {}
                0xda => {
                    image.scan(body)?;
                    in_scan = true;
                }
                // Extended, progressive, lossless and arithmetic frames.
                0xc1..=0xcf => return Err(Refusal::Unsupported),
                _ => return Err(Refusal::Malformed),
            }
            edit.keep(marker.start..end);
        }
        Err(Refusal::TooMuch)
    }
}

/// The marker at `at`, which must be one.
fn marker(unit: &[u8], at: usize) -> Result<Marker, Refusal> {
    match unit.get(at..at + 2) {
        Some(&[0xff, code @ 0x01..=0xfe]) => Ok(Marker { code, start: at, end: at + 2 }),
        _ => Err(Refusal::Malformed),
    }
}

/// The marker that ends or interrupts the scan from `from` on.
fn end_of_scan(unit: &[u8], from: usize) -> Result<Marker, Refusal> {
    // The first of a row of 0xff: were one left where the rest is cut out, it would make a marker of
    // what follows.
    let mut start = None;
    for found in memchr::memchr_iter(0xff, unit.get(from..).unwrap_or_default()) {
        let at = from + found;
        match unit.get(at + 1) {
            // A byte that fills up before the next.
            Some(0xff) => start = start.or(Some(at)),
            // A stuffed zero, or a restart.
            Some(0x00 | 0xd0..=0xd7) => start = None,
            Some(code) => {
                return Ok(Marker { code: *code, start: start.unwrap_or(at), end: at + 2 });
            }
            None => break,
        }
    }
    Err(Refusal::Malformed)
}

/// The bytes of a segment whose length stands at `at`, and where it ends.
fn body(unit: &[u8], at: usize) -> Result<(&[u8], usize), Refusal> {
    let length = unit.get(at..at + 2).ok_or(Refusal::Malformed)?;
    let end = at + usize::from(u16::from_be_bytes([length[0], length[1]]));
    let body = unit.get(at + 2..end).ok_or(Refusal::Malformed)?;
    Ok((body, end))
}

impl Image {
    /// DQT (B.2.4.1).
    fn quantization(&mut self, mut body: &[u8]) -> Result<(), Refusal> {
        while let Some((&head, rest)) = body.split_first() {
            // Values of 16 bits are not of the baseline.
            if head >> 4 != 0 {
                return Err(Refusal::Unsupported);
            }
            let (values, rest) = rest.split_at_checked(64).ok_or(Refusal::Malformed)?;
            let table = self.quantization.get_mut(usize::from(head)).ok_or(Refusal::Malformed)?;
            if values.contains(&0) {
                return Err(Refusal::Malformed);
            }
            *table = true;
            body = rest;
        }
        Ok(())
    }

    /// DHT (B.2.4.2).
    fn huffman(&mut self, mut body: &[u8]) -> Result<(), Refusal> {
        while let Some((&head, rest)) = body.split_first() {
            let (counts, rest) = rest.split_at_checked(16).ok_or(Refusal::Malformed)?;
            let (class, id) = (usize::from(head >> 4), usize::from(head & 0xf));
            let is_dc = class == 0;
            let table = self.huffman.get_mut(class).and_then(|tables| tables.get_mut(id));
            let table = table.ok_or(Refusal::Malformed)?;
            // Codes of each length must be left after those that are shorter (annex C).
            let mut free = 1_u32;
            for count in counts {
                free = (free * 2).checked_sub(u32::from(*count)).ok_or(Refusal::Malformed)?;
            }
            let symbols: usize = counts.iter().map(|count| usize::from(*count)).sum();
            if symbols > 256 {
                return Err(Refusal::Malformed);
            }
            let (values, rest) = rest.split_at_checked(symbols).ok_or(Refusal::Malformed)?;
            // A DC value is a number of bits.
            if is_dc && values.iter().any(|bits| *bits > 11) {
                return Err(Refusal::Malformed);
            }
            *table = true;
            body = rest;
        }
        Ok(())
    }

    /// SOF0 (B.2.2).
    fn frame(&mut self, body: &[u8], largest: LargestPicture) -> Result<(), Refusal> {
        let &[precision, h1, h0, w1, w0, count, ref components @ ..] = body else {
            return Err(Refusal::Malformed);
        };
        let (components, rest) = components.as_chunks::<3>();
        if self.components.is_some() || !rest.is_empty() || components.len() != usize::from(count) {
            return Err(Refusal::Malformed);
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        // Grey, or luma with 4:4:4, 4:2:2 or 4:2:0 chroma.
        let sampled: Vec<u8> = components.iter().map(|[_, sampling, _]| *sampling).collect();
        let known = matches!(sampled[..], [0x11] | [0x11 | 0x21 | 0x22, 0x11, 0x11]);
        let ids: Vec<u8> = components.iter().map(|[id, ..]| *id).collect();
        // libjpeg takes components of these names for red, green and blue.
        if precision != 8 || !known || !largest.holds(width.into(), height.into()) || ids == *b"RGB"
        {
            return Err(Refusal::Unsupported);
        }
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let tables = components.iter().all(|[.., table]| *table < 4);
        if distinct.len() != ids.len() || !tables {
            return Err(Refusal::Malformed);
        }
        let quantized = |[.., table]: &[u8; 3]| self.quantization[usize::from(*table)];
        if !components.iter().all(quantized) {
            return Err(Refusal::Malformed);
        }
        self.components = Some(ids);
        Ok(())
    }

    /// SOS (B.2.3): all components in one scan, as the baseline is.
    fn scan(&self, body: &[u8]) -> Result<(), Refusal> {
        let (Some(ids), Some((&count, rest))) = (&self.components, body.split_first()) else {
            return Err(Refusal::Malformed);
        };
        let (components, spectrum) =
            rest.split_at_checked(2 * usize::from(count)).ok_or(Refusal::Malformed)?;
        let (components, _) = components.as_chunks::<2>();
        if !components.iter().map(|[id, _]| *id).eq(ids.iter().copied()) {
            return Err(Refusal::Unsupported);
        }
        if spectrum != [0, 63, 0] {
            return Err(Refusal::Malformed);
        }
        let there = |class: usize, id: u8| self.huffman[class].get(usize::from(id)) == Some(&true);
        let coded = |[_, tables]: &[u8; 2]| there(0, tables >> 4) && there(1, tables & 0xf);
        if components.iter().all(coded) { Ok(()) } else { Err(Refusal::Malformed) }
    }
}

#[cfg(test)]
mod tests;
