//! Attacks on the account.

use cofferdam_picture_ring::Fault::{
    AuthenticationFailed, BasicNotAllowed, CameraBusy, Forbidden, NotFound, ProtocolViolation,
    RtspStatus,
};

use super::Family;
use crate::act::Act;
use crate::media::description;
use crate::rtsp::{answer, described};
use crate::scenario::{Account, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::Account);
const BASIC: &str = "WWW-Authenticate: Basic realm=\"camera\"\r\n";
const DIGEST: &str = "WWW-Authenticate: Digest realm=\"camera\", nonce=\"n\"\r\n";

pub(super) fn all() -> Vec<Scenario> {
    let guarded = [
        OF.fault(
            "only-basic",
            "asks for the password in clear",
            &[BasicNotAllowed],
            Limit::NoBasic.at(Path::DescribeChallenge, &[Row::T2, Row::H3]),
            || vec![Act::Hear, answer("401 Unauthorized", BASIC, "")],
        ),
        OF.fault(
            "basic-at-setup",
            "describes itself to anybody, and asks for the password in clear at SETUP",
            &[BasicNotAllowed],
            Limit::NoBasic.at(Path::SetupChallenge, &[Row::T2, Row::H3]),
            || {
                let sdp = described(&description::h264());
                vec![Act::Hear, sdp, Act::Hear, answer("401 Unauthorized", BASIC, "")]
            },
        ),
        OF.fault(
            "digest-then-basic",
            "asks for a digest first, and for the password in clear next",
            &[AuthenticationFailed],
            Limit::NoBasic.at(Path::SecondChallenge, &[Row::T2, Row::H3]),
            || {
                let first = answer("401 Unauthorized", DIGEST, "");
                vec![Act::Hear, first, Act::Hear, answer("401 Unauthorized", BASIC, "")]
            },
        ),
        OF.fault(
            "digest-for-ever",
            "asks for another digest each time",
            &[AuthenticationFailed],
            Limit::Wait.at(Path::SecondChallenge, &[Row::T1, Row::T7]),
            || (0..8).flat_map(|_| [Act::Hear, answer("401 Unauthorized", DIGEST, "")]).collect(),
        ),
        OF.fault(
            "unknown-scheme",
            "asks by a scheme nobody knows",
            &[AuthenticationFailed, ProtocolViolation],
            Limit::Process.at(Path::DescribeChallenge, &[Row::T1, Row::H3]),
            || {
                let head = "WWW-Authenticate: Psychic realm=\"camera\"\r\n";
                vec![Act::Hear, answer("401 Unauthorized", head, "")]
            },
        ),
        OF.fault(
            "nonce-of-40-kilobytes",
            "asks for a digest of 40 kilobytes",
            &[AuthenticationFailed, ProtocolViolation],
            Limit::Process.at(Path::DescribeChallenge, &[Row::T1]),
            || {
                let nonce = "n".repeat(40_000);
                let head =
                    format!("WWW-Authenticate: Digest realm=\"camera\", nonce=\"{nonce}\"\r\n");
                let asks = || answer("401 Unauthorized", &head, "");
                vec![Act::Hear, asks(), Act::Hear, asks()]
            },
        ),
    ];
    let guarded = guarded.map(|scenario| Scenario { account: Account::Guarded, ..scenario });
    let refusals = [
        OF.fault(
            "forbidden",
            "answers 403",
            &[Forbidden],
            Limit::Wait.at(Path::StatusCode, &[Row::T7]),
            || status("403 No"),
        ),
        OF.fault(
            "not-found",
            "answers 404",
            &[NotFound],
            Limit::Wait.at(Path::StatusCode, &[Row::T7]),
            || status("404 No"),
        ),
        OF.fault(
            "busy",
            "answers 453",
            &[CameraBusy],
            Limit::Wait.at(Path::StatusCode, &[Row::T7]),
            || status("453 No"),
        ),
        OF.fault(
            "own-status",
            "answers 551",
            &[RtspStatus],
            Limit::Wait.at(Path::StatusCode, &[Row::T7]),
            || status("551 No"),
        ),
    ];
    guarded.into_iter().chain(refusals).collect()
}

fn status(status: &str) -> Vec<Act> {
    vec![Act::Hear, answer(status, "", "")]
}
