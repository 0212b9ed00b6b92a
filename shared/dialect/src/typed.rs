//! JSON values as typed Rust, with texts borrowed from the bytes that they stand in.
//!
//! Owns the few shapes in which dialects of JSON APIs differ from what serde derives: texts that
//! borrow where they have no escapes, and members that are a text or a list. Left out on purpose:
//! what any of it means.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::intent::RequestFault;
use crate::prompt::Source;

/// A text; it borrows inside of an `Option` too, where a bare `Cow` would be copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A text where one is expected and mostly stands; anything else is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lax<'a>(pub(crate) Option<Cow<'a, str>>);

/// A text, or a list of parts.
#[derive(Clone, Debug)]
pub(crate) enum Content<'a, P> {
    Text(Cow<'a, str>),
    Parts(Vec<P>),
}

/// The first item of a list; the others are passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First<T>(pub(crate) Option<T>);

/// A member's value, or whose fault it is that there is none.
pub(crate) fn value<'a, T: Deserialize<'a>>(
    name: &'static str,
    json: &'a [u8],
) -> Result<T, RequestFault> {
    serde_json::from_slice(json)
        .map_err(|fault| RequestFault::invalid(name, format!("`{name}`: {fault}")))
}

/// Where the bytes behind an address are: in the address itself, where it is a `data:` one;
/// `None` where it is neither that nor one of the web.
pub(crate) fn source_of(address: Cow<'_, str>) -> Option<Source<'_>> {
    let Some(rest) = address.strip_prefix("data:") else {
        let is_web = address.starts_with("https://") || address.starts_with("http://");
        return is_web.then_some(Source::Url(address));
    };
    let (head, _) = rest.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = media_type.split(';').next().unwrap_or_default();
    let (from, to) = ("data:".len(), "data:".len() + media_type.len());
    let bytes = "data:".len() + head.len() + 1;
    Some(match address {
        Cow::Borrowed(text) => {
            Source::Data { media_type: text[from..to].into(), data: text[bytes..].into() }
        }
        Cow::Owned(text) => Source::Data {
            media_type: text[from..to].to_owned().into(),
            data: text[bytes..].to_owned().into(),
        },
    })
}

/// The text that a raw value stands for: a string's content, and of anything else its JSON.
pub(crate) fn said(raw: &RawValue) -> Cow<'_, str> {
    let json = raw.get();
    match serde_json::from_str::<Text<'_>>(json) {
        Ok(text) => text.0,
        Err(_) => json.into(),
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> Lax<'a> {
    /// The text, unless it is empty.
    pub(crate) fn filled(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Lax<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Lax<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Lax(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Lax(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Lax(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Lax(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Lax(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Lax(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Lax(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lax(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Lax(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de: 'a, 'a, P: Deserialize<'de>> Deserialize<'de> for Content<'a, P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<'a, P>(PhantomData<(&'a (), P)>);
        impl<'de: 'a, 'a, P: Deserialize<'de>> Visitor<'de> for Either<'a, P> {
            type Value = Content<'a, P>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Head<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Head<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(First(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = seq.next_element()?;
                while first.is_some() && seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_any(Head(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_borrow_where_they_can() {
        let read = |json| serde_json::from_str::<Option<Text<'_>>>(json).unwrap().unwrap().0;
        assert!(matches!(read(r#""plain""#), Cow::Borrowed("plain")));
        assert!(matches!(read(r#""a\n""#), Cow::Owned(_)));
        let lax = |json| serde_json::from_str::<Lax<'_>>(json).unwrap().0;
        assert!(matches!(lax(r#""plain""#), Some(Cow::Borrowed("plain"))));
        for other in ["null", "1", "-1", "1.5", "true", "[1,[]]", r#"{"a":{}}"#] {
            assert_eq!(lax(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_may_hold_its_bytes() {
        let held = Source::Data { media_type: "image/png".into(), data: "QUJD".into() };
        assert_eq!(source_of("data:image/png;base64,QUJD".into()), Some(held.clone()));
        let owned = Cow::Owned("data:image/png;name=x;base64,QUJD".to_owned());
        assert_eq!(source_of(owned), Some(held));
        assert_eq!(source_of("https://a/b".into()), Some(Source::Url("https://a/b".into())));
        for none in ["ftp://a", "data:text/plain,hi", "data:x", ""] {
            assert_eq!(source_of(none.into()), None, "{none}");
        }
    }
}
