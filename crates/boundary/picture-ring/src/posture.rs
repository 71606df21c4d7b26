//! How a worker is locked down, layer by layer: the part of the closed vocabulary that says what
//! stands between a worker and its host.

/// One layer of a worker's jail. Its number is its bit in a [`JailPosture`], and, with
/// [`FIRST_EXIT_CODE`](Self::FIRST_EXIT_CODE) added, the exit code of a worker that could not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum JailLayer {
    /// No new privileges by any exec, and no capabilities.
    Privileges = 0,
    /// Killed when its parent ends.
    ParentBound = 1,
    /// Bounds on address space, descriptors, processes, files and core dumps.
    Limits = 2,
    /// No descriptor but those it works with.
    Descriptors = 3,
    /// No other process reads its memory, and it leaves no core dump.
    Undumpable = 4,
    /// Landlock: no file can be opened, made or executed.
    LandlockFiles = 5,
    /// Landlock: no TCP port can be bound (nor, once the dialer connects, connected to).
    LandlockNetwork = 6,
    /// Landlock: no signal and no abstract Unix socket reaches outside.
    LandlockScopes = 7,
    /// Memory that was ever writable never becomes executable, by the memory manager's word.
    WriteXorExecute = 8,
    /// The allow-list of system calls.
    SystemCalls = 9,
    /// Forbidden actions were tried, and were refused as they should be.
    SelfTest = 10,
}

impl JailLayer {
    /// Every layer, in the order in which they are put on.
    pub const ALL: [Self; 11] = [
        Self::Privileges,
        Self::ParentBound,
        Self::Limits,
        Self::Descriptors,
        Self::Undumpable,
        Self::LandlockFiles,
        Self::LandlockNetwork,
        Self::LandlockScopes,
        Self::WriteXorExecute,
        Self::SystemCalls,
        Self::SelfTest,
    ];

    /// The exit code of a worker that could not have [`Privileges`](Self::Privileges); those of the
    /// other layers follow. No fault has such a code.
    pub const FIRST_EXIT_CODE: u8 = 64;

    /// The layer's name in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Privileges => "privileges",
            Self::ParentBound => "parent_bound",
            Self::Limits => "limits",
            Self::Descriptors => "descriptors",
            Self::Undumpable => "undumpable",
            Self::LandlockFiles => "landlock_files",
            Self::LandlockNetwork => "landlock_network",
            Self::LandlockScopes => "landlock_scopes",
            Self::WriteXorExecute => "write_xor_execute",
            Self::SystemCalls => "system_calls",
            Self::SelfTest => "self_test",
        }
    }

    /// Whether a worker refuses to run without it. What the others refuse, the list of system calls
    /// refuses as well: they are a second lock where the kernel has one.
    #[must_use]
    pub const fn is_required(self) -> bool {
        !matches!(self, Self::LandlockNetwork | Self::LandlockScopes | Self::WriteXorExecute)
    }

    /// What the kernel must offer for it, for an operator.
    #[must_use]
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Privileges | Self::ParentBound | Self::Undumpable => "Linux 3.5",
            Self::Limits | Self::Descriptors => "Linux 5.9 and a mounted /proc",
            Self::LandlockFiles => {
                "Linux 5.13 with Landlock (`lsm=landlock,…` on its command line)"
            }
            Self::LandlockNetwork => "Linux 6.7 with Landlock",
            Self::LandlockScopes => "Linux 6.12 with Landlock",
            Self::WriteXorExecute => "Linux 6.3",
            Self::SystemCalls => {
                "Linux 5.14 with CONFIG_SECCOMP_FILTER, and nobody else who listens to its system calls"
            }
            Self::SelfTest => {
                "a kernel and a container engine that leave seccomp and Landlock alone, and a user \
                 whose processes are not too many"
            }
        }
    }

    /// The exit code of a worker that could not have this layer.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        Self::FIRST_EXIT_CODE + self as u8
    }

    /// The layer that a worker with exit code `code` could not have.
    #[must_use]
    pub fn from_exit_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| i32::from(layer.exit_code()) == code)
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl std::fmt::Display for JailLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}

/// The layers a worker has, by its own word; none before it is locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JailPosture(u64);

impl JailPosture {
    /// The posture that `bits` stand for. Bits without a layer are dropped.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        let known = JailLayer::ALL.iter().fold(0, |known, layer| known | layer.bit());
        Self(bits & known)
    }

    /// The posture as it crosses the boundary.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The same with `layer`.
    #[must_use]
    pub const fn with(self, layer: JailLayer) -> Self {
        Self(self.0 | layer.bit())
    }

    /// Whether `layer` is there.
    #[must_use]
    pub const fn has(self, layer: JailLayer) -> bool {
        self.0 & layer.bit() != 0
    }

    /// Whether every layer is there without which no worker runs.
    #[must_use]
    pub fn is_locked(self) -> bool {
        JailLayer::ALL.into_iter().all(|layer| !layer.is_required() || self.has(layer))
    }
}

/// Labels of layers, joined by commas.
#[derive(Clone, Copy, Debug)]
pub struct MissingLayers(JailPosture);

impl JailPosture {
    /// The layers that are not there, to be shown.
    #[must_use]
    pub const fn missing(self) -> MissingLayers {
        MissingLayers(self)
    }
}

impl std::fmt::Display for MissingLayers {
    /// `none` where nothing is missing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for layer in JailLayer::ALL.into_iter().filter(|layer| !self.0.has(*layer)) {
            write!(f, "{separator}{layer}")?;
            separator = ",";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    #[test]
    fn layers_are_in_order_and_their_exit_codes_are_no_faults() {
        for (index, layer) in JailLayer::ALL.into_iter().enumerate() {
            assert_eq!(layer as usize, index);
            assert_eq!(JailLayer::from_exit_code(i32::from(layer.exit_code())), Some(layer));
            assert_eq!(Fault::from_code(u64::from(layer.exit_code())), Fault::Unknown);
        }
        for code in [0, 42, 63, 75, 101, -1] {
            assert_eq!(JailLayer::from_exit_code(code), None);
        }
    }

    #[test]
    fn a_posture_survives_the_crossing_without_bits_that_mean_nothing() {
        let posture = JailPosture::default().with(JailLayer::Limits).with(JailLayer::SystemCalls);
        assert_eq!(JailPosture::from_bits(posture.bits()), posture);
        let all = JailPosture::from_bits(u64::MAX);
        assert_eq!(all.missing().to_string(), "none");
        assert!(all.is_locked() && all.bits() < 1 << JailLayer::ALL.len());
        assert!(!posture.is_locked());
    }

    #[test]
    fn what_seccomp_refuses_as_well_may_be_missing() {
        let without = |layer: JailLayer| JailPosture::from_bits(!layer.bit());
        assert!(without(JailLayer::LandlockNetwork).is_locked());
        assert!(!without(JailLayer::LandlockFiles).is_locked());
        assert_eq!(without(JailLayer::Limits).missing().to_string(), "limits");
        assert!(!without(JailLayer::SystemCalls).is_locked());
    }
}
