//! What the tools print.

/// Prints a line on standard output. That nobody reads it any more, as behind `head`, is no mistake:
/// the exit code still tells.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($line)*);
    }};
}
