//! What the tool is asked to look at.

use std::io::{Read, Write};

use cofferdam_ingest_boot::{Colour, Credentials};
use serde::Deserialize;

use super::explain;
use crate::resolve::pinned_urls;

/// More than any request to this tool, in bytes.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// The camera to look at, in JSON. A boot message is one, too: what a probe has no use for is
/// passed over.
#[derive(Debug, Deserialize)]
pub struct ProbeRequest {
    /// The stream's URL: `rtsp`, a host, no user or password.
    pub url: String,
    /// The camera's account, if it has one.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// The file that the account's password was read from, for the block that is printed.
    #[serde(default)]
    pub password_file: Option<String>,
    /// Whether HTTP Basic may be answered.
    #[serde(default)]
    pub basic_allowed: bool,
    /// What colours mean when the camera does not say.
    #[serde(default)]
    pub colour: Colour,
    /// The URL with an address for its name, once for each address, when that was looked up before.
    #[serde(skip)]
    pub(super) pinned: Vec<String>,
}

impl ProbeRequest {
    /// Looks the camera's name up, for a process that is about to lock itself in. Says so and returns
    /// false when it does not resolve.
    pub fn pin(&mut self, output: &mut impl Write) -> bool {
        match pinned_urls(&self.url) {
            Ok(urls) => {
                self.pinned = urls;
                true
            }
            Err(fault) => {
                let _ = writeln!(output, "result           {}", explain(fault));
                false
            }
        }
    }
}

/// Reads a [`ProbeRequest`] from `input`; says so on `output` when it is none.
pub fn request(input: impl Read, output: &mut impl Write) -> Option<ProbeRequest> {
    let request = serde_json::from_reader(input.take(LONGEST_REQUEST));
    if request.is_err() {
        let _ = writeln!(output, "probe: the request is not understood");
    }
    request.ok()
}
