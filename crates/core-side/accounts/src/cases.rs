//! `Authorization` headers and what is to come of each: for the tests of the parser, and for the fuzzer to begin
//! with.

/// A Digest as most clients write it.
pub(crate) const PLAIN: &str = "Digest username=\"vms\", realm=\"Cofferdam\", nonce=\"ab\", \
                                uri=\"rtsp://h/lobby/main\", response=\"00112233445566778899aabbccddeeff\"";

/// What is appended to [`PLAIN`], and what comes of it: nothing, or what is wrong.
const APPENDED: &[(&str, Option<&str>)] = &[
    ("", None),
    (", algorithm=MD5", None),
    (", algorithm=\"MD5\"", None),
    (",algorithm=md5,", None),
    (" , opaque=\"\"", None),
    (", x-vendor=\"a,b=c\"", None),
    (", nc=00000001, cnonce=\"z\"", None),
    (", qop=auth, nc=0000000a, cnonce=\"x\\\"y\"", None),
    (", qop=\"auth\", nc=0000000a, cnonce=\"x\\\"y\"", None),
    (", username=\"other\"", Some("form")),
    (", Digest username=\"other\"", Some("form")),
    (", qop=auth", Some("form")),
    (", qop=auth, nc=1, cnonce=\"x\"", Some("form")),
    (", qop=auth-int", Some("algorithm")),
    (", algorithm=SHA-256", Some("algorithm")),
    (", algorithm=MD5-sess", Some("algorithm")),
];

/// Whole headers.
const WHOLE: &[(&str, Option<&str>)] = &[
    ("", Some("scheme")),
    ("Bearer x", Some("scheme")),
    ("Digest", Some("form")),
    ("Digest username=\"vms", Some("form")),
    ("Basic dm1zOnBhc3M6d29yZA==", None),
    ("basic dm1zOg==", None),
    ("Basic", Some("form")),
    ("Basic dm1z", Some("form")),
    ("Basic ????", Some("form")),
];

/// What of [`PLAIN`] is written otherwise.
const REPLACED: &[(&str, &str, Option<&str>)] = &[
    ("Digest", "DIGEST", None),
    ("uri", "url", Some("form")),
    ("realm", "relm", Some("form")),
    ("eeff", "eef", Some("form")),
    ("eeff", "eefg", Some("form")),
    ("eeff\"", "eeff\"x", Some("form")),
];

/// Every header, with what is wrong with it.
pub(crate) fn all() -> impl Iterator<Item = (String, Option<&'static str>)> {
    let appended = APPENDED.iter().map(|(more, wrong)| (format!("{PLAIN}{more}"), *wrong));
    let whole = WHOLE.iter().map(|(header, wrong)| ((*header).to_owned(), *wrong));
    let replaced = REPLACED.iter().map(|(from, to, wrong)| (PLAIN.replace(from, to), *wrong));
    appended.chain(whole).chain(replaced)
}
