//! What each access unit says of itself at its very end: its number, and when it was handed to the
//! server. So a reader knows its delay without looking at anything else, whoever served it.
//!
//! Every byte has its highest bit set: no start code and no emulation of one can come of it, and it can
//! be written into a unit in place. `peer/fan_out.c` writes the same.

/// Bytes of a stamp.
pub(crate) const LEN: usize = 16;

const MARK: [u8; 2] = [0xC0, 0xFF];
const NUMBER_BYTES: usize = 5;
const TIME_BYTES: usize = 9;

/// A unit's number, and its time in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) number: u32,
    pub(crate) nanos: u64,
}

impl Stamp {
    /// Overwrites the end of `unit`, which must be longer than a stamp.
    pub(crate) fn write_to(self, unit: &mut [u8]) {
        let Some(bytes) = unit.last_chunk_mut::<LEN>() else { return };
        let (mark, rest) = bytes.split_at_mut(MARK.len());
        mark.copy_from_slice(&MARK);
        let (number, time) = rest.split_at_mut(NUMBER_BYTES);
        put(u64::from(self.number), number);
        put(self.nanos, time);
    }

    /// The stamp at the end of `payload`, if there is one.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let stamp = payload.last_chunk::<LEN>()?;
        let rest = stamp.strip_prefix(&MARK)?;
        let (number, time) = rest.split_at_checked(NUMBER_BYTES)?;
        debug_assert_eq!(time.len(), TIME_BYTES);
        Some(Self { number: u32::try_from(get(number)?).ok()?, nanos: get(time)? })
    }
}

/// Seven bits a byte, most significant first.
fn put(mut value: u64, bytes: &mut [u8]) {
    for byte in bytes.iter_mut().rev() {
        *byte = 0x80 | u8::try_from(value & 0x7F).unwrap_or(0);
        value >>= 7;
    }
}

fn get(bytes: &[u8]) -> Option<u64> {
    bytes.iter().try_fold(0_u64, |value, byte| {
        (byte & 0x80 != 0).then(|| value << 7 | u64::from(byte & 0x7F))
    })
}
