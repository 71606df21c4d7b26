//! Descriptions (RFC 8866).

/// A description with these media sections.
pub(crate) fn of(media: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n{media}")
}

/// One stream of H.264.
pub(crate) fn h264() -> String {
    of("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n")
}

/// One stream of H.265.
pub(crate) fn h265() -> String {
    of("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:track1\r\n")
}

/// One stream of JPEG.
pub(crate) fn jpeg() -> String {
    of("m=video 0 RTP/AVP 26\r\na=control:track1\r\n")
}
