//! What a call carries, read into checked types: bodies, queries, amounts, patches.
//!
//! Invariants: a body is bounded before it is read and declared as JSON; unknown and doubled
//! fields are errors that name the field; an amount is read from its text, never by way of a
//! float. Left out on purpose: defaults and meaning, which belong to the call.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use units::{UnixMillis, Usd};

use crate::refuse::Refusal;

/// The most that an ordinary body may be.
const BODY_BYTES: usize = 64 << 10;
/// The most that a whole catalog may be.
const CATALOG_BYTES: usize = 32 << 20;
/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// A JSON body of a call.
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body that may be left out.
pub(crate) struct MaybeBody<T>(pub(crate) T);

/// A JSON body that may be a whole catalog.
pub(crate) struct LargeBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        read_json(request, BODY_BYTES).await.map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let bytes = read(request, BODY_BYTES).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse_json(&bytes).map(Self) }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for LargeBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        read_json(request, CATALOG_BYTES).await.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, Refusal> {
    parse_json(&read(request, limit).await?)
}

async fn read(request: Request, limit: usize) -> Result<axum::body::Bytes, Refusal> {
    let declared = request.headers().get(header::CONTENT_TYPE);
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind == "application/json" || kind.ends_with("+json")
    };
    if !declared.is_none_or(|value| value.to_str().is_ok_and(is_json)) {
        return Err(Refusal::NotDeclaredJson);
    }
    let reading = axum::body::to_bytes(request.into_body(), limit);
    match tokio::time::timeout(BODY_WAIT, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Refusal::TooLarge { what: "the body", limit }),
        Err(_) => Err(Refusal::NotJson("it did not arrive in time".into())),
    }
}

/// Reads JSON; what is wrong in it is told with its field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        if !error.is_data() {
            return Refusal::NotJson(error.to_string());
        }
        named(error.to_string())
    })
}

/// A refusal of the field that a parser's message names.
fn named(message: String) -> Refusal {
    let names_field = ["unknown field", "missing field", "duplicate field"]
        .iter()
        .any(|beginning| message.contains(beginning));
    let quoted = message.split('`').nth(1).filter(|_| names_field);
    let param = quoted.unwrap_or_default().to_owned();
    Refusal::Invalid { message, param }
}

/// The query of a call; `key` is left to authentication.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| named(rejection.body_text()))
    }
}

/// An amount as `"12.5"` or `12.5`: read from its digits either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount(pub(crate) Usd);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        text.parse().map(Self).map_err(|error| {
            de::Error::custom(format!("{} is {error}: USD, as a decimal string", raw.get()))
        })
    }
}

/// An instant as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) UnixMillis);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        UnixMillis::parse_rfc3339(&text).map(Self).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is not an instant such as 2026-01-31T12:00:00Z"))
        })
    }
}

/// A field of a patch: left out it keeps what is there, `null` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Left out.
    #[default]
    Keep,
    /// Given as `null`.
    Clear,
    /// Given.
    Set(T),
}

impl<T> Change<T> {
    /// What stands after the change.
    pub fn over(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }

    /// The same change of another type.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(with(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        amount: Amount,
        #[serde(default)]
        limit: Change<Amount>,
    }

    #[test]
    fn amounts_are_read_from_their_digits() {
        let exact = Amount("0.1".parse().unwrap());
        for body in [r#"{"amount":"0.1"}"#, r#"{"amount":0.1}"#] {
            assert_eq!(parse_json::<Sample>(body.as_bytes()).unwrap().amount, exact);
        }
        for bad in ["1e3", "\"1e3\"", "[1]", "null", "true", "\"\""] {
            let body = format!(r#"{{"amount":{bad}}}"#);
            assert!(parse_json::<Sample>(body.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn left_out_null_and_given_are_three_things() {
        let read = |body: &str| parse_json::<Sample>(body.as_bytes()).unwrap().limit;
        assert_eq!(read(r#"{"amount":"1"}"#), Change::Keep);
        assert_eq!(read(r#"{"amount":"1","limit":null}"#), Change::Clear);
        assert_eq!(read(r#"{"amount":"1","limit":2}"#), Change::Set(Amount(Usd::from_dollars(2))));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let refusal = parse_json::<Sample>(br#"{"amount":"1","limti":1}"#).unwrap_err();
        assert_eq!(refusal.body()["error"]["param"], "limti");
        let refusal = parse_json::<Sample>(br#"{"amount":"1"} x"#).unwrap_err();
        assert_eq!(refusal.body()["error"]["code"], "invalid_json");
    }
}
