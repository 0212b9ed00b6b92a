//! Which message may follow which: every call is answered right after it, and nothing else is.

use serde::Deserialize;

use super::read::Message;
use crate::ask::{Refused, refused};

const ROLES: [&str; 5] = ["developer", "system", "user", "assistant", "tool"];
/// Longest name of a tool.
const NAME_MAX: usize = 64;

#[derive(Debug, Deserialize)]
struct Call {
    id: String,
    function: Option<Called>,
}

#[derive(Debug, Deserialize)]
struct Called {
    name: String,
    #[serde(rename = "arguments")]
    _arguments: String,
}

/// Checks roles, calls and their results.
pub(super) fn check(messages: &[Message<'_>]) -> Result<(), Refused> {
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        let role = &*message.role;
        if !ROLES.contains(&role) {
            return Err(wrong(format!("{role:?} is no role")));
        }
        if role == "tool" {
            let id = message.tool_call_id.as_deref();
            let id = id.ok_or_else(|| wrong("a tool message needs a tool_call_id".into()))?;
            let place = open.iter().position(|open| open == id).ok_or_else(|| {
                wrong(format!("the tool message for {id:?} follows no call of that id"))
            })?;
            open.swap_remove(place);
            continue;
        }
        unanswered(&open)?;
        open = match message.tool_calls {
            Some(calls) if role == "assistant" => called(calls.get())?,
            _ => Vec::new(),
        };
    }
    unanswered(&open)
}

fn called(calls: &str) -> Result<Vec<String>, Refused> {
    let not_understood = |error| wrong(format!("tool_calls are not understood: {error}"));
    let calls: Vec<Call> = serde_json::from_str(calls).map_err(not_understood)?;
    let name = |call: &Call| call.function.as_ref().map(|function| function.name.clone());
    if let Some(name) = calls.iter().filter_map(name).find(|name| !is_name(name)) {
        return Err(wrong(format!("the called name {name:?} does not match the pattern")));
    }
    Ok(calls.into_iter().map(|call| call.id).collect())
}

fn unanswered(open: &[String]) -> Result<(), Refused> {
    match open.is_empty() {
        true => Ok(()),
        false => Err(wrong(format!(
            "an assistant message with tool_calls must be followed by tool messages; these ids \
             have none: {}",
            open.join(", ")
        ))),
    }
}

/// Whether a tool may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(known)
}

fn wrong(message: String) -> Refused {
    refused(message, Some("messages"))
}
