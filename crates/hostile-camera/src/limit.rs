//! What contains an attack.

use crate::{Path, Row};

/// A limit of the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Bytes of the first answer.
    FirstAnswer,
    /// Bytes of all answers before PLAY.
    Answers,
    /// Bytes without an access unit among them.
    Unit,
    /// Bytes a second.
    Rate,
    /// Memory that a worker may map: behind the limits on bytes.
    Memory,
    /// Time for an answer.
    AnswerTime,
    /// Time for the first picture, and between pictures.
    PictureTime,
    /// Time between access units.
    UnitTime,
    /// Failures in a row.
    Failures,
    /// Time without a sign of life of the worker's.
    SignOfLife,
    /// The wait before the next worker: against what would be done again and again.
    Wait,
    /// A process for each camera: whatever a reader makes of its bytes ends that one.
    Process,
    /// No password in clear.
    NoBasic,
    /// One connection for a worker, made by the dialer.
    OneConnection,
    /// Profiles, sample formats and tools that may be decoded.
    Formats,
    /// The size of a picture.
    Size,
    /// Reference pictures.
    References,
    /// Reference pictures of H.265, by size.
    H265References,
    /// Macroblocks of reference pictures.
    ReferenceMacroblocks,
    /// Bytes of an access unit.
    LargestUnit,
    /// Segments of a JPEG image.
    Segments,
    /// Slices of an access unit.
    Slices,
    /// NAL units of an access unit that are no slices.
    Others,
    /// Bytes of a parameter set.
    ParameterSet,
    /// The order of slices, and the parameter sets that they name.
    Order,
    /// The kinds of units and segments that a decoder gets.
    Kinds,
    /// None: there is no harm in it.
    NoneNeeded,
}

/// A limit, where it holds, and against what.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) limit: Limit,
    pub(crate) path: Path,
    pub(crate) rows: &'static [Row],
    /// What would contain it without the limit.
    pub(crate) behind: Option<Limit>,
}

impl Held {
    /// The same, with `limit` behind it.
    pub(crate) const fn before(mut self, limit: Limit) -> Self {
        self.behind = Some(limit);
        self
    }
}

impl Limit {
    /// This limit, met at `path` by what acts out `rows`.
    pub(crate) const fn at(self, path: Path, rows: &'static [Row]) -> Held {
        Held { limit: self, path, rows, behind: None }
    }

    /// Every limit, in order.
    pub const ALL: [Self; 27] = [
        Self::FirstAnswer,
        Self::Answers,
        Self::Unit,
        Self::Rate,
        Self::Memory,
        Self::AnswerTime,
        Self::PictureTime,
        Self::UnitTime,
        Self::Failures,
        Self::SignOfLife,
        Self::Wait,
        Self::Process,
        Self::NoBasic,
        Self::OneConnection,
        Self::Formats,
        Self::Size,
        Self::References,
        Self::H265References,
        Self::ReferenceMacroblocks,
        Self::LargestUnit,
        Self::Segments,
        Self::Slices,
        Self::Others,
        Self::ParameterSet,
        Self::Order,
        Self::Kinds,
        Self::NoneNeeded,
    ];

    /// What it is, in one line.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::FirstAnswer => "first answer: 64 KiB",
            Self::Answers => "answers before PLAY: 256 KiB",
            Self::Unit => "bytes without an access unit: 16 MiB",
            Self::Rate => "bytes a second: 25 MB",
            Self::Memory => "memory: 512 MiB",
            Self::AnswerTime => "an answer: 10 s",
            Self::PictureTime => "a picture: 10 s",
            Self::UnitTime => "between access units: 5 s",
            Self::Failures => "failures in a row: 100",
            Self::SignOfLife => "sign of life: 2 s",
            Self::Wait => "wait before the next worker",
            Self::Process => "a process for each camera, in its jail",
            Self::NoBasic => "no HTTP Basic",
            Self::OneConnection => "one connection, the dialer's",
            Self::Formats => "formats: 8-bit 4:2:0, known profiles",
            Self::Size => "picture: 3840x2160",
            Self::References => "reference pictures: 16",
            Self::H265References => "reference pictures of H.265: 6 to 16, by size",
            Self::ReferenceMacroblocks => "macroblocks of reference pictures: 184,320",
            Self::LargestUnit => "an access unit: 8 MiB",
            Self::Segments => "segments of an image: 64",
            Self::Slices => "slices of a unit: 64",
            Self::Others => "other NAL units of a unit: 64",
            Self::ParameterSet => "a parameter set: 2 KiB",
            Self::Order => "slices in order, with known parameter sets",
            Self::Kinds => "kinds of units a decoder gets",
            Self::NoneNeeded => "nothing: no harm in it",
        }
    }
}
