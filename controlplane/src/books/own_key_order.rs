//! What a write of an own provider key asks for.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use units::KeyDigest;

use crate::receive::Change;
use crate::settings::Secret;

/// A provider's key as a call gives it. What is wrong with it is told without it.
#[derive(Clone)]
pub struct KeyText(pub(crate) Secret);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = serde_json::from_str::<String>(raw.get());
        text.map(|text| Self(Secret::new(text))).map_err(|_| de::Error::custom("key is a text"))
    }
}

/// The body that makes an own key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnKeyOrder {
    /// The provider, by id.
    pub provider: String,
    /// Its key.
    pub key: KeyText,
    /// What its owner calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// Tried only after the shared keys.
    #[serde(default)]
    pub is_fallback: bool,
    /// No shared key of the provider is used beside it.
    #[serde(default)]
    pub always_use: bool,
    /// Switched off from the beginning.
    #[serde(default)]
    pub disabled: bool,
    /// Its place among the account's keys for the provider; the last where left out.
    #[serde(default)]
    pub sort_order: Option<u32>,
    /// The only models it is for.
    #[serde(default)]
    pub allowed_models: Option<Vec<String>>,
    /// The only API keys that may use it.
    #[serde(default)]
    pub allowed_api_key_hashes: Option<Vec<KeyDigest>>,
    /// Always null: accounts have no users.
    #[serde(default, deserialize_with = "only_null")]
    pub allowed_user_ids: (),
    /// Always null: accounts have no workspaces.
    #[serde(default, deserialize_with = "only_null")]
    pub workspace_id: (),
}

/// The body that changes one: left out keeps, `null` clears.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnKeyPatch {
    /// Another key in its place.
    #[serde(default)]
    pub key: Option<KeyText>,
    /// What its owner calls it.
    #[serde(default)]
    pub name: Change<String>,
    /// Tried only after the shared keys.
    #[serde(default)]
    pub is_fallback: Option<bool>,
    /// No shared key of the provider is used beside it.
    #[serde(default)]
    pub always_use: Option<bool>,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// Its place among the account's keys for the provider.
    #[serde(default)]
    pub sort_order: Option<u32>,
    /// The only models it is for.
    #[serde(default)]
    pub allowed_models: Change<Vec<String>>,
    /// The only API keys that may use it.
    #[serde(default)]
    pub allowed_api_key_hashes: Change<Vec<KeyDigest>>,
    /// Always null: accounts have no users.
    #[serde(default, deserialize_with = "only_null")]
    pub allowed_user_ids: (),
}

fn only_null<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    let given = Option::<de::IgnoredAny>::deserialize(from)?;
    let what = "allowed_user_ids and workspace_id are null: an account has neither here";
    given.map_or(Ok(()), |_| Err(de::Error::custom(what)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::parse_json;

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_it() {
        let told = |body: &str| parse_json::<OwnKeyOrder>(body.as_bytes()).unwrap_err().to_string();
        assert!(!told(r#"{"provider":"p","key":4242424242}"#).contains("4242"));
        assert!(!told(r#"{"provider":"p","key":["sk-secret"]}"#).contains("secret"));
        let order = parse_json::<OwnKeyOrder>(br#"{"provider":"p","key":"sk-secret"}"#).unwrap();
        assert!(!format!("{order:?}").contains("secret"));
        assert!(told(r#"{"provider":"p","key":"k","allowed_user_ids":["u"]}"#).contains("null"));
    }
}
