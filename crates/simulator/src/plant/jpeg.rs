//! Places in JPEG pictures over RTP (RFC 2435), whose sender leaves the picture's headers out.

use super::Plant;
use super::place::{Form, Place};

const fn place(name: &'static str, form: Form) -> Place {
    Place { name, layer: "JPEG", form }
}

pub(super) const PLACES: &[Place] = &[
    place("jpeg/quantization-table", Form::Bytes),
    place("jpeg/quantization-header", Form::Bytes),
    place("jpeg/comment", Form::Bytes),
    place("jpeg/application-1", Form::Bytes),
    place("jpeg/application-13", Form::Bytes),
    place("jpeg/after-end", Form::Bytes),
];

/// What a planted JPEG picture carries.
#[derive(Clone, Debug)]
pub(crate) struct JpegMarks {
    /// The last steps of the chroma table: those of the finest detail, which hardly any block has.
    pub(crate) table: Vec<u8>,
    /// Bytes of the quantization table header behind the tables.
    pub(crate) header: Vec<u8>,
    /// What follows the last block: segments, the end of the picture, and more.
    pub(crate) tail: Vec<u8>,
}

pub(super) fn marks(plant: &Plant) -> JpegMarks {
    let segment = |marker: u8, text: &[u8]| {
        let length = u16::try_from(text.len() + 2).unwrap_or(2).to_be_bytes();
        [&[0xFF, marker], &length[..], text].concat()
    };
    JpegMarks {
        table: plant.bytes("jpeg/quantization-table").to_vec(),
        header: plant.bytes("jpeg/quantization-header").to_vec(),
        tail: [
            segment(0xFE, plant.bytes("jpeg/comment")),
            segment(0xE1, &[b"Exif\0\0", plant.bytes("jpeg/application-1")].concat()),
            segment(0xED, plant.bytes("jpeg/application-13")),
            vec![0xFF, 0xD9],
            plant.bytes("jpeg/after-end").to_vec(),
        ]
        .concat(),
    }
}
