//! What differs from model to model, told by the name, and from version to version.
//!
//! Names that are no generation's behave as the oldest: everything is accepted. Source: the
//! provider's notes on its models and versions, as of November 2026.

use crate::ask::{Refused, refused};

/// A version of the interface, from the header `anthropic-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `2023-06-01`, and the one before.
    First,
    /// `2026-10-21`, which takes no sampling parameters.
    Second,
}

impl Version {
    pub(crate) fn of(header: Option<&str>) -> Result<Self, Refused> {
        match header {
            None => Err(refused("anthropic-version: header is required", None)),
            Some("2023-06-01" | "2023-01-01") => Ok(Self::First),
            Some("2026-10-21") => Ok(Self::Second),
            Some(other) => {
                Err(refused(format!("anthropic-version: {other:?} is not a valid version"), None))
            }
        }
    }
}

/// What a model accepts, and what it does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    /// Whether a conversation may end with the beginning of an answer.
    pub prefill: bool,
    /// Whether sampling may be anything but usual, and thinking have a budget.
    pub tuned: bool,
    /// Whether a message may have the role `system`.
    pub system_turns: bool,
    /// Whether it thinks when nobody says so.
    pub thinks: bool,
    /// Whether it may be told not to think.
    pub may_rest: bool,
    /// Whether thoughts are told when nobody says so.
    pub shows: bool,
}

const FIRST: Model = Model {
    prefill: true,
    tuned: true,
    system_turns: false,
    thinks: false,
    may_rest: true,
    shows: true,
};
const NO_PREFILL: Model = Model { prefill: false, ..FIRST };
const ADAPTIVE: Model = Model { tuned: false, shows: false, ..NO_PREFILL };
const FIFTH: Model = Model { system_turns: true, thinks: true, ..ADAPTIVE };
const LATEST: Model = Model { may_rest: false, ..FIFTH };

/// The model of a name; the first row that the name holds is its.
pub(super) fn of(name: &str) -> Model {
    let rows = [
        ("opus-5-5", LATEST),
        ("sonnet-5-5", LATEST),
        ("haiku-5-5", LATEST),
        ("fable-5-", LATEST),
        ("mythos-5-", LATEST),
        ("sonnet-5", ADAPTIVE),
        ("opus-5", FIFTH),
        ("fable-5", FIFTH),
        ("mythos-5", FIFTH),
        ("opus-4-8", Model { system_turns: true, ..ADAPTIVE }),
        ("opus-4-7", ADAPTIVE),
        ("-4-6", NO_PREFILL),
    ];
    // Some write the revision after a dot.
    let name = name.to_ascii_lowercase().replace('.', "-");
    rows.iter().find(|(part, _)| name.contains(part)).map_or(FIRST, |(_, model)| *model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_generation() {
        for (name, model) in [
            ("claude", FIRST),
            ("claude-sonnet-4-5-20250929", FIRST),
            ("claude-sonnet-4.6", NO_PREFILL),
            ("anthropic/claude-opus-4-7", ADAPTIVE),
            ("claude-opus-5", FIFTH),
            ("claude-haiku-5-5", LATEST),
        ] {
            assert_eq!(of(name), model, "{name}");
        }
    }
}
