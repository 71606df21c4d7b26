//! Secrets from files.

use std::path::Path;

use secrecy::SecretString;

/// The longest password, in bytes.
const LONGEST: usize = 1024;

/// Reads a password: the file's text without its last line break.
///
/// # Errors
/// What was expected and what was found; never the text itself.
pub(crate) fn read_password(path: &Path) -> Result<SecretString, String> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("expected a readable file, found {}: {error}", path.display()))?;
    let found =
        |what: &str| Err(format!("expected a password in {}, found {what}", path.display()));
    let Ok(text) = String::from_utf8(bytes) else { return found("bytes that are not UTF-8") };
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    match password.len() {
        0 => found("nothing"),
        length if length > LONGEST => found("more than 1024 bytes"),
        _ if password.contains(['\n', '\r', '\0']) => found("more than one line"),
        _ => Ok(SecretString::from(password.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_password(file.path()).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn one_line_break_is_not_part_of_a_password() {
        assert_eq!(read(b"pa ss\n"), Ok("pa ss".into()));
        assert_eq!(read(b"pa ss\r\n"), Ok("pa ss".into()));
        assert_eq!(read(b"pa ss "), Ok("pa ss ".into()));
    }

    #[test]
    fn refusals_do_not_quote_the_file() {
        for bytes in [&b""[..], b"\n", b"secret\nsecret", b"\xff\xfesecret", &[b's'; 1025]] {
            let line = read(bytes).unwrap_err();
            assert!(line.starts_with("expected a password") && !line.contains("secret"), "{line}");
        }
        assert!(read_password(Path::new("/nowhere/pw")).unwrap_err().contains("/nowhere/pw"));
    }
}
