//! This process.

use crate::{Facts, Finding};

/// No capabilities, none to be had, and a list of system calls.
pub(crate) fn privileges(facts: &Facts) -> Vec<Finding> {
    let process = &facts.process;
    let mut findings = Vec::new();
    if process.capabilities != 0 {
        findings.push(Finding {
            expected: "a side without capabilities".into(),
            found: format!("the set {:#x}", process.capabilities),
            mend: "setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
                   cofferdam run …"
                .into(),
        });
    }
    if !process.no_new_privileges {
        findings.push(Finding {
            expected: "a side that programs give no privileges".into(),
            found: "NoNewPrivs 0".into(),
            mend: "setpriv --no-new-privs cofferdam run …".into(),
        });
    }
    if !process.filtered {
        findings.push(Finding {
            expected: "a side under its list of system calls".into(),
            found: "none".into(),
            mend: "set `jail.sandbox = \"strict\"`".into(),
        });
    }
    findings
}

/// Not root.
pub(crate) fn user(facts: &Facts) -> Vec<Finding> {
    if facts.process.users.contains(&0) {
        return vec![Finding {
            expected: "a side that is not root".into(),
            found: "user 0".into(),
            mend: "setpriv --reuid=65532 --regid=65532 --clear-groups cofferdam run …".into(),
        }];
    }
    Vec::new()
}
