//! RTP packetization and RTCP, without sockets or clocks.
#![forbid(unsafe_code)]
