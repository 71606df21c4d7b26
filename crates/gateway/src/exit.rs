//! How the command ends: 0 good, 1 run-time, 2 configuration, 3 isolation, 4 attestation.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// An end that is not good: its exit code and its line.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: String,
}

/// The exit code of a mistake in the configuration; also clap's for the command line.
pub(crate) const CONFIGURATION: u8 = 2;

impl Exit {
    /// Something failed that a correct configuration cannot prevent.
    pub(crate) const fn run_time(message: String) -> Self {
        Self { code: 1, message }
    }

    /// The configuration is wrong.
    pub(crate) const fn configuration(message: String) -> Self {
        Self { code: CONFIGURATION, message }
    }

    /// The host does not keep the networks apart.
    pub(crate) const fn isolation(message: String) -> Self {
        Self { code: 3, message }
    }

    /// An encoder is not what was vetted.
    pub(crate) const fn attestation(message: String) -> Self {
        Self { code: 4, message }
    }

    /// A process that was started for this one ended with `code`, for this reason.
    pub(crate) const fn with_code(code: u8, message: String) -> Self {
        Self { code, message }
    }

    /// A process that was started for this one ended with `code`, having said why.
    pub(crate) const fn passed_on(code: u8) -> Self {
        Self { code, message: String::new() }
    }

    /// Prints the reason, and gives the code to leave with.
    pub(crate) fn report(&self) -> ExitCode {
        let lines: String =
            self.message.lines().map(|line| format!("cofferdam: {line}\n")).collect();
        // In one piece: the other side may be logging to the same place.
        let _ = std::io::stderr().write_all(lines.as_bytes());
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
