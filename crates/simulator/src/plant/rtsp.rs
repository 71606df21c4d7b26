//! Places in RTSP (RFC 2326): status lines, headers, bodies.

use rtsp_types::Method;
use rtsp_types::headers::HeaderName;

use super::Plant;
use super::place::{Form, Place};

const fn place(name: &'static str) -> Place {
    Place { name, layer: "RTSP", form: Form::Text }
}

pub(super) const PLACES: &[Place] = &[
    place("rtsp/reason-options"),
    place("rtsp/reason-describe"),
    place("rtsp/reason-unauthorized"),
    place("rtsp/reason-setup"),
    place("rtsp/reason-play"),
    place("rtsp/reason-get-parameter"),
    place("rtsp/server"),
    place("rtsp/date"),
    place("rtsp/via"),
    place("rtsp/allow"),
    place("rtsp/cache-control"),
    place("rtsp/content-language"),
    place("rtsp/content-location"),
    place("rtsp/expires"),
    place("rtsp/last-modified"),
    place("rtsp/location"),
    place("rtsp/retry-after"),
    place("rtsp/unsupported"),
    place("rtsp/vary"),
    place("rtsp/warning"),
    place("rtsp/unknown-header-name"),
    place("rtsp/unknown-header-value"),
    place("rtsp/content-base"),
    place("rtsp/public"),
    place("rtsp/session"),
    place("rtsp/transport"),
    place("rtsp/rtp-info"),
    place("rtsp/realm"),
    place("rtsp/nonce"),
    place("rtsp/opaque"),
    place("rtsp/domain"),
    place("rtsp/get-parameter-body"),
];

/// Headers that may stand in any answer.
const EVERYWHERE: &[(&str, &str)] = &[
    ("Server", "rtsp/server"),
    ("Date", "rtsp/date"),
    ("Via", "rtsp/via"),
    ("Allow", "rtsp/allow"),
    ("Cache-Control", "rtsp/cache-control"),
    ("Content-Language", "rtsp/content-language"),
    ("Expires", "rtsp/expires"),
    ("Last-Modified", "rtsp/last-modified"),
    ("Location", "rtsp/location"),
    ("Retry-After", "rtsp/retry-after"),
    ("Unsupported", "rtsp/unsupported"),
    ("Vary", "rtsp/vary"),
    ("Warning", "rtsp/warning"),
];

impl Plant {
    /// The reason phrase of the answer to this request.
    pub(crate) fn reason(&self, method: &Method, unauthorized: bool) -> &str {
        self.text(match method {
            _ if unauthorized => "rtsp/reason-unauthorized",
            Method::Describe => "rtsp/reason-describe",
            Method::Setup => "rtsp/reason-setup",
            Method::Play => "rtsp/reason-play",
            Method::GetParameter => "rtsp/reason-get-parameter",
            _ => "rtsp/reason-options",
        })
    }

    /// Headers that stand in every answer.
    pub(crate) fn headers(&self) -> Vec<(HeaderName, String)> {
        let known = EVERYWHERE.iter().map(|(name, place)| (*name, self.text(place).to_owned()));
        let unknown = format!("X-{}", self.text("rtsp/unknown-header-name"));
        let location = format!("rtsp://127.0.0.1/{}", self.text("rtsp/content-location"));
        let others = [
            (unknown.as_str(), self.text("rtsp/unknown-header-value").to_owned()),
            ("Content-Location", location),
        ];
        // All of them are ASCII.
        known
            .chain(others)
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, value)))
            .collect()
    }
}
