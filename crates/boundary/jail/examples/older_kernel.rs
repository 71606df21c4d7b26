//! Stands in the place of a worker's program, and becomes that (it stands beside this one as `NAME.real`)
//! on a kernel that lacks something: what, the camera's id says. A camera of another name has the kernel
//! as it is. Test code: no part of what is shipped.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::exit)]

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// What is lacking, and what an older kernel says to it.
struct Lacking {
    call: libc::c_long,
    /// Where only a use of the call is lacking: an argument's number, which of its bits tell, and how they
    /// are set.
    use_of: Option<(u8, u64, u64)>,
    error: i32,
}

fn lacking(camera: &str) -> Option<Lacking> {
    let (call, use_of, error) = match camera {
        "without-landlock" => (libc::SYS_landlock_create_ruleset, None, libc::ENOSYS),
        // Every use of it: the broker's and the list's.
        "without-filters" => (libc::SYS_seccomp, None, libc::ENOSYS),
        "without-notification" => {
            let flag = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
            (libc::SYS_seccomp, Some((1, flag, flag)), libc::EINVAL)
        }
        "without-memory-rule" => {
            let option = u64::from(libc::PR_SET_MDWE.cast_unsigned());
            (libc::SYS_prctl, Some((0, u64::from(u32::MAX), option)), libc::EINVAL)
        }
        _ => return None,
    };
    Some(Lacking { call, use_of, error })
}

impl Lacking {
    fn filter(&self) -> BpfProgram {
        let rule = |(argument, mask, bits)| {
            let masked = SeccompCmpOp::MaskedEq(mask);
            let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, masked, bits);
            SeccompRule::new(vec![condition.expect("an argument")]).expect("a condition")
        };
        let rules = BTreeMap::from([(self.call, self.use_of.map(rule).into_iter().collect())]);
        let refusal = SeccompAction::Errno(self.error.cast_unsigned());
        let architecture = std::env::consts::ARCH.try_into().expect("a known architecture");
        SeccompFilter::new(rules, SeccompAction::Allow, refusal, architecture)
            .and_then(TryInto::try_into)
            .expect("a filter of one rule")
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let camera = arguments.get(1).map_or("", String::as_str);
    if let Some(lacking) = lacking(camera) {
        seccompiler::apply_filter(&lacking.filter()).expect("a filter");
    }
    let own = std::env::current_exe().expect("a running program has a path");
    let error = Command::new(own.with_extension("real")).args(arguments).exec();
    exit(error.raw_os_error().unwrap_or(1));
}
