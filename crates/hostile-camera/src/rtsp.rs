//! Answers, honest and otherwise.

use crate::act::{Act, CSEQ, LENGTH};
use crate::media::description;

/// Far more than anyone may take, in chunks.
pub(crate) const FILLER: usize = 16 * 1024;

/// An answer with that status line's rest, those header lines (each with its end) and that body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Act {
    let head = format!("RTSP/1.0 {status}\r\nCSeq: {CSEQ}\r\n{headers}{LENGTH}\r\n");
    Act::Answer(head, body.to_owned())
}

/// A description.
pub(crate) fn described(sdp: &str) -> Act {
    answer("200 OK", "Content-Type: application/sdp\r\n", sdp)
}

/// What answers SETUP.
pub(crate) fn set_up() -> Act {
    set_up_by("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000007\r\n")
}

/// What answers SETUP, with these headers.
pub(crate) fn set_up_by(headers: &str) -> Act {
    answer("200 OK", headers, "")
}

/// What answers PLAY.
pub(crate) fn played() -> Act {
    answer("200 OK", "Session: 1\r\n", "")
}

/// An honest camera up to its description of H.264, and then this.
pub(crate) fn after_description(acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    let begin = [Act::Hear, described(&description::h264()), Act::Hear];
    begin.into_iter().chain(acts).collect()
}

/// The same up to its answer to SETUP, and then this.
pub(crate) fn after_setup(acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    after_description([set_up(), Act::Hear].into_iter().chain(acts))
}

/// A camera that describes itself by `sdp`, plays, and then does this.
pub(crate) fn playing_as(sdp: &str, acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    let begin = [Act::Hear, described(sdp), Act::Hear, set_up(), Act::Hear, played()];
    begin.into_iter().chain(acts).collect()
}

/// A camera that plays H.264, and then does this.
pub(crate) fn playing(acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    playing_as(&description::h264(), acts)
}
