//! Every client that can be had here, over every way to the pictures.

mod crowd;
mod entrance;
mod page;

pub use crowd::{Cell, Crowd};
pub use entrance::{Entrance, camera};
pub use page::hold;

use crate::player::{Client, Transport};
use crate::{motion, programs};

/// The pictures' size on the main mount, and on the other: multiples of 8, which motion wants.
pub const MAIN: (u32, u32) = (640, 360);
/// As [`MAIN`].
pub const SUB: (u32, u32) = (256, 144);

/// A way to the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// In the RTSP connection.
    Tcp,
    /// In datagrams.
    Udp,
    /// In a tunnel through HTTP.
    Http,
    /// In the RTSP connection, over TLS.
    Tls,
}

impl Way {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Http, Self::Tls];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Http => "through HTTP",
            Self::Tls => "RTSPS",
        }
    }

    /// How the packets go, by the word of the metrics.
    #[must_use]
    pub const fn transport_label(self) -> &'static str {
        match self {
            Self::Tcp | Self::Http => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
        }
    }

    const fn transport(self) -> Transport {
        match self {
            Self::Tcp | Self::Tls => Transport::Tcp,
            Self::Udp => Transport::Udp,
            Self::Http => Transport::Http,
        }
    }
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A player.
    Player(Client),
    /// motion, which records.
    Motion,
}

impl Reader {
    /// Every one, in the order of the page.
    pub const ALL: [Self; 7] = [
        Self::Player(Client::Ffmpeg),
        Self::Player(Client::Gstreamer),
        Self::Player(Client::Vlc),
        Self::Player(Client::OpenCv),
        Self::Player(Client::PyAv),
        Self::Player(Client::Retina),
        Self::Motion,
    ];

    /// What it is, and where it is from.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Player(Client::Ffmpeg) => "FFmpeg (Debian)",
            Self::Player(Client::Gstreamer) => "GStreamer `rtspsrc` (Debian)",
            Self::Player(Client::Vlc) => "VLC (Debian)",
            Self::Player(Client::OpenCv) => "OpenCV `VideoCapture` (PyPI)",
            Self::Player(Client::PyAv) => "PyAV (PyPI)",
            Self::Player(Client::Retina) => "retina (crates.io)",
            Self::Motion => "motion (Debian)",
        }
    }

    /// Whether it goes that way; why not, where it does not.
    ///
    /// # Errors
    /// What it lacks.
    pub const fn goes(self, way: Way) -> Result<(), &'static str> {
        match (self, way) {
            (Self::Player(Client::Vlc), Way::Http) => Err("Debian's has no option for it"),
            (Self::Player(Client::Vlc), Way::Tls) => Err("Debian's opens no `rtsps://`"),
            (Self::Player(Client::Retina), Way::Http | Way::Tls) => Err("retina has it not"),
            _ => Ok(()),
        }
    }

    /// Whether this host has it. Where it has not, says which test goes without.
    #[must_use]
    pub fn is_here(self, test: &str) -> bool {
        match self {
            Self::Player(Client::Gstreamer) => {
                Client::Gstreamer.is_here(test) && programs::has_gio_tls(test)
            }
            Self::Player(client) => client.is_here(test),
            Self::Motion => motion::is_here(test),
        }
    }
}
