//! OpenAI embeddings: inputs become vectors, in one whole answer.
//!
//! Invariants: of the body nothing changes on its way but the model's name, and members that are
//! the gateway's alone; of the answer nothing but the model's name.
//! Source: OpenAI API reference, "Create embeddings".

use wire::gate::TopLevel;
use wire::json::unescape;
use wire::splice::Edits;

use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::plain::PlainReader;

/// Most inputs of a request (OpenAI's own bound).
const INPUTS_MAX: u64 = 2048;

/// Reads a gated request.
///
/// # Errors
/// The client's fault.
pub fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Box<Intent>, RequestFault> {
    let mut reader = PlainReader::new(ClientDialect::Embeddings, body);
    for member in top.iter() {
        let key = unescape(body, member.key).unwrap_or_default();
        match key.as_bytes() {
            b"input" => reader.take_inputs(member, "input", INPUTS_MAX)?,
            other => reader.take(other, member)?,
        }
    }
    if reader.intent.stream {
        let message = "embeddings come in one answer; leave `stream` out";
        return Err(RequestFault::unsupported("stream", message));
    }
    reader.finish(top, "input")
}

/// Writes the body that the upstream gets.
pub fn write_upstream(intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    let mut edits = Edits::new();
    let places = &intent.places;
    match places.model {
        Some(model) => edits.replace(model, terms.model_json),
        None => edits.insert("model", terms.model_json),
    }
    for member in &places.private {
        edits.remove(member);
    }
    edits.apply(body, places.object, out);
}

#[cfg(test)]
mod tests {
    use wire::gate::{Gate, GateLimits};

    use super::*;

    fn read(body: &str) -> Result<Box<Intent>, RequestFault> {
        let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
        read_intent(&top, body.as_bytes())
    }

    #[test]
    fn inputs_of_every_form_are_counted() {
        for (input, count, tokens, token_bytes) in [
            (r#""hello""#, 1, 0, 0),
            (r#"["a", "bc"]"#, 2, 0, 0),
            ("[1, 2, 300000]", 1, 3, 14),
            ("[[1,2],[3], [4]]", 3, 4, 11),
        ] {
            let body = format!(r#"{{"model":"m","input":{input},"dimensions":8}}"#);
            let read = read(&body).unwrap().input;
            assert_eq!((read.inputs, read.tokens), (count, tokens), "{input}");
            assert_eq!(read.text_bytes, body.len() as u64 - token_bytes, "{input}");
        }
    }

    #[test]
    fn what_is_no_input_names_itself() {
        let many = format!("[{}]", vec!["\"x\""; 2049].join(","));
        for input in ["7", "[]", "[[]]", "[1, \"a\"]", "[\"a\", [1]]", "[1.5]", "[-1]", "{}", &many]
        {
            let fault = read(&format!(r#"{{"model":"m","input":{input}}}"#)).unwrap_err();
            assert_eq!((fault.param, fault.unsupported), (Some("input"), false), "{input}");
        }
        for (body, param) in [
            (r#"{"model":"m"}"#, "input"),
            (r#"{"input":"x"}"#, "model"),
            (r#"{"model":"m","Input":"x"}"#, "input"),
            (r#"{"model":"m","input":"x","stream":true}"#, "stream"),
        ] {
            assert_eq!(read(body).unwrap_err().param, Some(param), "{body}");
        }
    }

    #[test]
    fn only_the_models_name_and_what_is_ours_changes() {
        let body = r#" {"input":[ "x" ],"model":"a/b","user":"u","provider":{"zdr":true},"encoding_format":"base64","max_tokens":1} "#;
        let terms = UpstreamTerms {
            dialect: catalog::Dialect::OpenAi,
            model_json: b"\"up\"",
            output_cap: 0,
            cap_as_completion_tokens: true,
            stream_usage: true,
            thinks: false,
        };
        let mut out = Vec::new();
        write_upstream(&read(body).unwrap(), body.as_bytes(), &terms, &mut out);
        let expected = r#"{"input":[ "x" ],"model":"up","user":"u","encoding_format":"base64","max_tokens":1}"#;
        assert_eq!(String::from_utf8(out).unwrap().trim(), expected);
    }
}
