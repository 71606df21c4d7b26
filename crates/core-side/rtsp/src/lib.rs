//! The server side of RTSP, without sockets or clocks.
#![forbid(unsafe_code)]
