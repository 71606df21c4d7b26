//! Basic and Digest authentication, the camera's side of RFC 2617.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};

/// Who may play.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// Everyone.
    #[default]
    None,
    /// Who sends the password as it is. Nothing else is offered.
    Basic(Credentials),
    /// Who proves to know the password, by MD5.
    Digest {
        /// The password.
        credentials: Credentials,
        /// Whether the challenge has `qop="auth"`, as RFC 2617 introduced it. Most cameras do as
        /// RFC 2069 did, without. Answers of both forms are accepted.
        qop: bool,
    },
}

/// A name and a password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

/// What a challenge says beside the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) realm: String,
    pub(crate) nonce: String,
    /// Further parameters, from a comma on.
    pub(crate) more: String,
}

/// The realm of a camera that has no other.
pub(crate) const REALM: &str = "simulated camera";

impl Authentication {
    /// The value of `WWW-Authenticate`, when there is anything to prove.
    pub(crate) fn challenge(&self, with: &Challenge) -> Option<String> {
        let Challenge { realm, nonce, more } = with;
        match self {
            Self::None => None,
            Self::Basic(_) => Some(format!("Basic realm=\"{realm}\"{more}")),
            Self::Digest { qop: false, .. } => Some(Self::digest_challenge(with)),
            Self::Digest { qop: true, .. } => Some(format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"{more}"
            )),
        }
    }

    /// A challenge as RFC 2069 has it.
    pub(crate) fn digest_challenge(with: &Challenge) -> String {
        let Challenge { realm, nonce, more } = with;
        format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"{more}")
    }

    /// Whether a request with this method and `Authorization` may be answered.
    pub(crate) fn accepts(
        &self,
        method: &str,
        authorization: Option<&str>,
        challenge: &Challenge,
    ) -> bool {
        let claim = authorization.and_then(|value| value.trim().split_once(' '));
        match (self, claim) {
            (Self::None, _) => true,
            (Self::Basic(credentials), Some((scheme, token))) => {
                scheme.eq_ignore_ascii_case("Basic") && credentials.in_clear(token.trim())
            }
            (Self::Digest { credentials, .. }, Some((scheme, parameters))) => {
                scheme.eq_ignore_ascii_case("Digest")
                    && credentials.proven(method, parameters, challenge).unwrap_or(false)
            }
            (_, None) => false,
        }
    }
}

impl Credentials {
    fn in_clear(&self, token: &str) -> bool {
        let expected = format!("{}:{}", self.user, self.password.expose_secret());
        STANDARD.decode(token).is_ok_and(|decoded| decoded == expected.as_bytes())
    }

    /// RFC 2617 §3.2.2; `None` when something is missing.
    ///
    /// The `uri` is not compared with the request's: clients differ in what they put there.
    fn proven(&self, method: &str, parameters: &str, challenge: &Challenge) -> Option<bool> {
        let Challenge { realm, nonce, .. } = challenge;
        let parameters: Vec<(&str, &str)> = parameters_of(parameters).collect();
        let get = |name: &str| {
            parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
        };
        let identity = hex_md5(&[&self.user, realm, self.password.expose_secret()]);
        let request = hex_md5(&[method, get("uri")?]);
        let expected = match get("qop") {
            None => hex_md5(&[&identity, nonce, &request]),
            Some(qop) => hex_md5(&[&identity, nonce, get("nc")?, get("cnonce")?, qop, &request]),
        };
        let same =
            get("username")? == self.user && get("realm")? == realm && get("nonce")? == nonce;
        Some(same && get("response")?.eq_ignore_ascii_case(&expected))
    }
}

/// `name=value` and `name="value"`, separated by commas.
fn parameters_of(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches([' ', ',', '\t']);
        let value = if let Some(quoted) = after.strip_prefix('"') {
            let (value, following) = quoted.split_once('"')?;
            rest = following;
            value
        } else {
            let (value, following) = after.split_once(',').unwrap_or((after, ""));
            rest = following;
            value.trim()
        };
        Some((name, value))
    })
}

fn hex_md5(parts: &[&str]) -> String {
    Md5::digest(parts.join(":")).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        with_nonce(NONCE)
    }

    fn with_nonce(nonce: &str) -> Challenge {
        Challenge { realm: REALM.to_owned(), nonce: nonce.to_owned(), more: String::new() }
    }

    const NONCE: &str = "00112233445566778899aabbccddeeff";

    fn credentials() -> Credentials {
        Credentials { user: "viewer".to_owned(), password: "Circle of Life".to_owned().into() }
    }

    #[test]
    fn md5_is_rfc_2617s_example() {
        // §3.5, whose realm differs from ours.
        let identity = hex_md5(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        assert_eq!(identity, "939e7578ed9e3c518a452acee763bce9");
        let request = hex_md5(&["GET", "/dir/index.html"]);
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let response = hex_md5(&[&identity, nonce, "00000001", "0a4f113b", "auth", &request]);
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn basic_accepts_the_password_and_nothing_else() {
        let basic = Authentication::Basic(credentials());
        let accepts = |text: &str| {
            let value = format!("Basic {}", STANDARD.encode(text));
            basic.accepts("DESCRIBE", Some(&value), &challenge())
        };
        assert!(accepts("viewer:Circle of Life"));
        assert!(!accepts("viewer:Circle"));
        assert!(!accepts(""));
        assert!(!basic.accepts("DESCRIBE", Some("Basic ???"), &challenge()));
        assert!(!basic.accepts("DESCRIBE", Some("Basic"), &challenge()));
        assert!(!basic.accepts("DESCRIBE", None, &challenge()));
    }

    fn answer(method: &str, password: &str, nonce: &str, qop: bool) -> String {
        let identity = hex_md5(&["viewer", REALM, password]);
        let request = hex_md5(&[method, "rtsp://cam/stream"]);
        let (extra, response) = if qop {
            let response = hex_md5(&[&identity, nonce, "00000001", "xyz", "auth", &request]);
            (", qop=auth, nc=00000001, cnonce=\"xyz\"", response)
        } else {
            ("", hex_md5(&[&identity, nonce, &request]))
        };
        format!(
            "Digest username=\"viewer\", realm=\"{REALM}\", nonce=\"{nonce}\", \
             uri=\"rtsp://cam/stream\", response=\"{response}\"{extra}"
        )
    }

    #[test]
    fn digest_accepts_both_forms_of_a_right_answer() {
        for qop in [false, true] {
            let digest = Authentication::Digest { credentials: credentials(), qop };
            assert_eq!(digest.challenge(&challenge()).unwrap().contains("qop"), qop);
            for answered_qop in [false, true] {
                let right = answer("DESCRIBE", "Circle of Life", NONCE, answered_qop);
                assert!(digest.accepts("DESCRIBE", Some(&right), &challenge()));
            }
        }
    }

    #[test]
    fn digest_refuses_wrong_passwords_methods_nonces_and_schemes() {
        let digest = Authentication::Digest { credentials: credentials(), qop: false };
        for wrong in [
            answer("DESCRIBE", "Circle", NONCE, false),
            answer("SETUP", "Circle of Life", NONCE, true),
            answer("DESCRIBE", "Circle of Life", "0", false),
            format!("Basic {}", STANDARD.encode("viewer:Circle of Life")),
            "Digest".to_owned(),
            "Digest username=\"viewer".to_owned(),
        ] {
            assert!(!digest.accepts("DESCRIBE", Some(&wrong), &challenge()), "{wrong}");
        }
        assert!(!digest.accepts("DESCRIBE", None, &challenge()));
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?}", Authentication::Basic(credentials()));
        assert!(shown.contains("viewer") && !shown.contains("Circle"));
    }
}
