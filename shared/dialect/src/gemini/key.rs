//! The keys of this dialect: each member has two spellings, and no other counts.
//!
//! Source: ProtoJSON, which Google's services speak: a member is named in camelCase, or as in its
//! schema, in snake_case.

use wire::Span;
use wire::json::unescape;

use crate::intent::RequestFault;

/// The member that a key names, if it is one of `names` (in camelCase).
///
/// # Errors
/// The key only looks like one: readers that ignore case would see what nobody priced.
pub(super) fn named(
    body: &[u8],
    key: Span,
    names: &[&'static str],
) -> Result<Option<&'static str>, RequestFault> {
    let text = unescape(body, key).unwrap_or_default();
    if let Some(name) = names.iter().find(|name| text == **name) {
        return Ok(Some(name));
    }
    let Some(name) = names.iter().find(|name| folds_like(&text, name)) else { return Ok(None) };
    if text == snake_case(name) {
        return Ok(Some(name));
    }
    Err(RequestFault::invalid(name, format!("`{text}` must be spelled `{name}`")))
}

/// The fault of a member that stands in both spellings.
pub(super) fn twice(name: &'static str) -> RequestFault {
    let message = format!("`{name}` and `{}` are the same; give one of them", snake_case(name));
    RequestFault::invalid(name, message)
}

/// Whether a key is `name` in either spelling.
pub(super) fn is(key: &str, name: &str) -> bool {
    key == name || key == snake_case(name)
}

/// Whether two spellings differ in letter case and low lines alone.
fn folds_like(text: &str, name: &str) -> bool {
    let folded = |text: &str| {
        let bytes = text.bytes().filter(|byte| *byte != b'_');
        bytes.map(|byte| byte.to_ascii_lowercase()).collect::<Vec<u8>>()
    };
    text.len() >= name.len() && folded(text) == folded(name)
}

fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_count_and_others_are_refused() {
        let read = |key: &str| {
            named(key.as_bytes(), Span::new(0, key.len()), &["maxOutputTokens", "seed"])
        };
        for key in ["maxOutputTokens", "max_output_tokens", "max_output_token\\u0073"] {
            assert_eq!(read(key), Ok(Some("maxOutputTokens")), "{key}");
        }
        for key in ["maxoutputtokens", "MaxOutputTokens", "max_outputTokens", "_seed", "SEED"] {
            assert!(read(key).is_err(), "{key}");
        }
        for key in ["maxOutput", "seeds", ""] {
            assert_eq!(read(key), Ok(None), "{key}");
        }
    }
}
