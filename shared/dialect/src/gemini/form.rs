//! The pieces that requests and answers of this dialect have in common, read and written alike.
//!
//! Invariants: both spellings of a member are read (`inlineData`, `inline_data`), one spelling is
//! written, and a member in both spellings at once is no form at all; texts are borrowed where they
//! have no escapes; where a list is due one item alone is read as a list of it, as Google does.
//! Source: Gemini API reference, `Content`, `Part`, `FunctionCall`, `FunctionResponse`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A text that is borrowed wherever it stands, within an option too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a, T: Into<Cow<'a, str>>> From<T> for Text<'a> {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// A value that is passed on as it was written.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Json<'a>(pub(super) Cow<'a, RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|value| Self(Cow::Borrowed(value)))
    }
}

/// A list, or its one item alone.
#[derive(Clone, Debug)]
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for Many<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E>(self) -> Result<Many<T>, E> {
        Ok(Many::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|item| Many(vec![item]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Many<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Many(list))
    }
}

/// What one side says at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) parts: Many<Part<'a>>,
}

/// A part of it: one of the members from `text` on, except that `thought` and its proof go with
/// any.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought: Option<bool>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, alias = "inline_data", skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(borrow, alias = "file_data", skip_serializing)]
    pub(super) file_data: Option<FileData<'a>>,
    #[serde(borrow, alias = "function_call", skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(borrow, alias = "function_response", skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'a>>,
    #[serde(borrow, alias = "executable_code", skip_serializing)]
    pub(super) executable_code: Option<&'a RawValue>,
    #[serde(borrow, alias = "code_execution_result", skip_serializing)]
    pub(super) code_execution_result: Option<&'a RawValue>,
    #[serde(borrow, alias = "thought_signature", skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Text<'a>>,
}

impl<'a> Part<'a> {
    pub(super) fn text(text: impl Into<Text<'a>>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    pub(super) fn thought(text: impl Into<Text<'a>>) -> Self {
        Self { thought: Some(true), ..Self::text(text) }
    }

    pub(super) fn blob(mime_type: impl Into<Text<'a>>, data: impl Into<Text<'a>>) -> Self {
        let blob = Blob { mime_type: mime_type.into(), data: data.into() };
        Self { inline_data: Some(blob), ..Self::default() }
    }
}

/// Bytes, in base64.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow, default, alias = "mime_type")]
    pub(super) mime_type: Text<'a>,
    #[serde(borrow, default)]
    pub(super) data: Text<'a>,
}

/// Bytes elsewhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(borrow, default, alias = "mime_type")]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow, default, alias = "file_uri")]
    pub(super) file_uri: Text<'a>,
}

/// The model calls a tool.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) args: Option<Json<'a>>,
}

/// What a tool gave back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<Json<'a>>,
    /// Pictures and files that belong to it.
    #[serde(borrow, default, skip_serializing)]
    pub(super) parts: Many<Part<'a>>,
}
