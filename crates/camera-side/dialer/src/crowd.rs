//! How many processes and threads the workers' user may have. The kernel counts all of a user's
//! together, those of other gateways of this host as well.

use std::path::Path;

use cofferdam_jail::User;

/// Processes of a worker's: itself, and those that it sends out to try its jail.
const PROCESSES: u64 = 8;
/// Room for the workers of a gateway that starts later, where the user is one that only gateways become.
const GATEWAYS: u64 = 64;
/// Room for whatever else a user starts who is anybody.
const ANYBODY: u64 = 1024;

/// The limit for the workers of that many cameras, all starting at once.
///
/// Asked once: a worker that went wild would raise the limit of the next.
pub(crate) fn limit(cameras: usize) -> u64 {
    let own = PROCESSES.saturating_mul(u64::try_from(cameras).unwrap_or(u64::MAX));
    let user = rustix::process::getuid().as_raw();
    let others = if user == User::CAMERA.id {
        running(Path::new("/proc"), user).saturating_add(GATEWAYS)
    } else {
        ANYBODY.saturating_add(rustix::system::sysinfo().procs.into())
    };
    own.saturating_add(others)
}

/// Processes and threads that run as `user`, by the tables under `proc`. What cannot be read is not
/// counted.
fn running(proc: &Path, user: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(proc) else { return 0 };
    entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok())
        .filter_map(|status| threads(&status, user))
        .sum()
}

/// A process's threads, by its `status` (proc_pid_status(5)), if it runs as `user`.
fn threads(status: &str, user: u32) -> Option<u64> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line?.split_whitespace().next()?.parse::<u64>().ok()
    };
    (field("Uid")? == u64::from(user)).then(|| field("Threads"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_that_user_are_counted_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, status: &str| {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("status"), status).unwrap();
        };
        put("7", "Name:\tone\nUid:\t65533\t65533\t65533\t65533\nThreads:\t3\n");
        put("8", "Name:\tother\nUid:\t0\t0\t0\t0\nThreads:\t50\n");
        put("9", "Name:\ttwo\nUid:\t65533\t0\t0\t0\nThreads:\t1\n");
        put("10", "Name:\tgarbled");
        put("sys", "Uid:\t65533\nThreads:\t9\n");
        assert_eq!(running(folder.path(), 65533), 4);
        assert_eq!(running(&folder.path().join("nowhere"), 65533), 0);
    }

    #[test]
    fn this_process_is_counted() {
        let user = rustix::process::getuid().as_raw();
        assert!(running(Path::new("/proc"), user) > 0);
    }
}
