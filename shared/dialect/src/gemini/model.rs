//! What differs among Google's models, told by their names.
//!
//! Source: Gemini API, "Thinking" (budgets of 2.5, levels from 3 on, which of them can be off) and
//! "Thought signatures" (from 3 on a call without its proof is refused).

use serde::Serialize;

use crate::intent::UpstreamTerms;
use crate::prompt::{Effort, Reasoning};

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// How it is told to think.
    pub(super) thinking: Thinking,
    /// Whether a call must come back with its proof.
    pub(super) wants_proofs: bool,
    /// Whether it takes tools and a JSON shape in one request.
    pub(super) shapes_beside_tools: bool,
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It does not.
    Never,
    /// In so many tokens.
    Budget {
        /// The fewest, where it thinks.
        least: u64,
        /// The most.
        most: u64,
        /// Whether it can be off.
        can_be_off: bool,
    },
    /// By a word.
    Level {
        /// The least there is.
        least: &'static str,
        /// What comes closest to the middle.
        medium: &'static str,
    },
}

/// `thinkingConfig` as an upstream gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

impl Family {
    /// The family of a model, by its name as a JSON string.
    pub(super) fn of(model_json: &[u8]) -> Self {
        let name = String::from_utf8_lossy(model_json).to_ascii_lowercase();
        let name = name.trim_matches('"');
        let name = name.rsplit('/').next().unwrap_or(name);
        let Some(rest) = name.strip_prefix("gemini-") else {
            let thinking = match name.starts_with("gemma") {
                true => Thinking::Never,
                false => Thinking::Budget { least: 0, most: 24_576, can_be_off: true },
            };
            return Self { thinking, wants_proofs: false, shapes_beside_tools: true };
        };
        let version = rest.split('-').next().unwrap_or_default();
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        // A name without a number is the newest model's.
        let (major, minor) = (major.parse().unwrap_or(u32::MAX), minor.parse().unwrap_or(0));
        Self {
            thinking: thinking_of(rest, (major, minor)),
            wants_proofs: major >= 3,
            shapes_beside_tools: major >= 3,
        }
    }

    /// What the model is told of thinking; `None` where nothing is to be said, or nothing can be.
    pub(super) fn config(self, reasoning: Reasoning, output_cap: u64) -> Option<ThinkingConfig> {
        let is_off = reasoning.effort == Effort::Off;
        let include_thoughts = (!is_off).then(|| reasoning.shown.unwrap_or(true));
        let plain =
            ThinkingConfig { include_thoughts, thinking_budget: None, thinking_level: None };
        match self.thinking {
            Thinking::Never => None,
            Thinking::Budget { least, most, can_be_off } => {
                let asked = reasoning.budget.filter(|_| !is_off);
                let asked = asked.unwrap_or_else(|| reasoning.effort.budget(output_cap));
                let room = most.min(output_cap.saturating_sub(1));
                let off_is_right = asked == 0 || room < least;
                let budget = match can_be_off && off_is_right {
                    true => 0,
                    false => asked.min(room).max(least),
                };
                // Thoughts of a model that does not think cannot be asked for.
                let include_thoughts = include_thoughts.filter(|_| budget > 0);
                Some(ThinkingConfig { thinking_budget: Some(budget), include_thoughts, ..plain })
            }
            Thinking::Level { least, medium } => {
                let level = match reasoning.effort {
                    Effort::Off | Effort::Minimal => least,
                    Effort::Low => "LOW",
                    Effort::Medium => medium,
                    Effort::High | Effort::Max => "HIGH",
                };
                Some(ThinkingConfig { thinking_level: Some(level), ..plain })
            }
        }
    }

    /// `thinkingConfig` as JSON for a model that is asked to think, where nobody says how hard.
    pub(super) fn thinking_as_usual(self, terms: &UpstreamTerms<'_>) -> Option<Vec<u8>> {
        let usual = Reasoning { effort: Effort::Medium, budget: None, shown: None };
        serde_json::to_vec(&self.config(usual, terms.output_cap)?).ok()
    }
}

/// How a model of this version is told to think; `rest` is its name behind `gemini-`.
fn thinking_of(rest: &str, (major, minor): (u32, u32)) -> Thinking {
    let has = |word: &str| rest.split('-').any(|part| part == word);
    match (major, minor) {
        // A name without a number: budgets are taken by every model that thinks.
        (u32::MAX, _) => {
            let can_be_off = !has("pro");
            Thinking::Budget { least: if can_be_off { 0 } else { 128 }, most: 24_576, can_be_off }
        }
        (..=1, _) | (2, ..=4) => Thinking::Never,
        (2, _) if has("pro") => Thinking::Budget { least: 128, most: 32_768, can_be_off: false },
        (2, _) if has("lite") => Thinking::Budget { least: 512, most: 24_576, can_be_off: true },
        (2, _) => Thinking::Budget { least: 0, most: 24_576, can_be_off: true },
        (3, 0) if has("pro") => Thinking::Level { least: "LOW", medium: "HIGH" },
        // The least level went away from the larger models behind 3.6.
        (3, ..=6) if has("flash") => Thinking::Level { least: "MINIMAL", medium: "MEDIUM" },
        (3, _) if has("lite") => Thinking::Level { least: "MINIMAL", medium: "MEDIUM" },
        _ => Thinking::Level { least: "LOW", medium: "MEDIUM" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(model: &str, effort: Effort, cap: u64) -> String {
        let asked = Reasoning { effort, budget: None, shown: None };
        let config = Family::of(format!("\"{model}\"").as_bytes()).config(asked, cap);
        serde_json::to_string(&config).unwrap()
    }

    #[test]
    fn none_is_off_wherever_the_model_can_be_off_and_the_least_elsewhere() {
        for (model, off) in [
            ("gemini-2.5-flash", r#"{"thinkingBudget":0}"#),
            ("google/gemini-2.5-flash-lite", r#"{"thinkingBudget":0}"#),
            ("gemini-2.5-pro", r#"{"thinkingBudget":128}"#),
            ("models/gemini-3-flash-preview", r#"{"thinkingLevel":"MINIMAL"}"#),
            ("gemini-3-pro-preview", r#"{"thinkingLevel":"LOW"}"#),
            ("gemini-3.1-pro-preview", r#"{"thinkingLevel":"LOW"}"#),
            ("gemini-2.0-flash", "null"),
            ("gemma-3-27b-it", "null"),
            ("gemini-flash-latest", r#"{"thinkingBudget":0}"#),
        ] {
            assert_eq!(told(model, Effort::Off, 8_000), off, "{model}");
        }
    }

    #[test]
    fn an_effort_is_a_budget_below_the_cap_or_a_level() {
        let shown = |config: &str| format!(r#"{{"includeThoughts":true,{config}}}"#);
        for (model, effort, cap, config) in [
            ("gemini-2.5-flash", Effort::Medium, 8_000, r#""thinkingBudget":4000"#),
            ("gemini-2.5-flash", Effort::Max, 100_000, r#""thinkingBudget":24576"#),
            ("gemini-2.5-pro", Effort::High, 900, r#""thinkingBudget":128"#),
            ("gemini-3-pro-preview", Effort::Medium, 9, r#""thinkingLevel":"HIGH""#),
            ("gemini-3.1-pro-preview", Effort::Medium, 9, r#""thinkingLevel":"MEDIUM""#),
            ("gemini-3-flash-preview", Effort::Max, 9, r#""thinkingLevel":"HIGH""#),
        ] {
            assert_eq!(told(model, effort, cap), shown(config), "{model}");
        }
        let no_room = told("gemini-2.5-flash", Effort::High, 900);
        assert_eq!(no_room, r#"{"thinkingBudget":0}"#);
    }

    #[test]
    fn proofs_are_wanted_from_the_third_generation_on() {
        for (model, wants) in [
            ("gemini-3-pro-preview", true),
            ("gemini-3.1-flash", true),
            ("gemini-pro-latest", true),
            ("gemini-2.5-pro", false),
            ("gemma-3-27b-it", false),
        ] {
            assert_eq!(Family::of(model.as_bytes()).wants_proofs, wants, "{model}");
        }
    }
}
