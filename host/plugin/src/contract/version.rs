//! The versions of the contract that this host speaks.
//!
//! In: the version that an interface's name ends with. Out: the [`Version`] that it fits, if there is one.
//! What differs between versions is in `versions/`.

use std::fmt;

/// A version of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `wit/released/0.1.0`.
    V0_1,
    /// `wit/released/0.2.0`.
    V0_2,
    /// `wit/`.
    V0_3,
}

impl Version {
    /// Every version that this host speaks, oldest first.
    pub const ALL: [Self; 3] = [Self::V0_1, Self::V0_2, Self::V0_3];

    /// The one in `wit/`.
    pub const NEWEST: Self = Self::V0_3;

    /// Those with runners, and verifiers that have programs run.
    pub(crate) const WITH_PROGRAMS: &[Self] = &[Self::V0_2, Self::V0_3];

    /// As interfaces name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1.0",
            Self::V0_2 => "0.2.0",
            Self::V0_3 => "0.3.0",
        }
    }

    /// The version that an interface's version fits: below 1.0 the minor number must be equal.
    pub(crate) fn of(interface: &str) -> Option<Self> {
        fn track(version: &str) -> Option<(&str, &str)> {
            version.rsplit_once('.')?.0.split_once('.')
        }
        let wanted = track(interface)?;
        Self::ALL.into_iter().find(|version| track(version.name()) == Some(wanted))
    }

    /// Whether a plugin without settings is asked to take them: in 0.1 every plugin was.
    pub(crate) fn configures_without_settings(self) -> bool {
        self == Self::V0_1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_that_of_the_wit_files() {
        let types = include_str!("../../../../wit/types.wit");
        assert!(types.contains(&format!("package ts-host:plugin@{};", Version::NEWEST)));
    }

    #[test]
    fn below_1_0_the_minor_number_decides() {
        for (name, version) in [
            ("0.1.0", Version::V0_1),
            ("0.1.9", Version::V0_1),
            ("0.2.3", Version::V0_2),
            ("0.3.1", Version::V0_3),
        ] {
            assert_eq!(Version::of(name), Some(version));
        }
        for name in ["0.4.0", "1.1.0", "0.10.0", "0.1", "none", ""] {
            assert_eq!(Version::of(name), None, "{name}");
        }
    }
}
