//! How a model is asked to think, to draw its words and to shape its answer.
//!
//! Some wishes exclude each other here: a model that thinks may not be forced to call a tool, and
//! draws its words as it likes. Then the one that decides what the answer is wins, and the other is
//! told as dropped.
//! Invariant: a budget is at least 1,024 tokens and below the output cap, or thinking is off.
//! Source: Anthropic API, "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs".

use super::family::Family;
use super::json::Object;
use crate::dropped::Dropped;
use crate::intent::{RequestFault, UpstreamTerms};
use crate::prompt::{Effort, PartKind, Prompt, Reasoning, Role, Shape, ToolChoice};
use crate::signature::of_maker;

/// The tool that stands for an answer in JSON, where a model follows no schema otherwise: what it
/// is called with is the answer.
pub(super) const ANSWER_TOOL: &str = "answer_in_json";
/// Least thinking tokens that may be asked for.
const BUDGET_MIN: u64 = 1_024;

/// How a model is asked to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// As it likes.
    Unsaid,
    /// Not at all.
    Off,
    /// In so many tokens at most.
    Budget {
        /// Below the output cap.
        tokens: u64,
        /// Whether the client sees it.
        shown: Option<bool>,
    },
    /// As hard as it is told.
    Adaptive {
        /// How hard.
        effort: Effort,
        /// Whether the client sees it.
        shown: Option<bool>,
    },
}

impl Thinking {
    /// What a prompt asks for, of this model, within these terms.
    pub(super) fn of(
        prompt: &Prompt<'_>,
        terms: &UpstreamTerms<'_>,
        family: Family,
        dropped: &mut Dropped,
    ) -> Result<Self, RequestFault> {
        let is_forced = forces_a_call(prompt);
        if is_forced && family.always_thinks {
            let message = "this model always thinks, and then cannot be made to call a tool; \
                give `auto` as the choice";
            return Err(RequestFault::unsupported("tool_choice", message));
        }
        let unasked = Reasoning { effort: Effort::Medium, budget: None, shown: None };
        let Some(asked) = prompt.reasoning.or(terms.thinks.then_some(unasked)) else {
            return Ok(if is_forced { Self::off(family) } else { Self::Unsaid });
        };
        if asked.effort == Effort::Off || asked.budget == Some(0) {
            if family.always_thinks {
                dropped.add("reasoning");
            }
            return Ok(Self::off(family));
        }
        let thinking = Self::asked(asked, family, terms.output_cap);
        let is_budget = matches!(thinking, Self::Budget { .. });
        if is_forced || (is_budget && has_lost_its_thoughts(prompt)) || thinking == Self::Unsaid {
            dropped.add("reasoning");
            return Ok(Self::off(family));
        }
        Ok(thinking)
    }

    /// How a model of this family is asked for it; unsaid where the cap leaves no room.
    pub(super) fn asked(asked: Reasoning, family: Family, output_cap: u64) -> Self {
        let Reasoning { effort, budget, shown } = asked;
        if family.thinks_adaptively() {
            let shown = shown.or(family.hides_thoughts().then_some(true));
            return Self::Adaptive { effort, shown };
        }
        let tokens = budget.unwrap_or(effort.budget(output_cap)).max(BUDGET_MIN);
        match tokens.min(output_cap.saturating_sub(1)) {
            tokens @ BUDGET_MIN.. => Self::Budget { tokens, shown },
            _ => Self::Unsaid,
        }
    }

    fn off(family: Family) -> Self {
        let has_switch = family.thinks_by_default() && !family.always_thinks;
        if has_switch { Self::Off } else { Self::Unsaid }
    }

    pub(super) const fn is_on(self) -> bool {
        matches!(self, Self::Budget { .. } | Self::Adaptive { .. })
    }

    /// Writes the value of `thinking`; nothing where it is unsaid.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (mut object, shown) = match self {
            Self::Unsaid => return,
            Self::Off => (Object::of("disabled", out), None),
            Self::Adaptive { shown, .. } => (Object::of("adaptive", out), shown),
            Self::Budget { tokens, shown } => {
                let mut object = Object::of("enabled", out);
                object.plain("budget_tokens", tokens);
                (object, shown.filter(|shown| !shown))
            }
        };
        if let Some(shown) = shown {
            object.text("display", if shown { "summarized" } else { "omitted" });
        }
        object.close();
    }

    /// The word for how hard, where it is said in one.
    pub(super) const fn effort(self) -> Option<&'static str> {
        let Self::Adaptive { effort, .. } = self else { return None };
        Some(match effort {
            Effort::Off | Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Max => "max",
        })
    }
}

/// Whether the prompt leaves the model no choice but to call a tool.
fn forces_a_call(prompt: &Prompt<'_>) -> bool {
    let forces = |choice: &ToolChoice<'_>| {
        matches!(
            choice,
            ToolChoice::Required
                | ToolChoice::Named(_)
                | ToolChoice::Allowed { required: true, .. }
        )
    };
    !prompt.tools.is_empty() && prompt.tool_choice.as_ref().is_some_and(forces)
}

/// Whether the model's last turn called tools without the thoughts that led to it: older models
/// refuse to think on from there.
fn has_lost_its_thoughts(prompt: &Prompt<'_>) -> bool {
    let last = prompt.turns.iter().rfind(|turn| turn.role == Role::Assistant);
    let Some(last) = last else { return false };
    let calls = last.parts.iter().any(|part| matches!(part.kind, PartKind::Call(_)));
    calls && !last.parts.iter().any(|part| is_own_thought(&part.kind))
}

/// Whether a part is a thought that an Anthropic model made, and can prove.
pub(super) fn is_own_thought(kind: &PartKind<'_>) -> bool {
    own_proof(kind).is_some()
}

/// The bare proof of such a thought.
pub(super) fn own_proof<'p>(kind: &'p PartKind<'_>) -> Option<&'p str> {
    let marked = match kind {
        PartKind::Thought { signature, .. } => signature.as_deref()?,
        PartKind::Redacted(data) => data,
        _ => return None,
    };
    of_maker(catalog::Dialect::Anthropic, marked).filter(|proof| !proof.is_empty())
}

/// How an answer is given its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shaping {
    /// It has none.
    Free,
    /// By its schema.
    Format,
    /// By a tool that must be called.
    Tool,
    /// By an instruction.
    Instruction,
}

impl Shaping {
    pub(super) fn of(prompt: &Prompt<'_>, family: Family, thinking: Thinking) -> Self {
        let schema = match &prompt.shape {
            Shape::Text => return Self::Free,
            Shape::Schema { .. } if family.follows_schemas() => return Self::Format,
            Shape::Json => None,
            Shape::Schema { schema, .. } => Some(schema.get()),
        };
        let thinks = thinking.is_on() || (family.thinks_by_default() && thinking != Thinking::Off);
        let is_object = schema.is_none_or(|schema| super::schema::is_of_object(schema.as_bytes()));
        if prompt.tools.is_empty() && !thinks && is_object { Self::Tool } else { Self::Instruction }
    }
}

/// Writes how words are drawn, as far as this model lets that be said.
pub(super) fn write_sampling(
    prompt: &Prompt<'_>,
    family: Family,
    thinking: Thinking,
    dropped: &mut Dropped,
    object: &mut Object<'_>,
) {
    /// Least `top_p` that goes with thinking.
    const TOP_P_MIN: f64 = 0.95;
    let sampling = &prompt.sampling;
    let is_fixed = family.fixes_sampling();
    let mut say = |name: &'static str, value: Option<String>, may: bool| match value {
        Some(value) if may => object.plain(name, value),
        Some(_) => dropped.add(name),
        None => {}
    };
    let is_free = !is_fixed && !thinking.is_on();
    let temperature = sampling.temperature.map(|it| it.clamp(0.0, 1.0).to_string());
    let is_narrow = |top_p: f64| is_free || top_p >= TOP_P_MIN;
    let may_top_p = !is_fixed && sampling.top_p.is_some_and(is_narrow);
    // One of the two, and the temperature is what is usually meant.
    let has_temperature = is_free && temperature.is_some();
    say("temperature", temperature, is_free);
    say("top_p", sampling.top_p.map(|it| it.to_string()), may_top_p && !has_temperature);
    say("top_k", sampling.top_k.map(|it| it.to_string()), is_free);
    say("presence_penalty", sampling.presence_penalty.map(|it| it.to_string()), false);
    say("frequency_penalty", sampling.frequency_penalty.map(|it| it.to_string()), false);
    say("seed", sampling.seed.map(|it| it.to_string()), false);
}
