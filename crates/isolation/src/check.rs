//! The checks, by name.

use std::fmt;
use std::str::FromStr;

/// One self-check. Its name is a key of `[isolation] allow`, a label of a metric and a line of
/// `cofferdam check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    /// The interfaces are there, are two, and are not bridged; sides apart see their own only.
    Interfaces,
    /// The kernel forwards no packet between interfaces.
    Forwarding,
    /// No IPv6 on the camera interface: its link-local addresses are a door of their own.
    Ipv6,
    /// No default route through the camera interface.
    Routes,
    /// The cameras' prefixes are nobody else's.
    Prefixes,
    /// No socket of this host that cameras reach.
    Listeners,
    /// The camera interface answers for its own addresses only.
    Arp,
    /// Packets from cameras carry addresses of the cameras' network, and no route.
    Sources,
    /// Cameras cannot redirect this host, nor are they told of other routers.
    Redirects,
    /// This process has no capabilities, and cannot get any.
    Privileges,
    /// This process is not root.
    User,
}

impl Check {
    /// All of them, in the order they are told.
    pub const ALL: [Self; 11] = [
        Self::Interfaces,
        Self::Forwarding,
        Self::Ipv6,
        Self::Routes,
        Self::Prefixes,
        Self::Listeners,
        Self::Arp,
        Self::Sources,
        Self::Redirects,
        Self::Privileges,
        Self::User,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interfaces => "interfaces",
            Self::Forwarding => "forwarding",
            Self::Ipv6 => "ipv6",
            Self::Routes => "routes",
            Self::Prefixes => "prefixes",
            Self::Listeners => "listeners",
            Self::Arp => "arp",
            Self::Sources => "sources",
            Self::Redirects => "redirects",
            Self::Privileges => "privileges",
            Self::User => "user",
        }
    }

    /// Whether it is about the looking process, and not about the host.
    #[must_use]
    pub const fn is_of_the_process(self) -> bool {
        matches!(self, Self::Privileges | Self::User)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no check's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {known}, found {found:?}", known = Check::ALL.map(Check::name).join(", "))]
pub struct UnknownCheck {
    found: String,
}

impl FromStr for Check {
    type Err = UnknownCheck;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|check| check.name() == name);
        found.ok_or_else(|| UnknownCheck { found: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_found_by_its_own_name_and_no_other() {
        for check in Check::ALL {
            assert_eq!(check.name().parse(), Ok(check));
        }
        let names: std::collections::BTreeSet<_> = Check::ALL.map(Check::name).into();
        assert_eq!(names.len(), Check::ALL.len());
        let error = "forward".parse::<Check>().unwrap_err().to_string();
        assert!(error.starts_with("expected one of interfaces, forwarding, "), "{error}");
        assert!(error.ends_with("user, found \"forward\""), "{error}");
    }
}
