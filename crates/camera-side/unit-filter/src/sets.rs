//! The parameter sets of one kind that were accepted, by id.

use std::collections::BTreeMap;

use crate::Refusal;

/// Parameter sets and what is known of them. The ids' range bounds how many there are.
#[derive(Debug)]
pub(crate) struct Sets<T>(BTreeMap<u8, Set<T>>);

#[derive(Debug)]
struct Set<T> {
    /// As it came last, and as it goes to the decoder.
    came: Vec<u8>,
    kept: Vec<u8>,
    facts: T,
}

/// What goes to the decoder in the place of a NAL unit; `None` where that is the NAL unit itself.
pub(crate) type Shorter = Option<Vec<u8>>;

impl<T> Sets<T> {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// What is known of the set `id`.
    pub(crate) fn get(&self, id: u8) -> Option<&T> {
        self.0.get(&id).map(|set| &set.facts)
    }

    /// What becomes of `nal`, where it is the same as ever: cameras send their sets with each key
    /// frame.
    pub(crate) fn known(&self, nal: &[u8]) -> Option<Shorter> {
        let set = self.0.values().find(|set| set.came == nal || set.kept == nal)?;
        Some((set.kept != nal).then(|| set.kept.clone()))
    }

    /// Notes that `nal` is the set `id` and goes as `shorter`. False when the decoder has it already.
    pub(crate) fn put(&mut self, id: u8, nal: &[u8], shorter: &Shorter, facts: T) -> bool {
        let came = nal.to_vec();
        let kept = shorter.clone().unwrap_or_else(|| came.clone());
        if let Some(set) = self.0.get_mut(&id).filter(|set| set.kept == kept) {
            set.came = came;
            return false;
        }
        self.0.insert(id, Set { came, kept, facts });
        true
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.0.retain(|_, set| keep(&set.facts));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// `shorter` in the place of `nal`.
///
/// # Errors
/// When it would be longer, because `nal` has bytes that should have been escaped.
pub(crate) fn in_place_of(nal: &[u8], shorter: Vec<u8>) -> Result<Shorter, Refusal> {
    if shorter == nal {
        Ok(None)
    } else if shorter.len() > nal.len() {
        Err(Refusal::Malformed)
    } else {
        Ok(Some(shorter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_what_goes_to_the_decoder() {
        let mut sets = Sets::new();
        assert_eq!(sets.known(&[7, 1]), None);
        assert!(sets.put(0, &[7, 1], &None, 'a'));
        assert!(!sets.put(0, &[7, 1, 9], &Some(vec![7, 1]), 'a'));
        // However it came, it is the same.
        assert_eq!(sets.known(&[7, 1, 9]), Some(Some(vec![7, 1])));
        assert_eq!(sets.known(&[7, 1]), Some(None));
        assert!(sets.put(0, &[7, 2], &None, 'b'));
        assert_eq!((sets.known(&[7, 1]), sets.get(0)), (None, Some(&'b')));
        sets.retain(|fact| *fact != 'b');
        assert_eq!(sets.get(0), None);
    }

    #[test]
    fn nothing_grows() {
        assert_eq!(in_place_of(&[1, 2], vec![1, 2]), Ok(None));
        assert_eq!(in_place_of(&[1, 2], vec![1]), Ok(Some(vec![1])));
        assert_eq!(in_place_of(&[1, 2], vec![1, 2, 3]), Err(Refusal::Malformed));
    }
}
