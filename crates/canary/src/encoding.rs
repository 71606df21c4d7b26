//! What a mark looks like once somebody has written it down in another way.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::mark::hexadecimal;

/// How a byte string found was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The way, such as `base64` or `hexadecimal`.
    pub(crate) encoding: &'static str,
    /// What to look for.
    pub(crate) bytes: Vec<u8>,
}

const PLAIN: GeneralPurposeConfig = GeneralPurposeConfig::new().with_encode_padding(false);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PLAIN);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PLAIN);

/// Ways that keep one byte for one byte: they can happen to any bytes, at any stride.
pub(crate) fn binary(form: &[u8]) -> Vec<Pattern> {
    let reversed: Vec<u8> = form.iter().rev().copied().collect();
    let inverted: Vec<u8> = form.iter().map(|byte| !byte).collect();
    let mirrored: Vec<u8> = form.iter().map(|byte| byte.reverse_bits()).collect();
    let mut patterns = vec![
        Pattern { encoding: "raw", bytes: form.to_vec() },
        Pattern { encoding: "bytes reversed", bytes: reversed },
        Pattern { encoding: "bits inverted", bytes: inverted },
        Pattern { encoding: "bits mirrored", bytes: mirrored },
    ];
    for (size, encoding) in [(2, "16-bit words swapped"), (4, "32-bit words swapped")] {
        // A tail that fills no word stays out: what is left is long enough all the same.
        let words = form.chunks_exact(size);
        if words.len() * size >= crate::SHORTEST {
            let bytes = words.flat_map(|word| word.iter().rev().copied()).collect();
            patterns.push(Pattern { encoding, bytes });
        }
    }
    patterns
}

/// Ways whose letters matter.
pub(crate) fn exact_text(form: &[u8]) -> Vec<Pattern> {
    [(STANDARD, "base64"), (URL_SAFE, "base64, URL-safe")]
        .iter()
        .flat_map(|(engine, encoding)| {
            base64_alignments(engine, form).map(|bytes| Pattern { encoding, bytes })
        })
        .collect()
}

/// Ways that are the same in capitals and small letters.
pub(crate) fn folded_text(form: &[u8]) -> Vec<Pattern> {
    let each = |write: fn(u8) -> String| -> Vec<u8> {
        form.iter().map(|byte| write(*byte)).collect::<String>().into_bytes()
    };
    // What would come after the last byte need not be there.
    let joined = |write: fn(u8) -> String, separator: &str| -> Vec<u8> {
        form.iter().map(|byte| write(*byte)).collect::<Vec<_>>().join(separator).into_bytes()
    };
    let hex: fn(u8) -> String = |byte| format!("{byte:02x}");
    let decimal: fn(u8) -> String = |byte| byte.to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let percent: String = form
        .iter()
        .map(|byte| match plain(*byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02x}"),
        })
        .collect();
    let mut patterns = vec![
        Pattern { encoding: "hexadecimal", bytes: hexadecimal(form).into_bytes() },
        Pattern { encoding: "hexadecimal, spaced", bytes: joined(hex, " ") },
        Pattern { encoding: "hexadecimal, with colons", bytes: joined(hex, ":") },
        Pattern { encoding: "percent-encoded", bytes: percent.into_bytes() },
        Pattern { encoding: "percent-encoded throughout", bytes: each(|b| format!("%{b:02x}")) },
        Pattern { encoding: "\\x escapes", bytes: each(|b| format!("\\x{b:02x}")) },
        Pattern { encoding: "\\u escapes", bytes: each(|b| format!("\\u00{b:02x}")) },
        Pattern { encoding: "octal escapes", bytes: each(|b| format!("\\{b:03o}")) },
        Pattern { encoding: "decimal list", bytes: joined(decimal, ", ") },
        Pattern { encoding: "decimal list, tight", bytes: joined(decimal, ",") },
        // Rust's and JSON's way with what is not printable.
        Pattern { encoding: "escaped", bytes: form.escape_ascii().to_string().into_bytes() },
        Pattern { encoding: "UTF-8 of Latin-1", bytes: latin_1(form) },
        Pattern {
            encoding: "UTF-8, replaced",
            bytes: String::from_utf8_lossy(form).into_owned().into_bytes(),
        },
    ];
    // A text that is mostly replacement marks is no mark any more.
    patterns.retain(|pattern| {
        pattern.encoding != "UTF-8, replaced" || String::from_utf8(form.to_vec()).is_ok()
    });
    patterns
}

fn latin_1(form: &[u8]) -> Vec<u8> {
    form.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes()
}

/// The characters of base64 that depend on `form` alone, after none, one or two other bytes.
fn base64_alignments<'a>(
    engine: &'a GeneralPurpose,
    form: &'a [u8],
) -> impl Iterator<Item = Vec<u8>> + 'a {
    (0..3).map(move |before: usize| {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(form);
        let text = engine.encode(&bytes).into_bytes();
        // A character holds six bits: skip those the bytes before have a part in, and a last one
        // that bytes behind would.
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        text[first..last].to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(patterns: Vec<Pattern>, encoding: &str) -> Vec<u8> {
        patterns.into_iter().find(|pattern| pattern.encoding == encoding).unwrap().bytes
    }

    #[test]
    fn ways_of_one_byte_for_one_byte() {
        let form = [1, 2, 3, 4, 5, 6, 7, 0x80];
        assert_eq!(pattern(binary(&form), "bytes reversed"), [0x80, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(pattern(binary(&form), "bits inverted")[7], 0x7F);
        assert_eq!(pattern(binary(&form), "bits mirrored")[7], 1);
        assert_eq!(pattern(binary(&form), "16-bit words swapped")[..4], [2, 1, 4, 3]);
        assert_eq!(pattern(binary(&form), "32-bit words swapped")[..4], [4, 3, 2, 1]);
    }

    #[test]
    fn ways_of_writing_down() {
        let form = b"A/\xFFz 12\n";
        let written = |encoding| String::from_utf8(pattern(folded_text(form), encoding)).unwrap();
        assert_eq!(written("hexadecimal"), "412fff7a2031320a");
        assert_eq!(written("percent-encoded"), "A%2f%ffz%2012%0a");
        assert_eq!(written("escaped"), "A/\\xffz 12\\n");
        assert_eq!(written("decimal list"), "65, 47, 255, 122, 32, 49, 50, 10");
        assert_eq!(written("octal escapes"), "\\101\\057\\377\\172\\040\\061\\062\\012");
    }

    #[test]
    fn a_mark_that_ends_like_a_separator_is_written_as_any_other() {
        for last in [b' ', b',', b':'] {
            let form = [1, last];
            let patterns = || folded_text(&form);
            let decimal = pattern(patterns(), "decimal list");
            assert_eq!(decimal, format!("1, {last}").into_bytes());
            assert_eq!(
                pattern(patterns(), "hexadecimal, with colons"),
                format!("01:{last:02x}").into_bytes()
            );
            assert!(pattern(patterns(), "UTF-8 of Latin-1").ends_with(&[last]));
        }
    }
}
