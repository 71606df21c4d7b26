//! The tokio shell of the RTSP server: listeners, connections, transports.
#![forbid(unsafe_code)]
