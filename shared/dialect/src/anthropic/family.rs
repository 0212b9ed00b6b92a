//! What Claude models understand, by their names.
//!
//! The makers of this dialect change what a request may hold with a model's version, and refuse the
//! older form. A name that is none of theirs is another provider's that speaks this dialect: it is
//! asked as the oldest are.
//! Source: Anthropic's migration guides of Claude 4.6, 4.7, 4.8 and 5, "Adaptive thinking",
//! "Structured outputs", "Mid-conversation system messages".

/// Lines whose thinking cannot be switched off.
const ALWAYS_THINKING: [&str; 2] = ["fable", "mythos"];

/// What is known of an upstream's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// Major and minor version; zero where it is none of Anthropic's models.
    version: (u32, u32),
    /// Whether its thinking cannot be switched off.
    pub(super) always_thinks: bool,
}

impl Family {
    /// Of a model's id as a JSON string, in any provider's spelling: `claude-opus-4-6`,
    /// `anthropic/claude-opus-4.6`, `claude-3-7-sonnet-20250219`, `claude-opus-4@20250514`.
    pub(super) fn of(model_json: &[u8]) -> Self {
        let name = String::from_utf8_lossy(model_json).to_ascii_lowercase();
        let Some((_, name)) = name.split_once("claude") else {
            return Self { version: (0, 0), always_thinks: false };
        };
        let always_thinks = ALWAYS_THINKING.iter().any(|line| name.contains(line));
        let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
        let major = words.by_ref().find_map(version_part);
        let minor = words.next().and_then(version_part).unwrap_or(0);
        let oldest = if always_thinks { 5 } else { 0 };
        Self { version: (major.unwrap_or(oldest), minor), always_thinks }
    }

    /// Whether it decides itself how much to think, and is told an effort instead of a budget.
    pub(super) fn thinks_adaptively(self) -> bool {
        self.version >= (4, 6)
    }

    /// Whether it thinks unless it is told not to.
    pub(super) fn thinks_by_default(self) -> bool {
        self.version >= (5, 0)
    }

    /// Whether its thoughts are shown only where that is asked for.
    pub(super) fn hides_thoughts(self) -> bool {
        self.version >= (4, 7)
    }

    /// Whether it refuses every temperature and its like.
    pub(super) fn fixes_sampling(self) -> bool {
        self.version >= (4, 7)
    }

    /// Whether it follows a schema to the letter.
    pub(super) fn follows_schemas(self) -> bool {
        self.version >= (4, 1)
    }

    /// Whether instructions may stand between its turns.
    pub(super) fn hears_system_later(self) -> bool {
        self.version >= (4, 8)
    }
}

/// A number of a version; dates are longer.
fn version_part(word: &str) -> Option<u32> {
    word.parse().ok().filter(|_| word.len() <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_every_spelling() {
        for (name, version) in [
            ("claude-opus-4-6", (4, 6)),
            ("anthropic/claude-opus-4.7", (4, 7)),
            ("claude-3-7-sonnet-20250219", (3, 7)),
            ("claude-opus-4-20250514", (4, 0)),
            ("claude-opus-4@20250514", (4, 0)),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (4, 5)),
            ("claude-sonnet-5", (5, 0)),
            ("claude-fable-5-2", (5, 2)),
            ("claude-mythos-preview", (5, 0)),
            ("deepseek-chat-4", (0, 0)),
        ] {
            let family = Family::of(format!("\"{name}\"").as_bytes());
            assert_eq!(family.version, version, "{name}");
            assert_eq!(family.always_thinks, name.contains("fable") || name.contains("mythos"));
        }
    }
}
