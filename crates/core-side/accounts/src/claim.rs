//! The `Authorization` header (RFC 2617 §3.2.2, RFC 7616 §3.4): what a reader claims.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

/// The longest header that is looked at, in bytes.
pub const MAX_CLAIM: usize = 4096;
/// How many parameters are looked at; a full Digest has eleven.
const MAX_PARAMETERS: usize = 32;

/// What a reader claims.
#[derive(Clone, Debug)]
pub enum Claim {
    /// To know the password, by a digest of it.
    Digest(DigestClaim),
    /// The password itself.
    Basic(BasicClaim),
}

/// A Digest with MD5 (RFC 2069, RFC 2617, RFC 7616).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestClaim {
    /// The name as it was sent.
    pub username: String,
    /// The nonce it answers.
    pub nonce: String,
    /// The URI that is part of the digest. It is not compared with the request's: clients differ in
    /// host, slashes and tracks, and the nonce binds the digest to one connection anyway.
    pub uri: String,
    /// The digest.
    pub response: [u8; 16],
    /// Quality of protection, where the client sent one.
    pub qop: Option<Qop>,
}

/// `qop=auth`, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qop {
    /// The client's count of requests, eight hexadecimal digits.
    pub nc: String,
    /// The client's own nonce.
    pub cnonce: String,
}

/// A name and a password in clear (RFC 2617 §2).
#[derive(Clone, Debug)]
pub struct BasicClaim {
    /// The name as it was sent.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// Why a header is no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Longer than [`MAX_CLAIM`].
    #[error("expected at most {MAX_CLAIM} bytes")]
    TooLong,
    /// Neither Digest nor Basic.
    #[error("expected Digest or Basic")]
    Scheme,
    /// Not of the form of its scheme, or a parameter is missing or given twice.
    #[error("expected the form of its scheme")]
    Form,
    /// A Digest with something else than MD5, or with another `qop` than `auth`.
    #[error("expected MD5, with qop=auth or none")]
    Algorithm,
}

impl Claim {
    /// Reads the value of an `Authorization` header.
    ///
    /// # Errors
    /// When it is no claim, and why.
    pub fn parse(header: &str) -> Result<Self, ClaimError> {
        if header.len() > MAX_CLAIM {
            return Err(ClaimError::TooLong);
        }
        let header = header.trim();
        let (scheme, rest) = header.split_once([' ', '\t']).unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("Digest") {
            digest(rest).map(Self::Digest)
        } else if scheme.eq_ignore_ascii_case("Basic") {
            basic(rest.trim()).map(Self::Basic)
        } else {
            Err(ClaimError::Scheme)
        }
    }

    /// The name that is claimed.
    #[must_use]
    pub fn username(&self) -> &str {
        match self {
            Self::Digest(claim) => &claim.username,
            Self::Basic(claim) => &claim.username,
        }
    }
}

fn basic(token: &str) -> Result<BasicClaim, ClaimError> {
    let bytes = STANDARD.decode(token).map_err(|_| ClaimError::Form)?;
    let text = String::from_utf8(bytes).map_err(|_| ClaimError::Form)?;
    let (username, password) = text.split_once(':').ok_or(ClaimError::Form)?;
    Ok(BasicClaim { username: username.to_owned(), password: password.to_owned().into() })
}

#[derive(Default)]
struct Fields {
    username: Option<String>,
    realm: Option<String>,
    nonce: Option<String>,
    uri: Option<String>,
    response: Option<String>,
    algorithm: Option<String>,
    qop: Option<String>,
    nc: Option<String>,
    cnonce: Option<String>,
}

fn digest(text: &str) -> Result<DigestClaim, ClaimError> {
    let mut fields = Fields::default();
    let mut rest = text;
    for _ in 0..MAX_PARAMETERS {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return fields.into_claim();
        }
        let (name, value, after) = parameter(rest)?;
        rest = after;
        let field = match name.to_ascii_lowercase().as_str() {
            "username" => &mut fields.username,
            "realm" => &mut fields.realm,
            "nonce" => &mut fields.nonce,
            "uri" => &mut fields.uri,
            "response" => &mut fields.response,
            "algorithm" => &mut fields.algorithm,
            "qop" => &mut fields.qop,
            "nc" => &mut fields.nc,
            "cnonce" => &mut fields.cnonce,
            // `opaque`, and whatever clients invent: not part of the digest.
            _ => continue,
        };
        // Of two values one would be checked and the other believed.
        if field.replace(value).is_some() {
            return Err(ClaimError::Form);
        }
    }
    Err(ClaimError::Form)
}

/// The first `name=value` or `name="value"` of `text`, and what comes after it.
fn parameter(text: &str) -> Result<(&str, String, &str), ClaimError> {
    let (name, after) = text.split_once('=').ok_or(ClaimError::Form)?;
    let name = name.trim_end();
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.');
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(ClaimError::Form);
    }
    let after = after.trim_start_matches([' ', '\t']);
    let Some(quoted) = after.strip_prefix('"') else {
        let (value, rest) = after.split_at(after.find(',').unwrap_or(after.len()));
        return Ok((name, value.trim_end().to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = quoted[at + 1..].trim_start_matches([' ', '\t']);
                if !rest.is_empty() && !rest.starts_with(',') {
                    return Err(ClaimError::Form);
                }
                return Ok((name, value, rest));
            }
            '\\' => value.push(characters.next().ok_or(ClaimError::Form)?.1),
            other => value.push(other),
        }
    }
    Err(ClaimError::Form)
}

impl Fields {
    fn into_claim(mut self) -> Result<DigestClaim, ClaimError> {
        // Said to be nothing is not said.
        for field in [&mut self.algorithm, &mut self.qop] {
            field.take_if(|value| value.is_empty());
        }
        let is = |value: &Option<String>, wanted: &str| {
            value.as_deref().is_none_or(|value| value.eq_ignore_ascii_case(wanted))
        };
        if !is(&self.algorithm, "MD5") || !is(&self.qop, "auth") {
            return Err(ClaimError::Algorithm);
        }
        // The realm is in what is stored; another one cannot give the right digest.
        self.realm.ok_or(ClaimError::Form)?;
        let response = self.response.ok_or(ClaimError::Form)?;
        let qop = match (self.qop, self.nc, self.cnonce) {
            (None, ..) => None,
            (Some(_), Some(nc), Some(cnonce))
                if nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                Some(Qop { nc, cnonce })
            }
            _ => return Err(ClaimError::Form),
        };
        Ok(DigestClaim {
            username: self.username.ok_or(ClaimError::Form)?,
            nonce: self.nonce.ok_or(ClaimError::Form)?,
            uri: self.uri.ok_or(ClaimError::Form)?,
            response: crate::digest::from_hex(&response).ok_or(ClaimError::Form)?,
            qop,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::cases::{self, PLAIN};

    fn digest_of(header: &str) -> DigestClaim {
        match Claim::parse(header) {
            Ok(Claim::Digest(claim)) => claim,
            other => panic!("{header}: {other:?}"),
        }
    }

    #[test]
    fn every_clients_way_of_writing_is_read() {
        let plain = digest_of(PLAIN);
        assert_eq!(plain.username, "vms");
        assert_eq!(plain.uri, "rtsp://h/lobby/main");
        assert_eq!(plain.response[..3], [0x00, 0x11, 0x22]);
        assert_eq!(plain.qop, None);
        for more in [
            ", algorithm=MD5",
            ", algorithm=\"MD5\"",
            ",algorithm=md5,",
            " , opaque=\"\"",
            ", x-vendor=\"a,b=c\"",
            ", nc=00000001, cnonce=\"z\"",
            ", algorithm=\"\", qop=\"\", cnonce=\"\"",
        ] {
            assert_eq!(digest_of(&format!("{PLAIN}{more}")), plain, "{more}");
        }
        let with_qop = format!("{PLAIN}, qop=auth, nc=0000000a, cnonce=\"x\\\"y\"");
        let qop = Qop { nc: "0000000a".into(), cnonce: "x\"y".into() };
        assert_eq!(digest_of(&with_qop).qop, Some(qop.clone()));
        let quoted = with_qop.replace("qop=auth", "qop=\"auth\"").replace("Digest", "DIGEST");
        assert_eq!(digest_of(&quoted).qop, Some(qop));
    }

    #[test]
    fn each_case_comes_to_what_it_says() {
        let long = [
            (format!("{PLAIN}{}", ", x=y".repeat(40)), Some("form")),
            (format!("{PLAIN}, x=\"{}\"", "y".repeat(MAX_CLAIM)), Some("too long")),
        ];
        for (header, wrong) in cases::all().chain(long) {
            let found = Claim::parse(&header).err().map(|error| match error {
                ClaimError::Scheme => "scheme",
                ClaimError::Form => "form",
                ClaimError::Algorithm => "algorithm",
                ClaimError::TooLong => "too long",
            });
            assert_eq!(found, wrong, "{header}");
        }
    }

    #[test]
    fn basic_is_a_name_and_a_password() {
        let parse = |text: &str| Claim::parse(&format!("Basic {}", STANDARD.encode(text)));
        let Ok(Claim::Basic(claim)) = parse("vms:pass:word") else { panic!("a claim") };
        assert_eq!(claim.username, "vms");
        assert_eq!(claim.password.expose_secret(), "pass:word");
        assert!(!format!("{claim:?}").contains("pass:word"));
        assert_eq!(parse("vms").err(), Some(ClaimError::Form));
        assert_eq!(Claim::parse("Basic").err(), Some(ClaimError::Form));
        assert_eq!(Claim::parse("Basic ????").err(), Some(ClaimError::Form));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), tail in "[ -~]{0,60}") {
            let _ = Claim::parse(&text);
            let _ = Claim::parse(&format!("Digest {text}"));
            let _ = Claim::parse(&format!("{PLAIN}{tail}"));
        }

        #[test]
        fn a_quoted_value_is_read_as_it_was_meant(name in "[ -~]{1,20}") {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            let header = PLAIN.replace("\"vms\"", &format!("\"{escaped}\""));
            prop_assert_eq!(digest_of(&header).username, name);
        }
    }
}
