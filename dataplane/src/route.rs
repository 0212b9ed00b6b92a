//! Which of our paths a request names.
//!
//! The whole table of the public port stands here; what it does not know, and the account API,
//! the control plane answers.

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

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// A chat completion.
    Chat,
    /// The same for guests, who have no key.
    Guest,
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
        None => return Route::Unknown,
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
        "/v1/chat/completions" | "/api/v1/chat/completions" => (Route::Chat, "POST"),
        "/playground/v1/chat/completions" => (Route::Guest, "POST"),
        "/v1/quote" | "/api/v1/quote" => (Route::Quote, "POST"),
        "/v1/models" | "/api/v1/models" => (Route::Models, "GET"),
        "/v1/status/routes" => (Route::Routes, "GET"),
        "/health" => (Route::Health, "GET"),
        _ => return named_deeper(path),
    })
}

fn named_deeper(path: &str) -> Option<(Route<'_>, &'static str)> {
    if let Some(id) = path.strip_prefix("/v1/models/").filter(|id| !id.is_empty()) {
        return Some((Route::Model(id), "GET"));
    }
    if let Some(id) = path.strip_prefix("/api/v1/models/") {
        let id = id.strip_suffix("/endpoints").filter(|id| id.contains('/'))?;
        return Some((Route::Endpoints(id), "GET"));
    }
    let is_account = ACCOUNT_PREFIXES.iter().any(|prefix| path.starts_with(prefix));
    is_account.then_some((Route::Account, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods_find_their_route() {
        for (method, path, expected) in [
            (Method::Post, "/v1/chat/completions", Route::Chat),
            (Method::Post, "/api/v1/chat/completions", Route::Chat),
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
        ] {
            assert_eq!(route(method, path.as_bytes()), expected, "{method:?} {path}");
        }
    }
    #[test]
    fn whose_rules_hold_is_seen_by_the_path_alone() {
        assert_eq!(Surface::of(b"/api/v1/nothing"), Surface::OpenRouter);
        assert_eq!(Surface::of(b"/v1/chat/completions"), Surface::OpenAi);
        assert_eq!(Surface::of(b"/api/usage/summary"), Surface::OpenAi);
    }
}
