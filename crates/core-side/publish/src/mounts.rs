//! All mounts of a gateway, by path.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Mount;

/// The mounts of a gateway. Clones share them.
#[derive(Clone, Debug)]
pub struct Mounts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    list: Vec<Arc<Mount>>,
    by_path: BTreeMap<String, Arc<Mount>>,
}

impl Mounts {
    /// The mounts of `list`, each under its own path.
    #[must_use]
    pub fn new(list: Vec<Arc<Mount>>) -> Self {
        Self::with_aliases(list, [])
    }

    /// The mounts of `list`, each under its own path and under those of `aliases` that lead to it.
    /// An alias cannot hide a mount's own path.
    #[must_use]
    pub fn with_aliases(
        list: Vec<Arc<Mount>>,
        aliases: impl IntoIterator<Item = (String, Arc<Mount>)>,
    ) -> Self {
        let mut by_path: BTreeMap<_, _> = aliases.into_iter().collect();
        by_path.extend(list.iter().map(|mount| (mount.path().to_owned(), Arc::clone(mount))));
        Self { shared: Arc::new(Shared { list, by_path }) }
    }

    /// The mount at `path`: camera and kind, as in `lobby/main`, without a slash in front.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Arc<Mount>> {
        self.shared.by_path.get(path).cloned()
    }

    /// Every mount once, in the order given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Mount>> {
        self.shared.list.iter()
    }
}
