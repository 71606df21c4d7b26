//! The status page: the few lines that an operator looks at first.

use std::fmt::{self, Display, Formatter};

/// What the status page tells. Names are the operator's own, states words of a closed vocabulary:
/// nothing in it is a camera's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What the isolation self-check finds.
    pub isolation: Isolation,
    /// Whether workers run locked in, or not at all.
    pub locked_in: bool,
    /// Every camera, in the order of the configuration.
    pub cameras: Vec<CameraStatus>,
}

/// The isolation self-check, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// No interface is configured: there is nothing to check.
    NotConfigured,
    /// No check failed that is not allowed to; these are not as they should be, and may be so.
    Holds {
        /// Names of checks.
        allowed: Vec<&'static str>,
    },
    /// These checks are not as they should be, or the kernel does not say; one at least has to be.
    Failed {
        /// Names of checks.
        checks: Vec<&'static str>,
    },
}

/// One camera, as its readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraStatus {
    /// Its name in the configuration.
    pub id: String,
    /// What its main mount shows, as `cofferdam_camera_state` calls it.
    pub state: &'static str,
}

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "isolation  {}", self.isolation)?;
        let jail = if self.locked_in { "workers are locked in" } else { "OFF: `jail.sandbox`" };
        writeln!(f, "jail       {jail}")?;
        let width = self.cameras.iter().map(|camera| camera.id.len()).max().unwrap_or(0);
        for CameraStatus { id, state } in &self.cameras {
            writeln!(f, "camera     {id:width$}  {state}")?;
        }
        Ok(())
    }
}

impl Display for Isolation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("NOT ISOLATED: no interfaces are configured"),
            Self::Holds { allowed } if allowed.is_empty() => f.write_str("isolated"),
            Self::Holds { allowed } => write!(f, "isolated, but for {} as allowed", list(allowed)),
            Self::Failed { checks } => write!(f, "NOT ISOLATED: see {}", list(checks)),
        }
    }
}

fn list(checks: &[&str]) -> String {
    checks.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_table_of_words() {
        let camera = |id: &str, state| CameraStatus { id: id.into(), state };
        let status = Status {
            isolation: Isolation::NotConfigured,
            locked_in: true,
            cameras: vec![camera("lobby", "live"), camera("yard-east", "slate")],
        };
        let expected = "isolation  NOT ISOLATED: no interfaces are configured\n\
                        jail       workers are locked in\n\
                        camera     lobby      live\n\
                        camera     yard-east  slate\n";
        assert_eq!(status.to_string(), expected);
        let off = Status { locked_in: false, cameras: Vec::new(), ..status };
        assert!(off.to_string().ends_with("\njail       OFF: `jail.sandbox`\n"));
    }

    #[test]
    fn names_the_checks() {
        let holds = |allowed| Isolation::Holds { allowed }.to_string();
        assert_eq!(holds(Vec::new()), "isolated");
        assert_eq!(holds(vec!["arp", "user"]), "isolated, but for arp, user as allowed");
        let failed = Isolation::Failed { checks: vec!["routes"] };
        assert_eq!(failed.to_string(), "NOT ISOLATED: see routes");
    }
}
