//! Writing a catalog as TOML that a person can read and edit.
//!
//! Purpose: one line a key, prices as inline tables, defaults left out.
//! Invariants: `source::parse_toml` reads back rows equal to those written, whatever their texts;
//! every field of a row is named here (the patterns are exhaustive).

use std::fmt::{self, Write};

use units::{Price, TokenClass};

use crate::price_rows::{AboveRow, PriceRow, TierPriceRow};
use crate::quantization::Quantization;
use crate::rows::{
    AbortPolicy, CatalogRows, Dialect, EndpointRow, ModelKind, ModelRow, OutputCapField,
    PartTokens, ProviderRow, TierRow, TierStatus,
};

/// The rows as the text of a `catalog.toml`.
pub fn to_toml(rows: &CatalogRows) -> String {
    let CatalogRows { provider, model, tier } = rows;
    let mut out = String::with_capacity(256 * (provider.len() + tier.len()) + 640 * model.len());
    provider.iter().for_each(|row| provider_table(row, &mut out));
    model.iter().for_each(|row| model_table(row, &mut out));
    tier.iter().for_each(|row| tier_table(row, &mut out));
    out
}

fn provider_table(row: &ProviderRow, out: &mut String) {
    let ProviderRow {
        id,
        dialect,
        base_url,
        api_keys,
        allow_private,
        on_client_abort,
        output_cap_field,
        stream_usage,
        cache_included,
        input_overhead,
        part_tokens,
        data_collection,
        zdr,
        region,
    } = row;
    let defaults = ProviderRow::new("", *dialect, "");
    header("provider", out);
    text_key("id", id, out);
    text_key("dialect", dialect_name(*dialect), out);
    text_key("base_url", base_url, out);
    list_key("api_keys", api_keys, out);
    flag_key("allow_private", *allow_private, defaults.allow_private, out);
    if *on_client_abort == AbortPolicy::Drain {
        text_key("on_client_abort", "drain", out);
    }
    if *output_cap_field == OutputCapField::MaxTokens {
        text_key("output_cap_field", "max_tokens", out);
    }
    flag_key("stream_usage", *stream_usage, defaults.stream_usage, out);
    flag_key("cache_included", *cache_included, defaults.cache_included, out);
    if *input_overhead != defaults.input_overhead {
        key("input_overhead", *input_overhead, out);
    }
    part_tokens_key(*part_tokens, out);
    flag_key("data_collection", *data_collection, defaults.data_collection, out);
    flag_key("zdr", *zdr, defaults.zdr, out);
    optional_text_key("region", region.as_deref(), out);
}

fn part_tokens_key(parts: PartTokens, out: &mut String) {
    let PartTokens { image, audio, file } = parts;
    let named = [("image", image), ("audio", audio), ("file", file)];
    let given = named.into_iter().filter_map(|(name, most)| Some(format!("{name} = {}", most?)));
    let given: Vec<_> = given.collect();
    if !given.is_empty() {
        key("part_tokens", format_args!("{{ {} }}", given.join(", ")), out);
    }
}

fn model_table(row: &ModelRow, out: &mut String) {
    let ModelRow {
        id,
        name,
        kind,
        context,
        max_output,
        input_modalities,
        output_modalities,
        parameters,
        created,
        description,
        listed,
        endpoint,
    } = row;
    header("model", out);
    text_key("id", id, out);
    optional_text_key("name", name.as_deref(), out);
    if *kind == ModelKind::Embedding {
        text_key("kind", "embedding", out);
    }
    key("context", context, out);
    optional_key("max_output", *max_output, out);
    list_key("input_modalities", input_modalities, out);
    list_key("output_modalities", output_modalities, out);
    list_key("parameters", parameters, out);
    optional_key("created", *created, out);
    optional_text_key("description", description.as_deref(), out);
    flag_key("listed", *listed, true, out);
    endpoint.iter().for_each(|row| endpoint_table(row, out));
}

fn endpoint_table(row: &EndpointRow, out: &mut String) {
    let EndpointRow {
        provider,
        model,
        context,
        max_output,
        tag,
        data_collection,
        zdr,
        region,
        quantization,
        parameters,
        weight,
        list,
        price,
    } = row;
    out.push_str("  [[model.endpoint]]\n");
    let mut keys = String::new();
    text_key("provider", provider, &mut keys);
    text_key("model", model, &mut keys);
    optional_key("context", *context, &mut keys);
    optional_key("max_output", *max_output, &mut keys);
    optional_text_key("tag", tag.as_deref(), &mut keys);
    optional_key("data_collection", *data_collection, &mut keys);
    optional_key("zdr", *zdr, &mut keys);
    optional_text_key("region", region.as_deref(), &mut keys);
    if *quantization != Quantization::Unknown {
        text_key("quantization", quantization.name(), &mut keys);
    }
    if let Some(parameters) = parameters {
        key("parameters", list_text(parameters), &mut keys);
    }
    optional_key("weight", *weight, &mut keys);
    for (name, price) in [("list", list), ("price", price)] {
        if let Some(price) = price {
            key(name, price_table(price), &mut keys);
        }
    }
    for line in keys.lines() {
        let _ = writeln!(out, "  {line}");
    }
}

fn tier_table(row: &TierRow, out: &mut String) {
    let TierRow { id, status, level, model_family, use_case, band, rpm, models } = row;
    header("tier", out);
    text_key("id", id, out);
    if *status == TierStatus::Planned {
        text_key("status", "planned", out);
    }
    optional_text_key("level", level.as_deref(), out);
    optional_text_key("model_family", model_family.as_deref(), out);
    optional_text_key("use_case", use_case.as_deref(), out);
    if let Some(band) = band {
        list_key("band", &band.map(|price| price.to_string()), out);
    }
    optional_key("rpm", *rpm, out);
    list_key("models", models, out);
}

fn price_table(price: &PriceRow) -> String {
    let mut entries = class_entries(|class| price.class(class));
    if !price.above.is_empty() {
        entries.push(format!("above = {}", above_list(&price.above)));
    }
    if !price.service_tier.is_empty() {
        let tiers = price.service_tier.iter();
        let tiers: Vec<_> =
            tiers.map(|(name, tier)| format!("{} = {}", quoted(name), tier_prices(tier))).collect();
        entries.push(format!("service_tier = {{ {} }}", tiers.join(", ")));
    }
    inline_table(&entries)
}

fn tier_prices(tier: &TierPriceRow) -> String {
    let mut entries = class_entries(|class| tier.class(class));
    if !tier.above.is_empty() {
        entries.push(format!("above = {}", above_list(&tier.above)));
    }
    inline_table(&entries)
}

fn above_list(rows: &[AboveRow]) -> String {
    let tables = rows.iter().map(|row| {
        let mut entries = vec![format!("input_tokens = {}", row.input_tokens)];
        entries.extend(class_entries(|class| row.class(class)));
        inline_table(&entries)
    });
    format!("[{}]", tables.collect::<Vec<_>>().join(", "))
}

/// The classes that are written, input and output first.
fn class_entries(price: impl Fn(TokenClass) -> Option<Price>) -> Vec<String> {
    let first = [TokenClass::Input, TokenClass::Output];
    let rest = TokenClass::ALL.into_iter().filter(|class| !first.contains(class));
    let entry = |class: TokenClass| Some(format!("{} = \"{}\"", class.name(), price(class)?));
    first.into_iter().chain(rest).filter_map(entry).collect()
}

fn inline_table(entries: &[String]) -> String {
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

fn header(name: &str, out: &mut String) {
    let gap = if out.is_empty() { "" } else { "\n" };
    let _ = writeln!(out, "{gap}[[{name}]]");
}

/// Writes to a `String` do not fail.
fn key(name: &str, value: impl fmt::Display, out: &mut String) {
    let _ = writeln!(out, "{name} = {value}");
}

fn text_key(name: &str, text: &str, out: &mut String) {
    key(name, quoted(text), out);
}

fn optional_text_key(name: &str, text: Option<&str>, out: &mut String) {
    if let Some(text) = text {
        text_key(name, text, out);
    }
}

fn optional_key(name: &str, value: Option<impl fmt::Display>, out: &mut String) {
    if let Some(value) = value {
        key(name, value, out);
    }
}

fn flag_key(name: &str, flag: bool, default: bool, out: &mut String) {
    if flag != default {
        key(name, flag, out);
    }
}

fn list_key(name: &str, texts: &[String], out: &mut String) {
    if !texts.is_empty() {
        key(name, list_text(texts), out);
    }
}

fn list_text(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A basic string. JSON's escapes are TOML's too, but TOML also wants DEL escaped.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

const fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => "openai",
        Dialect::Anthropic => "anthropic",
        Dialect::Gemini => "gemini",
    }
}
