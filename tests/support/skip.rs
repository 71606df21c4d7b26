//! What a machine may lack, and the proofs that then are left out: with a word, unless they are required.
//!
//! `COFFERDAM_REQUIRE` names what this machine is said to have, with commas between: a test that finds it
//! missing fails. Continuous integration sets it, so that no proof is gone unseen.

/// The environment variable.
pub const REQUIRE: &str = "COFFERDAM_REQUIRE";

/// What tests need of a machine and can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A container engine.
    Containers,
    /// The right to make network namespaces and cables.
    Namespaces,
    /// Players, cameras and tools that `scripts/test` installs.
    Programs,
    /// Readers from PyPI, which `scripts/test` installs where it can be reached.
    Python,
}

impl Need {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Containers, Self::Namespaces, Self::Programs, Self::Python];

    /// Its name in [`REQUIRE`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Namespaces => "namespaces",
            Self::Programs => "programs",
            Self::Python => "python",
        }
    }
}

/// What a value of [`REQUIRE`] asks for.
///
/// # Errors
/// The first word of it that names no need.
pub fn required(value: &str) -> Result<Vec<Need>, String> {
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let need = Need::ALL.into_iter().find(|need| need.name() == word);
            need.ok_or_else(|| word.to_owned())
        })
        .collect()
}

/// Says that `test` goes without its proof, for want of `need`.
///
/// # Panics
/// When [`REQUIRE`] asks for it, or for something unknown.
pub fn skip(need: Need, test: &str, why: &str) {
    let value = std::env::var(REQUIRE).unwrap_or_default();
    let required = required(&value).unwrap_or_else(|word| {
        let known = Need::ALL.map(Need::name).join(", ");
        panic!("{REQUIRE}: expected some of {known}, found {word}")
    });
    assert!(
        !required.contains(&need),
        "{REQUIRE} has {}, but {test} would be skipped: {why}",
        need.name()
    );
    eprintln!("SKIPPED {test}: {why}");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_value_names_needs() {
        assert_eq!(required(""), Ok(Vec::new()));
        let both = vec![Need::Namespaces, Need::Containers];
        assert_eq!(required("namespaces, containers,"), Ok(both));
        assert_eq!(required("programs,container"), Err("container".into()));
        for need in Need::ALL {
            assert_eq!(required(need.name()), Ok(vec![need]));
        }
    }

    /// Skips in a child, whose environment is its own.
    #[test]
    #[ignore = "what the next test runs in children"]
    fn skips() {
        skip(Need::Containers, "a test", "no engine");
    }

    #[test]
    fn what_is_required_fails_instead_of_being_skipped() {
        let child = |value: Option<&str>| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "skip::tests::skips", "--nocapture"]);
            command.env_remove(REQUIRE).envs(value.map(|value| (REQUIRE, value)));
            let output = command.output().unwrap();
            let both = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8_lossy(&both).into_owned())
        };
        for value in [None, Some(""), Some("namespaces,programs")] {
            let (passed, said) = child(value);
            assert!(passed && said.contains("SKIPPED a test: no engine"), "{value:?}: {said}");
            assert!(said.contains("1 passed"), "{said}");
        }
        let (passed, said) = child(Some("programs,containers"));
        assert!(!passed && said.contains("has containers, but a test would be skipped"), "{said}");
        let (passed, said) = child(Some("docker"));
        assert!(!passed && said.contains("found docker"), "{said}");
    }
}
