//! How a client of each dialect asks, and what it reads out of an answer.
//!
//! Read with nothing of the gateway's own: plain JSON, as the providers document it.

use sandbox::Billed;
use serde_json::{Value, json};
use tollgate_tests::client::Answer;

/// A client's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Chat,
    Responses,
    Messages,
    Gemini,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) stream: bool,
    pub(crate) cap: u64,
    pub(crate) thinks: bool,
}

/// What a client reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    pub(crate) finish: String,
    pub(crate) model: String,
    pub(crate) usage: Counts,
    /// The error that ended a stream, whole.
    pub(crate) error: Option<Value>,
}

/// A usage, in terms that all dialects have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) written: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

impl Client {
    pub(crate) const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Gemini];

    pub(crate) fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Gemini if stream => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// The body that says `text`.
    pub(crate) fn body(self, model: &str, text: &str, ask: Ask) -> Value {
        let Ask { stream, cap, thinks } = ask;
        let said = json!([{ "role": "user", "content": text }]);
        let (mut body, thinking) = match self {
            Self::Chat => (
                json!({ "model": model, "messages": said, "max_completion_tokens": cap,
                    "stream": stream, "stream_options": { "include_usage": true } }),
                json!({ "reasoning_effort": "low" }),
            ),
            Self::Responses => (
                json!({ "model": model, "input": said, "max_output_tokens": cap,
                    "stream": stream }),
                json!({ "reasoning": { "effort": "low" } }),
            ),
            Self::Messages => (
                json!({ "model": model, "messages": said, "max_tokens": cap, "stream": stream }),
                json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }),
            ),
            Self::Gemini => {
                let config = match thinks {
                    true => json!({ "maxOutputTokens": cap, "thinkingConfig":
                        { "thinkingBudget": 1024, "includeThoughts": true } }),
                    false => json!({ "maxOutputTokens": cap }),
                };
                let said = json!([{ "role": "user", "parts": [{ "text": text }] }]);
                (json!({ "contents": said, "generationConfig": config }), json!({}))
            }
        };
        if self == Self::Chat && !stream {
            body.as_object_mut().unwrap().remove("stream_options");
        }
        if thinks {
            body.as_object_mut().unwrap().extend(thinking.as_object().unwrap().clone());
        }
        body
    }

    /// Reads an answer, whole or streamed.
    pub(crate) fn hear(self, answer: &Answer, stream: bool) -> Heard {
        let parts = if stream { events(answer) } else { vec![answer.json()] };
        let mut heard = Heard::default();
        for part in &parts {
            match self {
                Self::Chat => heard.add_chat(part),
                Self::Responses => heard.add_responses(part),
                Self::Messages => heard.add_messages(part),
                Self::Gemini => heard.add_gemini(part),
            }
        }
        heard
    }

    /// The word for an answer that was cut at its limit.
    pub(crate) const fn cut(self) -> &'static str {
        match self {
            Self::Chat => "length",
            Self::Responses => "max_output_tokens",
            Self::Messages => "max_tokens",
            Self::Gemini => "MAX_TOKENS",
        }
    }
}

impl Counts {
    /// What a provider billed.
    pub(crate) const fn of(billed: &Billed) -> Self {
        Self {
            input: billed.prompt,
            cached: billed.cached,
            written: billed.cache_write + billed.cache_write_1h,
            output: billed.completion,
            reasoning: billed.reasoning,
        }
    }
}

/// The JSON of a stream's events; the end mark is none.
pub(crate) fn events(answer: &Answer) -> Vec<Value> {
    let events = answer.events();
    let events = events.iter().filter(|event| *event != "[DONE]");
    events.map(|event| serde_json::from_str(event).unwrap()).collect()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

impl Heard {
    fn say(&mut self, text: &Value) {
        self.text.push_str(text.as_str().unwrap_or_default());
    }

    fn add_chat(&mut self, part: &Value) {
        if part.get("error").is_some() {
            self.error = Some(part.clone());
            return;
        }
        part["model"].as_str().unwrap().clone_into(&mut self.model);
        let choice = &part["choices"][0];
        self.say(&choice["delta"]["content"]);
        self.say(&choice["message"]["content"]);
        if let Some(finish) = choice["finish_reason"].as_str() {
            finish.clone_into(&mut self.finish);
        }
        if let Some(usage) = part.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Counts {
                input: count(&usage["prompt_tokens"]),
                cached: count(&usage["prompt_tokens_details"]["cached_tokens"]),
                written: count(&usage["prompt_tokens_details"]["cache_write_tokens"]),
                output: count(&usage["completion_tokens"]),
                reasoning: count(&usage["completion_tokens_details"]["reasoning_tokens"]),
            };
        }
    }

    fn add_responses(&mut self, part: &Value) {
        match part["type"].as_str() {
            Some("response.output_text.delta") => return self.say(&part["delta"]),
            Some("error" | "response.failed") => return self.error = Some(part.clone()),
            Some("response.completed" | "response.incomplete") | None => {}
            Some(_) => return,
        }
        let response = part.get("response").unwrap_or(part);
        if part.get("response").is_none() {
            for item in response["output"].as_array().unwrap() {
                item["content"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .for_each(|it| self.say(&it["text"]));
            }
        }
        response["model"].as_str().unwrap().clone_into(&mut self.model);
        let reason = response["incomplete_details"]["reason"].as_str();
        reason.unwrap_or("stop").clone_into(&mut self.finish);
        let usage = &response["usage"];
        self.usage = Counts {
            input: count(&usage["input_tokens"]),
            cached: count(&usage["input_tokens_details"]["cached_tokens"]),
            written: count(&usage["input_tokens_details"]["cache_write_tokens"]),
            output: count(&usage["output_tokens"]),
            reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
        };
    }

    fn add_messages(&mut self, part: &Value) {
        if part["type"] == "error" {
            self.error = Some(part.clone());
            return;
        }
        let message = part.get("message").unwrap_or(part);
        if let Some(model) = message["model"].as_str() {
            model.clone_into(&mut self.model);
        }
        for block in message["content"].as_array().into_iter().flatten() {
            self.say(&block["text"]);
        }
        self.say(&part["delta"]["text"]);
        let ended = if part["type"] == "message_delta" { &part["delta"] } else { part };
        if let Some(finish) = ended["stop_reason"].as_str() {
            finish.clone_into(&mut self.finish);
            let usage = &part["usage"];
            let (cached, written) =
                (&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]);
            self.usage.output = count(&usage["output_tokens"]);
            self.usage.reasoning = count(&usage["output_tokens_details"]["thinking_tokens"]);
            if usage.get("input_tokens").is_some() {
                self.usage.cached = count(cached);
                self.usage.written = count(written);
                self.usage.input = count(&usage["input_tokens"]) + count(cached) + count(written);
            }
        } else if let Some(usage) = part["message"].get("usage") {
            let (cached, written) =
                (&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]);
            self.usage.cached = count(cached);
            self.usage.written = count(written);
            self.usage.input = count(&usage["input_tokens"]) + count(cached) + count(written);
        }
    }

    fn add_gemini(&mut self, part: &Value) {
        if part.get("error").is_some() {
            self.error = Some(part.clone());
            return;
        }
        if let Some(model) = part["modelVersion"].as_str() {
            model.clone_into(&mut self.model);
        }
        let candidate = &part["candidates"][0];
        for said in candidate["content"]["parts"].as_array().into_iter().flatten() {
            if said["thought"] != true {
                self.say(&said["text"]);
            }
        }
        if let Some(finish) = candidate["finishReason"].as_str() {
            finish.clone_into(&mut self.finish);
        }
        if let Some(usage) = part.get("usageMetadata") {
            let thoughts = count(&usage["thoughtsTokenCount"]);
            self.usage = Counts {
                input: count(&usage["promptTokenCount"]),
                cached: count(&usage["cachedContentTokenCount"]),
                written: 0,
                output: count(&usage["candidatesTokenCount"]) + thoughts,
                reasoning: thoughts,
            };
        }
    }
}
