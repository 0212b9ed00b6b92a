//! What the gateway says itself in an answer of this dialect, where the provider leaves it unsaid:
//! the usage, the end of an answer that was cut, and members of its own.
//!
//! Left out on purpose: text. No word of a model is ever made up here.

use std::io::Write;

use serde::Serialize;
use units::{TokenClass, Tokens, Usd};

/// What every chunk of one answer repeats.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The answer's id as a JSON string.
    pub id_json: &'a [u8],
    /// The model's name as a JSON string.
    pub model_json: &'a [u8],
    /// Whether it is a legacy completion, whose choices hold a bare `text`.
    pub is_plain: bool,
}

impl Label<'_> {
    /// Appends the chunk that ends an answer at its limit.
    pub fn write_cut(&self, out: &mut Vec<u8>) {
        self.open(out);
        self.write_choice(br#""length""#, out);
    }

    /// Appends the chunk that tells the usage.
    pub fn write_usage(&self, tokens: &Tokens, out: &mut Vec<u8>) {
        self.open(out);
        out.extend_from_slice(br#""choices":[]}"#);
        add_usage(tokens, out);
    }

    /// Appends a chunk that says nothing, to carry members of its own.
    pub fn write_silent(&self, out: &mut Vec<u8>) {
        self.open(out);
        self.write_choice(b"null", out);
    }

    fn write_choice(&self, finish: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(br#""choices":[{"index":0,"#);
        let text: &[u8] =
            if self.is_plain { br#""text":"","logprobs":null"# } else { br#""delta":{}"# };
        out.extend_from_slice(text);
        out.extend_from_slice(br#","finish_reason":"#);
        out.extend_from_slice(finish);
        out.extend_from_slice(b"}]}");
    }

    fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        out.extend_from_slice(self.id_json);
        let object = if self.is_plain { "text_completion" } else { "chat.completion.chunk" };
        out.extend_from_slice(br#","object":""#);
        out.extend_from_slice(object.as_bytes());
        out.extend_from_slice(br#"","created":0,"model":"#);
        out.extend_from_slice(self.model_json);
        out.push(b',');
    }
}

/// Adds the usage to the object that ends `out`, which has other members and none of that name.
pub fn add_usage(tokens: &Tokens, out: &mut Vec<u8>) {
    if !reopen(out) {
        return;
    }
    let (input, output) = (tokens.input_total(), tokens.output_total());
    let cached = tokens[TokenClass::CacheRead];
    let written = tokens[TokenClass::CacheWrite].saturating_add(tokens[TokenClass::CacheWrite1h]);
    let total = input.saturating_add(output);
    let reasoning = tokens[TokenClass::Reasoning];
    // Writing into a vector does not fail.
    let _ = write!(out, r#","usage":{{"prompt_tokens":{input},"completion_tokens":{output},"#,);
    let _ = write!(
        out,
        r#""total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":{cached},"#,
    );
    let _ = write!(out, r#""cache_write_tokens":{written}}},"#);
    let _ = write!(out, r#""completion_tokens_details":{{"reasoning_tokens":{reasoning}}}}}}}"#);
}

/// Adds to the usage that ends the object at the end of `out` what it costs here, and at the
/// provider where a customer's own key served.
pub fn add_cost(here: Usd, provider: Option<Usd>, out: &mut Vec<u8>) {
    if !out.ends_with(b"}}") {
        return;
    }
    out.truncate(out.len() - 2);
    // Writing into a vector does not fail.
    let _ = write!(out, r#","cost":{here},"is_byok":{}"#, provider.is_some());
    if let Some(provider) = provider {
        let _ = write!(out, r#","cost_details":{{"upstream_inference_cost":{provider}}}"#);
    }
    out.extend_from_slice(b"}}");
}

/// Adds a member to the object that ends `out`, which has other members and none of that name.
pub fn add_member(name: &str, value: &impl Serialize, out: &mut Vec<u8>) {
    if !reopen(out) {
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    // Writing into a vector does not fail, and the gateway's own values can all be written.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'}');
}

/// Takes the brace off the object that ends `out`, with what is blank behind it; false where none
/// does.
fn reopen(out: &mut Vec<u8>) -> bool {
    out.truncate(out.trim_ascii_end().len());
    out.pop_if(|last| *last == b'}').is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{Usage, chat_usage, openai_chat::Answer};

    #[test]
    fn a_usage_that_was_made_reads_back_as_its_tokens() {
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = 7;
        tokens[TokenClass::CacheRead] = 5;
        tokens[TokenClass::CacheWrite] = 3;
        tokens[TokenClass::Output] = 11;
        tokens[TokenClass::Reasoning] = 2;
        let mut chunk = Vec::new();
        let label = Label { id_json: b"\"i\"", model_json: b"\"a/b\"", is_plain: false };
        label.write_usage(&tokens, &mut chunk);
        let answer = Answer::read(&chunk).unwrap();
        assert!(answer.is_usage_only());
        let usage = answer.usage_object().unwrap();
        assert_eq!(chat_usage(usage.of(&chunk), true), Ok(Usage { tokens, is_odd: false }));
        let value: Value = serde_json::from_slice(&chunk).unwrap();
        assert_eq!((&value["id"], &value["model"]), (&"i".into(), &"a/b".into()));
        assert_eq!(value["usage"]["total_tokens"], 28);
    }

    #[test]
    fn a_usage_is_added_at_the_end_of_an_answer() {
        let mut answer = b"x{\"id\":1} \n".to_vec();
        add_usage(&Tokens::ZERO, &mut answer);
        assert!(answer.starts_with(b"x{\"id\":1,\"usage\":{\"prompt_tokens\":0,"));
        assert!(serde_json::from_slice::<Value>(&answer[1..]).is_ok());
    }

    #[test]
    fn a_member_is_added_to_an_object_and_to_nothing_else() {
        let mut answer = b"data: {\"id\":1 }\n".to_vec();
        add_member("route", &serde_json::json!({ "a": "\"" }), &mut answer);
        add_member("status", &"done", &mut answer);
        let expected = r#"data: {"id":1 ,"route":{"a":"\""},"status":"done"}"#;
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
        let mut other = b"[1]".to_vec();
        add_member("x", &1, &mut other);
        assert_eq!(other, b"[1]");
    }

    #[test]
    fn what_an_answer_costs_stands_in_the_usage() {
        let mut answer = b"{\"id\":1}".to_vec();
        add_usage(&Tokens::ZERO, &mut answer);
        add_cost(Usd::from_pico(5), Some(Usd::from_dollars(2)), &mut answer);
        let usage = serde_json::from_slice::<Value>(&answer).unwrap()["usage"].clone();
        assert_eq!((&usage["is_byok"], usage["cost"].as_f64()), (&true.into(), Some(5e-12)));
        assert_eq!(usage["cost_details"]["upstream_inference_cost"], 2);
        let mut answer = b"{\"usage\":{\"a\":1}}".to_vec();
        add_cost(Usd::from_pico(7), None, &mut answer);
        let told = r#"{"usage":{"a":1,"cost":0.000000000007,"is_byok":false}}"#;
        assert_eq!(String::from_utf8(answer).unwrap(), told);
    }

    #[test]
    fn an_answer_that_was_cut_says_so() {
        let mut chunk = Vec::new();
        for is_plain in [false, true] {
            chunk.clear();
            Label { id_json: b"\"i\"", model_json: b"\"m\"", is_plain }.write_cut(&mut chunk);
            assert_eq!(Answer::read(&chunk).unwrap().finish, crate::Finish::Length);
            let value: Value = serde_json::from_slice(&chunk).unwrap();
            assert_eq!(value["choices"][0].get("text").is_some(), is_plain, "{value}");
        }
    }
}
