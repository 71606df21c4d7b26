//! JPEG in RTP (RFC 2435).

/// A payload: that type, quality and size in blocks of eight, its bytes from `offset` on.
pub(crate) fn payload(kind: u8, quality: u8, size: (u8, u8), offset: u32, scan: &[u8]) -> Vec<u8> {
    let offset = offset.to_be_bytes();
    let head = [0, offset[1], offset[2], offset[3], kind, quality, size.0, size.1];
    [&head[..], scan].concat()
}
