//! Netlink's messages (netlink(7)): requests for a dump, and the answers taken apart. Numbers are in
//! the machine's own order of bytes.

/// Bytes of a message's header.
pub(crate) const HEADER: usize = 16;
/// "The dump failed", or an acknowledgement.
const ERROR: u16 = 2;
/// "The dump is complete".
const DONE: u16 = 3;
/// A request for all there is.
const REQUEST_DUMP: u16 = 0x1 | 0x300;
/// What was dumped changed meanwhile.
const INTERRUPTED: u16 = 0x10;

/// A request that everything of `kind` be told; `body` is its fixed part.
pub(crate) fn dump(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(REQUEST_DUMP.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// One message of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// A part of what was asked for: its kind and what follows the header.
    Part(u16, &'a [u8]),
    /// There is no more; whether it is consistent.
    Done {
        /// Something changed while it was told.
        interrupted: bool,
    },
    /// The kernel's error number, positive.
    Failed(i32),
}

/// The messages of one datagram. Ends early at what is no message.
pub(crate) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut interrupted = false;
    std::iter::from_fn(move || {
        let length = usize::try_from(number32(datagram, 0)?).ok()?;
        let kind = number16(datagram, 4)?;
        interrupted |= number16(datagram, 6)? & INTERRUPTED != 0;
        let body = datagram.get(HEADER..length)?;
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
        Some(match kind {
            DONE => Message::Done { interrupted },
            ERROR => Message::Failed(number32(body, 0)?.cast_signed().wrapping_neg()),
            kind => Message::Part(kind, body),
        })
    })
}

/// The attributes that follow a fixed part: number and value of each.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Marks on an attribute's number: nested, in network order.
    const MARKS: u16 = 0xc000;
    std::iter::from_fn(move || {
        let length = usize::from(number16(bytes, 0)?);
        let number = number16(bytes, 2)? & !MARKS;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((number, value))
    })
}

const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

pub(crate) fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A message as the kernel sends it.
    pub(crate) fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let mut message = dump(kind, body);
        message[6..8].copy_from_slice(&flags.to_ne_bytes());
        message.resize(aligned(message.len()), 0);
        message
    }

    /// An attribute.
    pub(crate) fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut attribute = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        attribute.extend(number.to_ne_bytes());
        attribute.extend(value);
        attribute.resize(aligned(attribute.len()), 0);
        attribute
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{attribute, message};
    use super::*;

    #[test]
    fn a_dump_is_taken_apart() {
        let mut datagram = message(16, 0, b"abcde");
        datagram.extend(message(16, INTERRUPTED, b"f"));
        datagram.extend(message(DONE, 0, &[0; 4]));
        let found: Vec<_> = messages(&datagram).collect();
        assert_eq!(
            found,
            [
                Message::Part(16, b"abcde"),
                Message::Part(16, b"f"),
                Message::Done { interrupted: true }
            ]
        );
        let error = message(ERROR, 0, &(-2i32).to_ne_bytes());
        assert_eq!(messages(&error).collect::<Vec<_>>(), [Message::Failed(2)]);
    }

    #[test]
    fn lengths_that_lie_end_it() {
        for length in [0u32, 15, 17, u32::MAX] {
            let mut datagram = message(16, 0, b"");
            datagram[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&datagram).count(), 0, "{length}");
        }
        for length in [0u16, 3, 9, u16::MAX] {
            let mut bytes = attribute(3, b"lo");
            bytes[..2].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(attributes(&bytes).count(), 0, "{length}");
        }
        let both = [attribute(3, b"lo\0"), attribute(0x8000 | 9, b"x")].concat();
        let found: Vec<_> = attributes(&both).collect();
        assert_eq!(found, [(3, &b"lo\0"[..]), (9, &b"x"[..])]);
    }
}
