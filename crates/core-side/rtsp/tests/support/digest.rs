//! A client's half of Digest, written anew from RFC 2617 §3.2.2.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

fn md5(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// An `Authorization` header without `qop`.
pub(crate) fn plain(name: &str, password: &str, nonce: &str, method: &str, uri: &str) -> String {
    let ha1 = md5(&format!("{name}:Cofferdam:{password}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:{ha2}"));
    format!(
        "Authorization: Digest username=\"{name}\", realm=\"Cofferdam\", nonce=\"{nonce}\", \
         uri=\"{uri}\", response=\"{response}\""
    )
}

/// An `Authorization` header with `qop=auth`.
pub(crate) fn with_qop(name: &str, password: &str, nonce: &str, method: &str, uri: &str) -> String {
    let ha1 = md5(&format!("{name}:Cofferdam:{password}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
    format!(
        "Authorization: Digest username=\"{name}\", realm=\"Cofferdam\", nonce=\"{nonce}\", \
         uri=\"{uri}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c0ffee\", \
         response=\"{response}\""
    )
}
