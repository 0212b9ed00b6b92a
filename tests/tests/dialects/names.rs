//! A tool whose name its provider would refuse is called under an alias, and told under its name.

use serde_json::{Value, json};

use crate::shop::{open, pairs, send};
use crate::speech::{Ask, Client};

/// Longer than OpenAI takes, and with letters that it does not.
const TOOL: &str = "mcp.some-server.that-has-a-long-name/and_a_tool_with_an_even_longer_name";

fn with_tool(client: Client, model: &str, stream: bool) -> Value {
    let ask = Ask { stream, cap: 400, thinks: false };
    let mut body = client.body(model, "Use the tool.", ask);
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let more = match client {
        Client::Chat => json!({ "tool_choice": "required", "tools": [
            { "type": "function", "function": { "name": TOOL, "parameters": schema } }] }),
        Client::Responses => json!({ "tool_choice": "required", "tools": [
            { "type": "function", "name": TOOL, "parameters": schema }] }),
        Client::Messages => json!({ "tool_choice": { "type": "any" }, "tools": [
            { "name": TOOL, "input_schema": schema }] }),
        Client::Gemini => json!({
            "tools": [{ "functionDeclarations": [{ "name": TOOL, "parameters": schema }] }],
            "toolConfig": { "functionCallingConfig": { "mode": "ANY" } } }),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn a_tool_that_its_provider_cannot_name_is_called_by_its_name() {
    let stand = open();
    for (client, model) in pairs() {
        let is_relayed = matches!(
            (client, model),
            (Client::Chat, "o/chat") | (Client::Messages, "a/chat") | (Client::Gemini, "g/chat")
        );
        for stream in [false, true].into_iter().filter(|_| !is_relayed) {
            let body = with_tool(client, model, stream);
            let answer = send(&stand, &client.path(model, stream), &body);
            let case = format!("{client:?} to {model}, stream {stream}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{case}");
            let sent = stand.upstream.last_body().to_string();
            assert!(!sent.contains(TOOL) && sent.contains("mcp_some-server_"), "{sent}");
            assert!(answer.text().contains(TOOL), "{case}");
            assert!(!answer.text().contains("mcp_some-server_"), "{case}");
        }
    }
}
