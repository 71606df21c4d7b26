//! How many files the core side may have open: each reader's connection is one, and the soft limit is
//! often 1024.

use cofferdam_serve::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// A camera's ring, pipes and worker, those of a worker that replaces it, and a listener of its own.
const FOR_A_CAMERA: u64 = 64;
/// Listeners, certificates, logs and what else there is once.
const FOR_OTHERS: u64 = 128;

/// Raises the soft limit to the hard one, and says so where that is too few.
pub(crate) fn raise(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    // Fails only where the soft limit was above the hard one, which cannot be.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match told(limit.maximum, config.cameras.len()) {
        Ok(_) => {}
        Err(few) => tracing::warn!("open files {few}"),
    }
}

/// What `cofferdam check` says of it.
pub(crate) fn line(config: &Config) -> String {
    let most = getrlimit(Resource::Nofile).maximum;
    told(most, config.cameras.len()).unwrap_or_else(|few| few)
}

/// Whether so many are enough, in words. `None` is no limit.
fn told(most: Option<u64>, cameras: usize) -> Result<String, String> {
    let Some(most) = most else { return Ok("good: without a limit".into()) };
    let readers = Limits::default().connections as u64;
    let others = FOR_OTHERS + FOR_A_CAMERA * cameras as u64;
    let left = most.saturating_sub(others);
    if left >= readers {
        return Ok(format!("good: {most}"));
    }
    Err(format!(
        "FEW: {most}, which leaves {left} for readers' connections, of {readers} that are served: set \
         LimitNOFILE={wanted}, or --ulimit nofile={wanted}",
        wanted = others + readers
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_enough_for_all_readers_or_told() {
        assert_eq!(told(None, 1).unwrap(), "good: without a limit");
        assert_eq!(told(Some(1_048_576), 100).unwrap(), "good: 1048576");
        let enough = FOR_OTHERS + FOR_A_CAMERA + 2048;
        assert!(told(Some(enough), 1).is_ok());
        let few = told(Some(enough - 1), 1).unwrap_err();
        assert!(
            few.contains("leaves 2047 ") && few.ends_with(&format!("nofile={enough}")),
            "{few}"
        );
        assert!(told(Some(100), 1).unwrap_err().contains("leaves 0 "));
    }
}
