//! All mounts of a gateway, by path.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Mount;

/// The mounts of a gateway. Clones share them.
#[derive(Clone, Debug)]
pub struct Mounts {
    by_path: Arc<BTreeMap<String, Arc<Mount>>>,
}

impl Mounts {
    /// The mounts of `list`, each under its own path.
    #[must_use]
    pub fn new(list: Vec<Arc<Mount>>) -> Self {
        let by_path = list.into_iter().map(|mount| (mount.path().to_owned(), mount)).collect();
        Self { by_path: Arc::new(by_path) }
    }

    /// The mount at `path`: camera and kind, as in `lobby/main`, without a slash in front.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Arc<Mount>> {
        self.by_path.get(path).cloned()
    }

    /// Every mount, ordered by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Mount>> {
        self.by_path.values()
    }
}
