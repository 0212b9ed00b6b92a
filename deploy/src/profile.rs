//! Brand profiles: how the gateway behaves towards customers, in a file.
//!
//! The one that sets nothing, `plain`, is the default. Left out: what the planes do with it.

mod plans;
mod terms;

use std::collections::BTreeMap;
use std::path::Path;

use catalog::compile::parse_multiplier;
use serde::Deserialize;

use crate::config::Mistake;
use crate::config::text::{line_at, with_remedy};

/// The profiles that ship with the binary, by name.
const SHIPPED: [(&str, &str); 5] = [
    ("plain", include_str!("../profiles/plain.toml")),
    ("corouter", include_str!("../profiles/corouter.toml")),
    ("cpen", include_str!("../profiles/cpen.toml")),
    ("openrouter", include_str!("../profiles/openrouter.toml")),
    ("arouter", include_str!("../profiles/arouter.toml")),
];
/// The longest beginning of a key.
const PREFIX_BYTES: usize = 32;
/// The longest beginning of the members that tell an answer's route.
const METADATA_BYTES: usize = 32;

/// What a profile decides in each of the planes.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// In the control plane.
    pub control: controlplane::Profile,
    /// In data planes.
    pub brand: dataplane::Brand,
}

/// A profile file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    price_multiplier: Option<String>,
    key_prefix: Option<String>,
    management_key_prefix: Option<String>,
    metadata_prefix: Option<String>,
    error_detail: bool,
    credit: terms::Raw,
    byok: terms::RawByok,
    limits: plans::RawLimits,
    plan: BTreeMap<String, plans::RawLimits>,
    free: Option<plans::RawFree>,
    playground: Option<plans::RawPlayground>,
}

/// Whether a name is that of a profile of ours, not of a file.
pub fn is_shipped(name: &str) -> bool {
    SHIPPED.iter().any(|(known, _)| *known == name)
}

/// Reads the profile of a name or of a file.
///
/// # Errors
/// There is none, or it holds a mistake.
pub fn read(name: &str) -> Result<Profile, Mistake> {
    let shipped = SHIPPED.iter().find(|(known, _)| *known == name);
    let text = match shipped {
        Some((_, text)) => (*text).to_owned(),
        None => std::fs::read_to_string(Path::new(name)).map_err(|fault| {
            let names: Vec<&str> = SHIPPED.iter().map(|(known, _)| *known).collect();
            let names = names.join(", ");
            Mistake(format!(
                "profile {name:?}: neither one of ours nor a file ({fault}); use one of {names}, \
                 or the path of a profile file"
            ))
        })?,
    };
    parse(name, &text)
}

fn parse(name: &str, text: &str) -> Result<Profile, Mistake> {
    let raw: Raw = toml::from_str(text).map_err(|fault| {
        let line = fault.span().map_or(1, |span| line_at(text, span.start));
        Mistake(format!("{name}:{line}: {}", with_remedy(fault.message())))
    })?;
    checked(name, raw).map_err(|why| Mistake(format!("{name}: {why}")))
}

/// The profile that a file makes, or what is wrong with it and what would be right.
fn checked(name: &str, mut raw: Raw) -> Result<Profile, String> {
    let mut control = controlplane::Profile { name: name.to_owned(), ..Default::default() };
    if let Some(multiplier) = &raw.price_multiplier {
        control.multiplier = parse_multiplier(multiplier).ok_or_else(|| {
            let remedy = "price_multiplier is a decimal such as \"0.2\"";
            format!("{multiplier:?} is not a multiplier; {remedy}")
        })?;
    }
    if let Some(given) = raw.key_prefix.take() {
        control.live_prefix = prefix("key_prefix", given)?;
    }
    if let Some(given) = raw.management_key_prefix.take() {
        control.management_prefix = prefix("management_key_prefix", given)?;
    }
    control.error_detail = raw.error_detail;
    control.terms = raw.credit.checked().map_err(|why| format!("[credit] {why}"))?;
    control.terms.byok = raw.byok.checked().map_err(|why| format!("[byok] {why}"))?;
    let metadata_prefix = raw.metadata_prefix.take().map(metadata_prefix).transpose()?;
    let brand = dataplane::Brand { metadata_prefix, error_detail: raw.error_detail };
    let Raw { limits, plan, free, playground, .. } = raw;
    control.plans = plans::Raw { limits, plan, free, playground }.checked()?;
    Ok(Profile { control, brand })
}

/// What keys may begin with: it goes into header fields and, with a name in front, into logs.
fn prefix(key: &str, given: String) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=PREFIX_BYTES).contains(&given.len()) && given.bytes().all(is_plain) {
        return Ok(given);
    }
    let remedy = format!("use 1 to {PREFIX_BYTES} letters, digits, - and _");
    Err(format!("{key}: {given:?} cannot begin a key; {remedy}"))
}

/// What members of an answer may begin with: no escape is needed in it, and none of the dialect's
/// own members is hidden by it.
fn metadata_prefix(given: String) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=METADATA_BYTES).contains(&given.len()) && given.bytes().all(is_plain) {
        return Ok(given);
    }
    let remedy = format!("use 1 to {METADATA_BYTES} small letters, digits and _");
    Err(format!("metadata_prefix: {given:?} cannot begin a member's name; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_reads() {
        for (name, _) in SHIPPED {
            assert!(read(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_metadata_prefix_begins_a_members_name() {
        let brand = |text: &str| parse("x", text).map(|profile| profile.brand.metadata_prefix);
        assert_eq!(brand("metadata_prefix = \"cpen\"").unwrap().as_deref(), Some("cpen"));
        assert_eq!(brand("").unwrap(), None);
        for wrong in ["", "a-b", "A", "\\\"", &"x".repeat(33)] {
            assert!(brand(&format!("metadata_prefix = \"{wrong}\"")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_multiplier_is_exact() {
        let profile = parse("x", "price_multiplier = \"0.2\"").unwrap().control;
        assert_eq!(profile.multiplier.0 * 5, profile.multiplier.1);
        assert!(parse("x", "price_multiplier = \"a fifth\"").is_err());
        let Mistake(mistake) = parse("x.toml", "\nunknown = 1").unwrap_err();
        assert!(mistake.starts_with("x.toml:2: unknown field `unknown`"), "{mistake}");
    }

    #[test]
    fn a_key_begins_with_what_can_stand_in_a_field() {
        for wrong in ["", "cr ", "cr\\n", "\u{e9}-", &"x".repeat(33)] {
            assert!(parse("x", &format!("key_prefix = \"{wrong}\"")).is_err(), "{wrong}");
        }
        let both = parse("x", "key_prefix = \"a-\"\nmanagement_key_prefix = \"b_\"").unwrap();
        assert_eq!((&*both.control.live_prefix, &*both.control.management_prefix), ("a-", "b_"));
    }
}
