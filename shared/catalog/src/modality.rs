//! What goes into a model and what comes out, as a set in one byte.
//!
//! Invariants: a name is known or refused; an empty set does not compile.

use std::fmt;

/// A set of modalities.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Modalities(u8);

impl Modalities {
    /// Text.
    pub const TEXT: Self = Self(1);
    /// Images.
    pub const IMAGE: Self = Self(2);
    /// Audio.
    pub const AUDIO: Self = Self(4);
    /// Files, such as PDF.
    pub const FILE: Self = Self(8);
    /// Video.
    pub const VIDEO: Self = Self(16);
    /// All of them.
    pub const ALL: Self = Self(31);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::TEXT, "text"),
        (Self::IMAGE, "image"),
        (Self::AUDIO, "audio"),
        (Self::FILE, "file"),
        (Self::VIDEO, "video"),
    ];

    /// The set of one named modality.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(set, _)| set)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(one, _)| self.has(*one)).map(|(_, name)| name)
    }
}

impl fmt::Debug for Modalities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_from_its_names() {
        let set = Modalities::TEXT.with(Modalities::AUDIO);
        let read =
            set.names().filter_map(Modalities::named).fold(Modalities::default(), |a, b| a.with(b));
        assert_eq!(read, set);
        assert!(!set.has(Modalities::IMAGE) && set.without(set).is_empty());
        assert_eq!(Modalities::named("smell"), None);
    }
}
