//! The request parameters that a model may understand or ignore, as a set in one word.
//!
//! What every endpoint of a dialect understands (`messages`, `stream`, the output limits, which the
//! gateway writes itself) is not among them. Names that are not known here may stand in a catalog
//! and are shown, but no request is routed by them.

/// A set of request parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parameters(u64);

/// The known names; a parameter's bit is its place. `reasoning` has three spellings, the tools
/// two, that are the same parameter.
const NAMES: [&str; 24] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "top_a",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "stop",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "structured_outputs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "verbosity",
    "prediction",
    "modalities",
    "audio",
    "web_search_options",
];

impl Parameters {
    /// No parameter.
    pub const NONE: Self = Self(0);
    /// Those that shape an answer so much that endpoints which understand them are asked first:
    /// `response_format`, `tools`, `verbosity`.
    pub const SHAPING: Self = Self(1 << 13 | 1 << 15 | 1 << 19);
    /// `reasoning`.
    pub const REASONING: Self = Self(1 << 18);

    /// The set of one named parameter; `None` where the name is not known.
    pub fn named(name: &str) -> Option<Self> {
        let name = match name {
            "reasoning_effort" | "include_reasoning" => "reasoning",
            "functions" => "tools",
            "function_call" => "tool_choice",
            other => other,
        };
        NAMES.iter().position(|known| *known == name).map(|place| Self(1 << place))
    }

    /// The set of the names that are known.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        names.into_iter().filter_map(Self::named).fold(Self::NONE, Self::with)
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in it.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The names in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 & 1 << bit != 0).map(|it| it.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_parameter_are_one() {
        let set = Parameters::of(["reasoning_effort", "tools", "reasoning", "unheard_of"]);
        assert_eq!(set.names().collect::<Vec<_>>(), ["tools", "reasoning"]);
        assert!(set.without(Parameters::of(["functions", "include_reasoning"])).is_empty());
        assert_eq!(Parameters::named("max_tokens"), None);
        let shaping: Vec<_> = Parameters::SHAPING.names().collect();
        assert_eq!(shaping, ["response_format", "tools", "verbosity"]);
        assert_eq!(Parameters::REASONING.names().collect::<Vec<_>>(), ["reasoning"]);
    }
}
