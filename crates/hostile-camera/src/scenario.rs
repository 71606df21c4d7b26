//! One attack.

use std::fmt;

use cofferdam_picture_ring::{Fault, Filtered};

use crate::media::rtp;
use crate::{Act, Limit, Path, Row};

/// What is attacked, coarsely: the parts of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Threat {
    /// The reader of RTSP answers: lengths, headers, encodings.
    Answers,
    /// The reader of descriptions (SDP).
    Description,
    /// The account: asking for it in clear, or for ever.
    Account,
    /// A second host, named where RTSP lets a camera name one.
    SecondHost,
    /// Time: slow, silent, coming and going.
    Pace,
    /// RTP, RTCP and their framing; what joins packets to access units.
    Packets,
    /// The decoders, by what they should never see.
    Decoder,
    /// Pictures that cost more than they should, or change their shape.
    Bomb,
}

impl Threat {
    /// Every threat, in order.
    pub const ALL: [Self; 8] = [
        Self::Answers,
        Self::Description,
        Self::Account,
        Self::SecondHost,
        Self::Pace,
        Self::Packets,
        Self::Decoder,
        Self::Bomb,
    ];

    /// In a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Answers => "RTSP answers",
            Self::Description => "Descriptions",
            Self::Account => "The account",
            Self::SecondHost => "A second host",
            Self::Pace => "Pace",
            Self::Packets => "Packets",
            Self::Decoder => "The decoders",
            Self::Bomb => "Bombs and changes of shape",
        }
    }
}

/// What tells of an attack, in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The worker ends with one of these faults. More than one only where chance decides.
    Fault(&'static [Fault]),
    /// Pictures go on, and what is left out is counted by kind.
    Filtered(Filtered),
    /// Pictures go on, and lost packets are counted.
    Lost,
    /// Pictures go on: there is nothing about it that a gateway minds.
    Plays,
}

/// The account that the gateway has for the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// None.
    None,
    /// One, not to be shown in clear.
    Guarded,
}

/// One attack.
#[derive(Clone)]
pub struct Scenario {
    /// Its name: words joined by `-`, also the camera's id.
    pub name: &'static str,
    /// What it attacks.
    pub threat: Threat,
    /// What the camera does, in one line.
    pub does: &'static str,
    /// What tells of it.
    pub expected: Expected,
    /// What contains it.
    pub contained_by: Limit,
    /// What would contain it without that.
    pub behind: Option<Limit>,
    /// Where it comes to.
    pub path: Path,
    /// What it acts out.
    pub rows: &'static [Row],
    /// The account that the gateway has for the camera.
    pub account: Account,
    pub(crate) acts: fn() -> Vec<Act>,
}

impl Scenario {
    /// What the camera does on each connection.
    #[must_use]
    pub fn acts(&self) -> Vec<Act> {
        (self.acts)()
    }

    /// The first access unit of its stream, in Annex B, where that is made of NAL units.
    #[must_use]
    pub fn first_unit(&self) -> Option<Vec<u8>> {
        self.acts().iter().find_map(|act| match act {
            Act::Stream(_, make) => rtp::annex_b(&make(0)),
            _ => None,
        })
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(faults) => {
                let labels: Vec<String> = faults.iter().map(|fault| format!("`{fault}`")).collect();
                f.write_str(&labels.join(" or "))
            }
            Self::Filtered(kind) => write!(f, "plays on, `{}` counted", kind.label()),
            Self::Lost => f.write_str("plays on, lost packets counted"),
            Self::Plays => f.write_str("plays on"),
        }
    }
}
