//! RTP packetization and RTCP, without sockets or clocks.
//!
//! Bytes and times come in as arguments, packets come out. One access unit becomes one
//! [`PacketizedUnit`]: a single allocation, framed for interleaving in an RTSP connection
//! (RFC 2326 §10.12), that serves every reader of a mount. Only the core side and the simulator use
//! it; whatever it sends was made by the gateway, and whatever it parses came from a reader.
#![forbid(unsafe_code)]

mod h264;
mod ntp;
mod packet;
pub mod rtcp;
mod types;
mod unit;

pub use h264::H264Packetizer;
pub use ntp::NtpTimestamp;
pub use packet::{
    INTERLEAVED_HEADER_LEN, PacketLimit, PacketLimitError, PacketTooLarge, PacketWriter,
    RTP_HEADER_LEN, Stream, interleave,
};
pub use types::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc, VIDEO_CLOCK_RATE};
pub use unit::PacketizedUnit;
