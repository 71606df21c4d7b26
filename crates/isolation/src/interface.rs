//! Names of network interfaces.

use std::fmt;

/// The name of a network interface: 1 to 15 bytes without white space, `/` or `:`, neither `.` nor
/// `..`, as the kernel has them (`dev_valid_name`). So it is one part of a path under `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName(String);

/// A name that no interface can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an interface name of 1 to 15 bytes without spaces, `/`, `:` or quotes, found {0:?}"
)]
pub struct BadInterfaceName(String);

impl InterfaceName {
    /// The name, if it can be one.
    ///
    /// # Errors
    /// When no interface can be called so, or when it would end a quoted name in firewall rules.
    pub fn new(name: &str) -> Result<Self, BadInterfaceName> {
        let fits = (1..=15).contains(&name.len()) && name != "." && name != "..";
        let wrong = |c: char| c.is_whitespace() || c.is_control() || "/:\"'\\$`*".contains(c);
        if fits && !name.contains(wrong) {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadInterfaceName(name.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_kernel_takes_and_a_path_and_a_rule_can_hold() {
        for good in ["lo", "eth0.20", "cam-0", "enp0s31f6", "abcdefghijklmno"] {
            assert_eq!(InterfaceName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "a b", "a:1", "abcdefghijklmnop", "a\"", "a\n", "eth*"] {
            assert!(InterfaceName::new(bad).is_err(), "{bad:?}");
        }
    }
}
