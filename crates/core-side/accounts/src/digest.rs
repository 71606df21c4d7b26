//! The arithmetic of Digest with MD5 (RFC 2617 §3.2.2.1, without `qop` as RFC 2069 §2.1.2).

use md5::{Digest as _, Md5};

use crate::DigestClaim;

/// What is stored in the place of a password: `MD5(name:realm:password)`.
pub(crate) fn ha1(name: &str, realm: &str, password: &str) -> [u8; 16] {
    hash(&[name, realm, password])
}

/// The response that whoever knows `ha1` gives.
pub(crate) fn expected(ha1: &[u8; 16], method: &str, claim: &DigestClaim) -> [u8; 16] {
    let ha1 = to_hex(ha1);
    let ha2 = to_hex(&hash(&[method, &claim.uri]));
    match &claim.qop {
        None => hash(&[&ha1, &claim.nonce, &ha2]),
        Some(qop) => hash(&[&ha1, &claim.nonce, &qop.nc, &qop.cnonce, "auth", &ha2]),
    }
}

fn hash(parts: &[&str]) -> [u8; 16] {
    let mut md5 = Md5::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            md5.update(b":");
        }
        md5.update(part.as_bytes());
    }
    md5.finalize().into()
}

/// Lower case, as digests of digests are written (RFC 2617 §3.1.3).
pub(crate) fn to_hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

/// Thirty-two hexadecimal digits of either case.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Qop;

    #[test]
    fn the_examples_of_the_standards_come_out() {
        // RFC 2617 §3.5.
        let key = ha1("Mufasa", "testrealm@host.com", "Circle Of Life");
        assert_eq!(to_hex(&key), "939e7578ed9e3c518a452acee763bce9");
        let mut claim = DigestClaim {
            username: "Mufasa".into(),
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093".into(),
            uri: "/dir/index.html".into(),
            response: [0; 16],
            qop: Some(Qop { nc: "00000001".into(), cnonce: "0a4f113b".into() }),
        };
        let response = to_hex(&expected(&key, "GET", &claim));
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
        // RFC 2069 §2.4, with the password of its errata.
        claim.qop = None;
        let key = ha1("Mufasa", "testrealm@host.com", "CircleOfLife");
        let response = to_hex(&expected(&key, "GET", &claim));
        assert_eq!(response, "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let bytes = [0, 1, 2, 3, 0xaa, 0xbb, 0xcc, 0xdd, 0, 1, 2, 3, 4, 5, 6, 0xff];
        assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        assert_eq!(from_hex(&to_hex(&bytes).to_uppercase()), Some(bytes));
        assert_eq!(from_hex("+0112233445566778899aabbccddeeff"), None);
    }
}
