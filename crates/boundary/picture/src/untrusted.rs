//! Values that a worker wrote, until somebody has looked at them.

/// A value that came over the boundary and has not been validated.
///
/// There is no `Deref`: the only ways out are [`validate`](Self::validate), which the caller must
/// give a check, and [`clamp`](Self::clamp), which leaves nothing to check.
#[derive(Clone, Copy)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks `value` as unvalidated.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// What `check` makes of the value.
    pub fn validate<U>(self, check: impl FnOnce(T) -> U) -> U {
        check(self.0)
    }
}

impl<T: Ord> Untrusted<T> {
    /// The value, brought into `least..=most`.
    #[must_use]
    pub fn clamp(self, least: T, most: T) -> T {
        self.0.clamp(least, most)
    }
}

impl<T> std::fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Untrusted(_)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_only_through_a_check() {
        assert_eq!(Untrusted::new(900).clamp(0, 10), 10);
        assert_eq!(Untrusted::new(3).validate(|n| if n < 4 { Ok(n) } else { Err(n) }), Ok(3));
        assert_eq!(format!("{:?}", Untrusted::new("secret")), "Untrusted(_)");
    }
}
