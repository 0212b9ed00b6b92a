//! Uses at random, and how each dialect would tell them: written by hand from the providers' own
//! words, so that a reader's mistake meets a second opinion.

use dialect::{MessagesUsage, Usage, UsageFault, chat_usage, gemini_usage, responses_usage};
use serde_json::{Map, Value, json};
use units::TokenClass::{
    AudioInput, AudioOutput, CacheRead, CacheWrite, CacheWrite1h, ImageInput, ImageOutput, Input,
    Output, Reasoning, Search,
};
use units::{TokenClass, Tokens};

use crate::dice::Dice;

/// A use, and the objects by which a provider tells it.
#[derive(Debug)]
pub(crate) struct Told {
    pub truth: Tokens,
    dialect: Dialect,
    objects: Vec<Value>,
}

#[derive(Clone, Copy, Debug)]
enum Dialect {
    Chat { cache_included: bool },
    Responses,
    Messages,
    Gemini,
}

const OPENAI: [TokenClass; 9] = [
    Input,
    CacheRead,
    CacheWrite,
    AudioInput,
    ImageInput,
    Output,
    Reasoning,
    AudioOutput,
    ImageOutput,
];
const ANTHROPIC: [TokenClass; 7] =
    [Input, CacheRead, CacheWrite, CacheWrite1h, Output, Reasoning, Search];
const GOOGLE: [TokenClass; 8] =
    [Input, CacheRead, AudioInput, ImageInput, Output, Reasoning, AudioOutput, ImageOutput];

impl Told {
    /// One use in each dialect; inputs often lie close to one of `sizes`.
    pub(crate) fn in_every_dialect(dice: &mut Dice, sizes: &[u64]) -> Vec<Self> {
        vec![
            Self::chat(dice, sizes),
            Self::deepseek(dice, sizes),
            Self::relayed(dice, sizes),
            Self::responses(dice, sizes),
            Self::messages(dice, sizes),
            Self::gemini(dice, sizes),
        ]
    }

    /// What the gateway makes of it.
    pub(crate) fn read(&self) -> Result<Usage, UsageFault> {
        let texts: Vec<String> = self.objects.iter().map(Value::to_string).collect();
        let last = texts.last().expect("an object").as_bytes();
        match self.dialect {
            Dialect::Chat { cache_included } => chat_usage(last, cache_included),
            Dialect::Responses => responses_usage(last, true),
            Dialect::Gemini => gemini_usage(last),
            Dialect::Messages => {
                let mut usage = MessagesUsage::default();
                texts.iter().try_for_each(|text| usage.read(text.as_bytes()))?;
                usage.usage()
            }
        }
    }

    fn chat(dice: &mut Dice, sizes: &[u64]) -> Self {
        let truth = truth(dice, sizes, &OPENAI);
        let cache_included = dice.coin();
        let cache = truth[CacheRead] + truth[CacheWrite];
        let prompt = truth.input_total() - if cache_included { 0 } else { cache };
        // Some leave the reasoning out of the completion, and the total shows it.
        let is_apart = cache_included && dice.coin();
        let completion = truth.output_total() - if is_apart { truth[Reasoning] } else { 0 };
        let total = prompt + truth.output_total();
        let mut object = json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "prompt_tokens_details": input_details(&truth),
            "completion_tokens_details": output_details(&truth),
        });
        if !is_apart && dice.coin() {
            object["total_tokens"].take();
        }
        Self { truth, dialect: Dialect::Chat { cache_included }, objects: vec![object] }
    }

    fn deepseek(dice: &mut Dice, sizes: &[u64]) -> Self {
        let truth = truth(dice, sizes, &[Input, CacheRead, Output, Reasoning]);
        let mut object = json!({
            "completion_tokens": truth.output_total(),
            "prompt_cache_hit_tokens": truth[CacheRead],
            "prompt_cache_miss_tokens": truth[Input],
            "completion_tokens_details": { "reasoning_tokens": truth[Reasoning] },
        });
        if dice.coin() {
            object["prompt_tokens"] = truth.input_total().into();
        }
        let dialect = Dialect::Chat { cache_included: dice.coin() };
        Self { truth, dialect, objects: vec![object] }
    }

    /// Anthropic behind a relay, in the words of both.
    fn relayed(dice: &mut Dice, sizes: &[u64]) -> Self {
        let truth = truth(dice, sizes, &ANTHROPIC[..6]);
        let cache_included = dice.coin();
        let written = truth[CacheWrite] + truth[CacheWrite1h];
        let cache = if cache_included { 0 } else { truth[CacheRead] + written };
        let object = json!({
            "prompt_tokens": truth.input_total() - cache,
            "completion_tokens": truth.output_total(),
            "completion_tokens_details": { "reasoning_tokens": truth[Reasoning] },
            "cache_read_input_tokens": truth[CacheRead],
            "cache_creation_input_tokens": written,
            "cache_creation": { "ephemeral_1h_input_tokens": truth[CacheWrite1h] },
        });
        Self { truth, dialect: Dialect::Chat { cache_included }, objects: vec![object] }
    }

    fn responses(dice: &mut Dice, sizes: &[u64]) -> Self {
        let truth = truth(dice, sizes, &OPENAI);
        let (input, output) = (truth.input_total(), truth.output_total());
        let object = json!({
            "input_tokens": input, "input_tokens_details": input_details(&truth),
            "output_tokens": output, "output_tokens_details": output_details(&truth),
            "total_tokens": input + output,
        });
        Self { truth, dialect: Dialect::Responses, objects: vec![object] }
    }

    /// One object, or a beginning and what it grew to.
    fn messages(dice: &mut Dice, sizes: &[u64]) -> Self {
        let truth = truth(dice, sizes, &ANTHROPIC);
        let written = truth[CacheWrite] + truth[CacheWrite1h];
        // What has no lifetime of its own lived five minutes.
        let five = dice.up_to(truth[CacheWrite]);
        let input = json!({
            "input_tokens": truth[Input],
            "cache_read_input_tokens": truth[CacheRead],
            "cache_creation_input_tokens": written,
            "cache_creation": {
                "ephemeral_5m_input_tokens": five,
                "ephemeral_1h_input_tokens": truth[CacheWrite1h],
            },
        });
        let output = json!({
            "output_tokens": truth[Output] + truth[Reasoning],
            "output_tokens_details": { "thinking_tokens": truth[Reasoning] },
            "server_tool_use": { "web_search_requests": truth[Search] },
        });
        let objects = if dice.coin() {
            vec![joined(&[&input, &output])]
        } else {
            let some = dice.up_to(truth[Output] + truth[Reasoning]);
            let begun = joined(&[&input, &json!({ "output_tokens": some })]);
            let grown = if dice.coin() { joined(&[&output, &input]) } else { output };
            vec![begun, grown]
        };
        Self { truth, dialect: Dialect::Messages, objects }
    }

    fn gemini(dice: &mut Dice, sizes: &[u64]) -> Self {
        let truth = truth(dice, sizes, &GOOGLE);
        let tool = dice.up_to(truth[Input]);
        let prompt = truth.input_total() - tool;
        // Of the cached part, some was sound and some was images.
        let cached_audio = dice.up_to(truth[CacheRead]);
        let cached_image = dice.up_to(truth[CacheRead] - cached_audio);
        let cached_text = truth[CacheRead] - cached_audio - cached_image;
        let candidates = truth.output_total() - truth[Reasoning];
        let mut object = json!({
            "promptTokenCount": prompt,
            "totalTokenCount": truth.input_total() + truth.output_total(),
            "promptTokensDetails": by_modality(&[
                ("TEXT", truth[Input] - tool + cached_text),
                ("AUDIO", truth[AudioInput] + cached_audio),
                ("IMAGE", truth[ImageInput] + cached_image),
            ]),
            "cacheTokensDetails": by_modality(&[
                ("TEXT", cached_text), ("AUDIO", cached_audio), ("IMAGE", cached_image),
            ]),
            "candidatesTokensDetails": by_modality(&[
                ("TEXT", truth[Output]), ("AUDIO", truth[AudioOutput]),
                ("IMAGE", truth[ImageOutput]),
            ]),
        });
        // A count of zero is left out.
        for (name, count) in [
            ("cachedContentTokenCount", truth[CacheRead]),
            ("candidatesTokenCount", candidates),
            ("thoughtsTokenCount", truth[Reasoning]),
            ("toolUsePromptTokenCount", tool),
        ] {
            if count > 0 {
                object[name] = count.into();
            }
        }
        Self { truth, dialect: Dialect::Gemini, objects: vec![object] }
    }
}

/// Counts of these classes; some zero, some small, some as large as models go.
fn truth(dice: &mut Dice, sizes: &[u64], classes: &[TokenClass]) -> Tokens {
    let mut tokens = Tokens::ZERO;
    for class in classes {
        let most = *dice.one_of(&[0, 3, 900, 40_000, 300_000]);
        tokens[*class] = dice.up_to(most);
    }
    if !sizes.is_empty() && dice.coin() {
        // Just at a size, or one token beside it.
        let aim = dice.one_of(sizes) + dice.up_to(2) - 1;
        let others = tokens.input_total() - tokens[Input];
        tokens[Input] = aim.saturating_sub(others);
    }
    tokens
}

fn input_details(truth: &Tokens) -> Value {
    json!({
        "cached_tokens": truth[CacheRead], "cache_write_tokens": truth[CacheWrite],
        "audio_tokens": truth[AudioInput], "image_tokens": truth[ImageInput],
    })
}

fn output_details(truth: &Tokens) -> Value {
    json!({
        "reasoning_tokens": truth[Reasoning], "audio_tokens": truth[AudioOutput],
        "image_tokens": truth[ImageOutput], "accepted_prediction_tokens": 1,
    })
}

fn by_modality(counts: &[(&str, u64)]) -> Value {
    let told = counts.iter().filter(|(_, count)| *count > 0);
    told.map(|(name, count)| json!({ "modality": name, "tokenCount": count })).collect()
}

fn joined(objects: &[&Value]) -> Value {
    let members = objects.iter().flat_map(|object| object.as_object().expect("an object").clone());
    Value::Object(members.collect::<Map<_, _>>())
}
