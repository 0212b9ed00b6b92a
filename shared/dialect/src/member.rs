//! Members of requests that every dialect reads alike.

use wire::Span;
use wire::json::{Member, ValueKind, members, u64_value, unescape};

use crate::intent::RequestFault;
use crate::session::{SESSION_BYTES_MAX, hash};

/// Longest model name that is looked up.
const MODEL_BYTES_MAX: usize = 256;
/// Members that are the gateway's alone, in whichever dialect they stand.
const OURS: [&str; 11] = [
    "provider",
    "routing",
    "models",
    "route",
    "allowed_models",
    "plugins",
    "transforms",
    "usage",
    "session_id",
    "trace",
    "debug",
];
/// Keys by which a request is priced or routed.
const DECIDING: [&str; 24] = [
    "model",
    "messages",
    "prompt",
    "input",
    "best_of",
    "echo",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "service_tier",
    "provider",
    "routing",
    "models",
    "route",
    "allowed_models",
    "tools",
    "modalities",
    "prediction",
    "reasoning",
    "web_search_options",
    "search_parameters",
    "enable_search",
];

/// Whether a member is the gateway's alone.
pub(crate) fn is_ours(key: &str) -> bool {
    OURS.contains(&key)
}

/// Whether a key spells `name`, whatever escapes it is written with.
pub(crate) fn spells(body: &[u8], key: Span, name: &str) -> bool {
    let raw = key.of(body);
    // No escape is shorter than what it stands for.
    raw == name.as_bytes()
        || (raw.len() > name.len()
            && raw.contains(&b'\\')
            && unescape(body, key).is_ok_and(|text| text == name))
}

pub(crate) fn string_of(object: &[u8], member: &Member) -> Option<String> {
    let text = (member.kind == ValueKind::String).then(|| unescape(object, member.content()))?;
    text.ok().map(|text| text.into_owned())
}

pub(crate) fn read_model(body: &[u8], member: &Member) -> Result<Box<str>, RequestFault> {
    match string_of(body, member) {
        Some(model) if !model.is_empty() && model.len() <= MODEL_BYTES_MAX => Ok(model.into()),
        Some(_) => Err(RequestFault::invalid(
            "model",
            format!("`model` must be a name of 1 to {MODEL_BYTES_MAX} bytes"),
        )),
        None => Err(RequestFault::invalid("model", "`model` must be a string")),
    }
}

pub(crate) fn read_bool(member: &Member, name: &'static str) -> Result<bool, RequestFault> {
    match member.kind {
        ValueKind::True => Ok(true),
        ValueKind::False | ValueKind::Null => Ok(false),
        _ => Err(RequestFault::invalid(name, format!("`{name}` must be true or false"))),
    }
}

pub(crate) fn read_text(
    body: &[u8],
    member: &Member,
    name: &'static str,
) -> Result<Option<Box<str>>, RequestFault> {
    if member.kind == ValueKind::Null {
        return Ok(None);
    }
    let text = string_of(body, member);
    let text =
        text.ok_or_else(|| RequestFault::invalid(name, format!("`{name}` must be a string")))?;
    Ok(Some(text.into()))
}

pub(crate) fn read_limit(
    body: &[u8],
    member: Option<&Member>,
    name: &'static str,
) -> Result<Option<u64>, RequestFault> {
    let Some(member) = member.filter(|member| member.kind != ValueKind::Null) else {
        return Ok(None);
    };
    match u64_value(member.value.of(body)) {
        Some(limit) if limit >= 1 && member.kind == ValueKind::Number => Ok(Some(limit)),
        _ => Err(RequestFault::invalid(name, format!("`{name}` must be a whole number from 1 on"))),
    }
}

/// Whether an object member holds `key` with the value true.
pub(crate) fn flag_in(body: &[u8], member: &Member, key: &str) -> bool {
    let object = member.value.of(body);
    member.kind == ValueKind::Object
        && members(object)
            .flatten()
            .any(|flag| flag.is(object, key) && flag.kind == ValueKind::True)
}

/// The kind that an object says it is of; `None` where it says nothing or two things, of which
/// readers take the first or the last.
pub(crate) fn kind_of(object: &[u8]) -> Option<String> {
    let mut kinds = members(object).flatten().filter(|member| is_like(object, member, "type"));
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return None };
    string_of(object, &kind)
}

/// Whether a key is `name` to readers that ignore case.
pub(crate) fn is_like(object: &[u8], member: &Member, name: &str) -> bool {
    unescape(object, member.key).is_ok_and(|key| key.eq_ignore_ascii_case(name))
}

/// A session that asks for the same endpoint as before.
pub(crate) fn read_session(body: &[u8], member: &Member) -> Result<Option<u64>, RequestFault> {
    let is_named = member.kind == ValueKind::String && member.content().len() <= SESSION_BYTES_MAX;
    if !is_named && member.kind != ValueKind::Null {
        let message = format!("`session_id` must be a string of at most {SESSION_BYTES_MAX} bytes");
        return Err(RequestFault::invalid("session_id", message));
    }
    Ok(named(body, member))
}

/// A number for what a member names; `None` where it names nothing.
pub(crate) fn named(body: &[u8], member: &Member) -> Option<u64> {
    let text = (member.kind == ValueKind::String).then(|| member.content().of(body))?;
    (!text.is_empty()).then(|| hash(text))
}

/// Refuses a key that some upstreams would read as one that is billed or routed by, though it is
/// not spelled so: readers that ignore case see a limit there that nobody priced.
pub(crate) fn refuse_look_alike(key: &[u8]) -> Result<(), RequestFault> {
    let is_like = |name: &str| name.as_bytes() != key && name.as_bytes().eq_ignore_ascii_case(key);
    let looked_like = DECIDING.iter().find(|name| is_like(name));
    looked_like.map_or(Ok(()), |name| {
        let key = String::from_utf8_lossy(key);
        Err(RequestFault::invalid(name, format!("`{key}` must be spelled `{name}`")))
    })
}
