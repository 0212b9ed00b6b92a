//! Which of our paths a request names.
//!
//! The whole table of the public port stands here; what it does not know, and the account API,
//! the control plane answers.

use std::borrow::Cow;

use dialect::{ClientDialect, Framing};
use wire::head::Method;

/// Under whose rules an inference path answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `/v1`: OpenAI's own rules.
    OpenAi,
    /// `/api/v1`: OpenRouter's: usage always, our id, integer error codes.
    OpenRouter,
}

impl Surface {
    /// Whose rules hold for a path, one of ours or not.
    pub fn of(path: &[u8]) -> Self {
        if path.starts_with(b"/api/v1/") { Self::OpenRouter } else { Self::OpenAi }
    }
}

/// In whose words a path is answered, one of ours or not.
pub fn client_of(path: &[u8]) -> ClientDialect {
    if let Some(proxied) = proxied(path) {
        return proxied.client.unwrap_or_default();
    }
    let path = path.strip_prefix(b"/api").unwrap_or(path);
    let is_gemini = || path.starts_with(b"/v1beta") || gemini_call(path).is_some();
    match path {
        b"/v1/completions" => ClientDialect::Completions,
        b"/v1/embeddings" => ClientDialect::Embeddings,
        b"/v1/responses" => ClientDialect::Responses,
        b"/v1/extractions" => ClientDialect::Extraction,
        _ if path.starts_with(b"/v1/messages") => ClientDialect::Messages,
        _ if is_gemini() => ClientDialect::Gemini,
        _ => ClientDialect::Chat,
    }
}

/// What is asked of a model that the path names, which is Gemini's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeminiVerb {
    /// An answer at once.
    Generate,
    /// An answer in pieces.
    Stream,
    /// How many tokens a request counts.
    Count,
}

/// The model, as the path spells it, and what is asked of it: `…/models/{model}:{verb}`, where the
/// model may hold slashes and colons; a provider's own path may leave the version out.
pub fn gemini_call(path: &[u8]) -> Option<(&str, GeminiVerb)> {
    match proxied(path) {
        Some(proxied) => proxied.call,
        None => own_call(path),
    }
}

/// The same of a path of ours.
fn own_call(path: &[u8]) -> Option<(&str, GeminiVerb)> {
    let named = path.strip_prefix(b"/v1beta/").or_else(|| path.strip_prefix(b"/v1/"))?;
    call_of(named)
}

fn call_of(path: &[u8]) -> Option<(&str, GeminiVerb)> {
    let named = std::str::from_utf8(path.strip_prefix(b"models/")?).ok()?;
    let (model, verb) = named.rsplit_once(':')?;
    let verb = match verb {
        "generateContent" => GeminiVerb::Generate,
        "streamGenerateContent" => GeminiVerb::Stream,
        "countTokens" => GeminiVerb::Count,
        _ => return None,
    };
    (!model.is_empty()).then_some((model, verb))
}

/// A path of a provider's own API: `/{provider}/{path}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxied<'p> {
    /// The first segment: the id of a provider, if there is one.
    pub provider: &'p str,
    /// The dialect in which it asks for an answer of a model, if it does.
    pub client: Option<ClientDialect>,
    /// What it says itself of the model, where that is Gemini's.
    pub call: Option<(&'p str, GeminiVerb)>,
}

/// The path within a provider's API, where the first segment is none of ours.
pub fn proxied(path: &[u8]) -> Option<Proxied<'_>> {
    let path = path.strip_prefix(b"/")?;
    let (provider, path) = path.split_at(path.iter().position(|byte| *byte == b'/')?);
    let path = &path[1..];
    if provider.is_empty() || path.is_empty() || catalog::is_own_segment(provider) {
        return None;
    }
    let provider = std::str::from_utf8(provider).ok()?;
    let call = call_of(path.strip_prefix(b"v1beta/").unwrap_or(path));
    let call = call.filter(|(_, verb)| *verb != GeminiVerb::Count);
    let client = match path.strip_prefix(b"v1/").unwrap_or(path) {
        b"chat/completions" => Some(ClientDialect::Chat),
        b"completions" => Some(ClientDialect::Completions),
        b"embeddings" => Some(ClientDialect::Embeddings),
        b"messages" if path.starts_with(b"v1/") => Some(ClientDialect::Messages),
        _ => call.map(|_| ClientDialect::Gemini),
    };
    Some(Proxied { provider, client, call })
}

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// An answer of a model.
    Infer(ClientDialect),
    /// A chat completion for guests, who have no key.
    Guest,
    /// How many tokens a request counts.
    Count(ClientDialect),
    /// What a chat completion would cost, and where it would go.
    Quote,
    /// The list of models.
    Models,
    /// One model: its id.
    Model(&'p str),
    /// The endpoints of one model: `author/slug`.
    Endpoints(&'p str),
    /// How tiers can be had now.
    Routes,
    /// Liveness.
    Health,
    /// A CORS preflight.
    Preflight,
    /// The account API, answered by the control plane.
    Account,
    /// A path of a provider's own API, if there is a provider of that name.
    Proxy(Proxied<'p>),
    /// A path of ours with another method; the methods it has.
    WrongMethod(&'static str),
    /// A method nobody knows.
    UnknownMethod,
    /// Nothing of ours.
    Unknown,
}

/// Paths that begin so belong to the control plane.
const ACCOUNT_PREFIXES: [&str; 3] = ["/api/v1/", "/api/usage/", "/v1/billing/"];

/// Finds the route of a method and a path without its query.
pub fn route(method: Method, path: &[u8]) -> Route<'_> {
    if method == Method::Other {
        return Route::UnknownMethod;
    }
    if method == Method::Options {
        return Route::Preflight;
    }
    let Ok(path) = std::str::from_utf8(path) else { return Route::Unknown };
    let (found, methods) = match named(path) {
        Some(found) => found,
        None => return proxied(path.as_bytes()).map_or(Route::Unknown, Route::Proxy),
    };
    let fits = match method {
        Method::Get | Method::Head => methods.contains("GET"),
        Method::Post => methods.contains("POST"),
        _ => methods.is_empty(),
    };
    if fits || methods.is_empty() { found } else { Route::WrongMethod(methods) }
}

/// The route of a path, and its methods; no methods where the control plane decides.
fn named(path: &str) -> Option<(Route<'_>, &'static str)> {
    Some(match path {
        "/v1/chat/completions" | "/api/v1/chat/completions" => {
            (Route::Infer(ClientDialect::Chat), "POST")
        }
        "/v1/completions" => (Route::Infer(ClientDialect::Completions), "POST"),
        "/v1/embeddings" | "/api/v1/embeddings" => {
            (Route::Infer(ClientDialect::Embeddings), "POST")
        }
        "/v1/responses" | "/api/v1/responses" => (Route::Infer(ClientDialect::Responses), "POST"),
        "/v1/extractions" => (Route::Infer(ClientDialect::Extraction), "POST"),
        "/v1/messages" | "/api/v1/messages" => (Route::Infer(ClientDialect::Messages), "POST"),
        "/v1/messages/count_tokens" | "/api/v1/messages/count_tokens" => {
            (Route::Count(ClientDialect::Messages), "POST")
        }
        "/playground/v1/chat/completions" => (Route::Guest, "POST"),
        "/v1/quote" | "/api/v1/quote" => (Route::Quote, "POST"),
        "/v1/models" | "/api/v1/models" | "/v1beta/models" => (Route::Models, "GET"),
        "/v1/status/routes" => (Route::Routes, "GET"),
        "/health" => (Route::Health, "GET"),
        _ => return named_deeper(path),
    })
}

fn named_deeper(path: &str) -> Option<(Route<'_>, &'static str)> {
    if let Some((_, verb)) = own_call(path.as_bytes()) {
        let named = match verb {
            GeminiVerb::Generate | GeminiVerb::Stream => Route::Infer(ClientDialect::Gemini),
            GeminiVerb::Count => Route::Count(ClientDialect::Gemini),
        };
        return Some((named, "POST"));
    }
    let model = path.strip_prefix("/v1/models/").or_else(|| path.strip_prefix("/v1beta/models/"));
    if let Some(id) = model.filter(|id| !id.is_empty()) {
        return Some((Route::Model(id), "GET"));
    }
    if let Some(id) = path.strip_prefix("/api/v1/models/") {
        let id = id.strip_suffix("/endpoints").filter(|id| id.contains('/'))?;
        return Some((Route::Endpoints(id), "GET"));
    }
    let is_account = ACCOUNT_PREFIXES.iter().any(|prefix| path.starts_with(prefix));
    is_account.then_some((Route::Account, ""))
}

/// An id of a path as it was meant: some SDKs escape its slash. A `%` that begins no escape stands
/// for itself.
pub fn decoded(id: &str) -> Cow<'_, str> {
    if !id.contains('%') {
        return Cow::Borrowed(id);
    }
    let hex = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let (mut bytes, mut rest) = (Vec::with_capacity(id.len()), id.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => bytes.push(*first),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// How the events of a stream are parted that this path asks for.
pub fn framing(path: &[u8], query: Option<&[u8]>) -> Framing {
    let mut asked = query.unwrap_or_default().split(|byte| *byte == b'&');
    let is_array = matches!(gemini_call(path), Some((_, GeminiVerb::Stream)));
    if is_array && !asked.any(|pair| pair == b"alt=sse") {
        return Framing::Array { begun: false };
    }
    Framing::Events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods_find_their_route() {
        for (method, path, expected) in [
            (Method::Post, "/v1/chat/completions", Route::Infer(ClientDialect::Chat)),
            (Method::Post, "/api/v1/chat/completions", Route::Infer(ClientDialect::Chat)),
            (Method::Post, "/v1/responses", Route::Infer(ClientDialect::Responses)),
            (Method::Post, "/api/v1/messages", Route::Infer(ClientDialect::Messages)),
            (Method::Post, "/v1/extractions", Route::Infer(ClientDialect::Extraction)),
            (Method::Post, "/v1/messages/count_tokens", Route::Count(ClientDialect::Messages)),
            (Method::Post, "/v1beta/models/g:generateContent", Route::Infer(ClientDialect::Gemini)),
            (Method::Post, "/v1/models/a/b:c:countTokens", Route::Count(ClientDialect::Gemini)),
            (Method::Get, "/v1/models/g:generateContent", Route::WrongMethod("POST")),
            (Method::Get, "/v1beta/models", Route::Models),
            (Method::Get, "/v1beta/models/a/b", Route::Model("a/b")),
            (Method::Post, "/playground/v1/chat/completions", Route::Guest),
            (Method::Get, "/v1/chat/completions", Route::WrongMethod("POST")),
            (Method::Post, "/v1/quote", Route::Quote),
            (Method::Get, "/v1/status/routes", Route::Routes),
            (Method::Post, "/v1/status/routes", Route::WrongMethod("GET")),
            (Method::Get, "/v1/billing/status", Route::Account),
            (Method::Get, "/v1/models/a/b:free", Route::Model("a/b:free")),
            (Method::Get, "/v1/models/", Route::Unknown),
            (Method::Get, "/api/v1/models/a/b/endpoints", Route::Endpoints("a/b")),
            (Method::Get, "/api/v1/balance", Route::Account),
            (Method::Delete, "/api/v1/keys/x", Route::Account),
            (Method::Options, "/v1/anything", Route::Preflight),
            (Method::Other, "/v1/models", Route::UnknownMethod),
            (Method::Get, "/", Route::Unknown),
            (Method::Get, "/up", Route::Unknown),
            (Method::Get, "/up/", Route::Unknown),
            (Method::Post, "/v1/completions", Route::Infer(ClientDialect::Completions)),
            (Method::Post, "/api/v1/embeddings", Route::Infer(ClientDialect::Embeddings)),
            (Method::Post, "/V1/chat/completions", Route::Unknown),
            (Method::Post, "/admin/v1/chat/completions", Route::Unknown),
        ] {
            assert_eq!(route(method, path.as_bytes()), expected, "{method:?} {path}");
        }
    }

    #[test]
    fn a_path_behind_a_name_that_is_not_ours_is_a_providers() {
        for (path, client) in [
            ("v1/chat/completions", Some(ClientDialect::Chat)),
            ("chat/completions", Some(ClientDialect::Chat)),
            ("completions", Some(ClientDialect::Completions)),
            ("v1/embeddings", Some(ClientDialect::Embeddings)),
            ("v1/messages", Some(ClientDialect::Messages)),
            ("v1beta/models/g:generateContent", Some(ClientDialect::Gemini)),
            ("models/a/b:c:streamGenerateContent", Some(ClientDialect::Gemini)),
            ("messages", None),
            ("v1/messages/count_tokens", None),
            ("v1beta/models/g:countTokens", None),
            ("v1/audio/speech", None),
            ("v1/v1/chat/completions", None),
            ("v1/chat/completions/", None),
            ("../v1/chat/completions", None),
        ] {
            let whole = format!("/up/{path}");
            let Route::Proxy(proxied) = route(Method::Get, whole.as_bytes()) else { panic!() };
            assert_eq!((proxied.provider, proxied.client), ("up", client), "{path}");
            assert_eq!(client_of(whole.as_bytes()), client.unwrap_or_default());
        }
        let call = gemini_call(b"/g/v1beta/models/a%2Fb:streamGenerateContent");
        assert_eq!(call, Some(("a%2Fb", GeminiVerb::Stream)));
    }

    #[test]
    fn a_path_tells_the_dialect_of_its_answer() {
        for (path, expected) in [
            ("/v1/messages", ClientDialect::Messages),
            ("/api/v1/messages/batches", ClientDialect::Messages),
            ("/v1beta/nothing", ClientDialect::Gemini),
            ("/v1/models/a/b:streamGenerateContent", ClientDialect::Gemini),
            ("/v1/models/a/b", ClientDialect::Chat),
            ("/api/v1/responses", ClientDialect::Responses),
        ] {
            assert_eq!(client_of(path.as_bytes()), expected, "{path}");
        }
        let call = gemini_call(b"/v1beta/models/google%2Fg:free:streamGenerateContent");
        assert_eq!(call, Some(("google%2Fg:free", GeminiVerb::Stream)));
    }

    #[test]
    fn whose_rules_hold_is_seen_by_the_path_alone() {
        assert_eq!(Surface::of(b"/api/v1/nothing"), Surface::OpenRouter);
        assert_eq!(Surface::of(b"/v1/chat/completions"), Surface::OpenAi);
        assert_eq!(Surface::of(b"/api/usage/summary"), Surface::OpenAi);
    }

    #[test]
    fn escapes_of_an_id_are_undone_once() {
        for (id, expected) in [
            ("up/chat", "up/chat"),
            ("up%2Fchat%3afree", "up/chat:free"),
            ("a%252Fb", "a%2Fb"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decoded(id), expected);
        }
    }
}
