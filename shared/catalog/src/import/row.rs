//! One row of a price file: its provider, its sizes, what it can do.
//!
//! Invariants: a modality is offered only where its tokens have a price; capabilities become the
//! names of request parameters as OpenRouter's model list has them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::price::{is_charged_otherwise, price_row, whole_number};
use super::report::{ImportReport, LeftOut, Simplified};
use super::{Fields, ImportOptions};
use crate::compile::is_named_id;
use crate::price::PriceTable;
use crate::price_rows::PriceRow;
use crate::rows::{Dialect, EndpointRow, ModelKind, ModelRow, ProviderRow};

/// The row that explains the file's format.
const SAMPLE: &str = "sample_spec";

/// Capabilities and the request parameters they stand for.
const PARAMETERS: [(&str, &[&str]); 6] = [
    ("supports_function_calling", &["tools"]),
    ("supports_tool_choice", &["tool_choice"]),
    ("supports_parallel_function_calling", &["parallel_tool_calls"]),
    ("supports_response_schema", &["response_format", "structured_outputs"]),
    ("supports_reasoning", &["reasoning", "include_reasoning"]),
    ("supports_web_search", &["web_search_options"]),
];

/// The model that a row describes, with its one endpoint.
pub(super) fn model_row(
    name: &str,
    row: &RawValue,
    known: &BTreeMap<String, ProviderRow>,
    options: &ImportOptions,
    report: &mut ImportReport,
) -> Result<ModelRow, LeftOut> {
    if name == SAMPLE {
        return Err(LeftOut::Sample);
    }
    let fields: Fields<'_> = serde_json::from_str(row.get()).map_err(|_| LeftOut::NotARow)?;
    let provider: String = fields.value("litellm_provider").ok_or(LeftOut::NotARow)?;
    if !options.providers.is_empty() && !options.providers.contains(&provider) {
        return Err(LeftOut::NotAsked);
    }
    let kind = kind_of(&fields)?;
    let provider = known.get(&provider).ok_or(LeftOut::NoAddress(provider))?;
    let mut counted = ImportReport::default();
    let model = model_of(name, &fields, kind, provider, options, &mut counted)?;
    report.add(counted);
    Ok(model)
}

fn model_of(
    name: &str,
    fields: &Fields<'_>,
    kind: ModelKind,
    provider: &ProviderRow,
    options: &ImportOptions,
    report: &mut ImportReport,
) -> Result<ModelRow, LeftOut> {
    let own_prefix = name.strip_prefix(provider.id.as_str()).and_then(|n| n.strip_prefix('/'));
    let upstream = own_prefix.unwrap_or(name);
    let id = format!("{}/{upstream}", provider.id);
    if upstream.starts_with("ft:") {
        return Err(LeftOut::FineTune);
    }
    if !is_named_id(&id) {
        return Err(LeftOut::Id);
    }
    let context = context_of(fields)?;
    let list = price_row(fields, kind == ModelKind::Chat, report)?;
    if !options.allow_free && PriceTable::from_row(&list).is_free() {
        return Err(LeftOut::Free);
    }
    if provider.dialect == Dialect::Anthropic
        && (list.cache_read.is_none() || list.cache_write.is_none())
    {
        return Err(LeftOut::UnpricedCache);
    }
    let scaled = options.multiplier.map(|(numerator, denominator)| {
        list.scaled(numerator, denominator).ok_or(LeftOut::NotANumber)
    });
    Ok(ModelRow {
        kind,
        max_output: max_output(fields, kind, context, report)?,
        input_modalities: input_modalities(fields, &list, report),
        output_modalities: output_modalities(fields, &list, report)?,
        parameters: if kind == ModelKind::Chat { parameters(fields) } else { Vec::new() },
        endpoint: vec![EndpointRow {
            price: scaled.transpose()?,
            list: Some(list),
            ..EndpointRow::new(provider.id.clone(), upstream)
        }],
        ..ModelRow::new(id, context)
    })
}

fn kind_of(fields: &Fields<'_>) -> Result<ModelKind, LeftOut> {
    match fields.value::<String>("mode").as_deref() {
        Some("chat") => Ok(ModelKind::Chat),
        Some("embedding") => Ok(ModelKind::Embedding),
        other => Err(LeftOut::Mode(other.unwrap_or("none").to_owned())),
    }
}

fn context_of(fields: &Fields<'_>) -> Result<u64, LeftOut> {
    let text = fields.text("max_input_tokens").or_else(|| fields.text("max_tokens"));
    match whole_number(text.ok_or(LeftOut::NoContext)?) {
        None => Err(LeftOut::NotANumber),
        Some(0) => Err(LeftOut::NoContext),
        Some(context) => Ok(context),
    }
}

fn max_output(
    fields: &Fields<'_>,
    kind: ModelKind,
    context: u64,
    report: &mut ImportReport,
) -> Result<Option<u64>, LeftOut> {
    let Some(text) = fields.text("max_output_tokens").filter(|_| kind == ModelKind::Chat) else {
        return Ok(None);
    };
    let most = whole_number(text).ok_or(LeftOut::NotANumber)?;
    if most > context {
        report.simplify(Simplified::Output);
    }
    Ok(Some(most.min(context)).filter(|most| *most > 0))
}

/// Whether a flag is set or, where it is not given, a list names the modality.
fn supports(fields: &Fields<'_>, flags: &[&str], list: &str, name: &str) -> bool {
    let said = flags.iter().filter_map(|flag| fields.value::<bool>(flag));
    let listed =
        || fields.value::<Vec<String>>(list).is_some_and(|all| all.iter().any(|m| m == name));
    said.reduce(|a, b| a || b).unwrap_or_else(listed)
}

fn input_modalities(
    fields: &Fields<'_>,
    price: &PriceRow,
    report: &mut ImportReport,
) -> Vec<String> {
    let has = |flags: &[&str], name| supports(fields, flags, "supported_modalities", name);
    let image_flags = ["supports_vision", "supports_image_input", "supports_embedding_image_input"];
    let per_image =
        is_charged_otherwise(fields, "input_cost_per_image") && price.image_input.is_none();
    let audio = has(&["supports_audio_input"], "audio");
    if audio && price.audio_input.is_none() {
        report.simplify(Simplified::AudioInput);
    }
    let video_charge = is_charged_otherwise(fields, "input_cost_per_video");
    let offered = [
        ("text", true),
        ("image", has(&image_flags, "image") && !per_image),
        ("audio", audio && price.audio_input.is_some()),
        ("file", has(&["supports_pdf_input"], "file")),
        ("video", has(&["supports_video_input"], "video") && !video_charge),
    ];
    names(offered)
}

fn output_modalities(
    fields: &Fields<'_>,
    price: &PriceRow,
    report: &mut ImportReport,
) -> Result<Vec<String>, LeftOut> {
    let listed: Option<Vec<String>> = fields.value("supported_output_modalities");
    let has = |flags: &[&str], name| supports(fields, flags, "supported_output_modalities", name);
    let text = listed.as_ref().is_none_or(|all| all.is_empty() || all.iter().any(|m| m == "text"));
    let (image, audio) = (has(&[], "image"), has(&["supports_audio_output"], "audio"));
    let unpriced =
        (image && price.image_output.is_none()) || (audio && price.audio_output.is_none());
    if unpriced {
        report.simplify(Simplified::MediaOutput);
    }
    let offered = names([
        ("text", text),
        ("image", image && price.image_output.is_some()),
        ("audio", audio && price.audio_output.is_some()),
    ]);
    if offered.is_empty() { Err(LeftOut::UnpricedOutput) } else { Ok(offered) }
}

fn names<const N: usize>(offered: [(&str, bool); N]) -> Vec<String> {
    offered.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned()).collect()
}

fn parameters(fields: &Fields<'_>) -> Vec<String> {
    let flag = |name: &str| fields.value::<bool>(name);
    let sampling = flag("supports_sampling_params").unwrap_or(true);
    let always: &[&str] =
        if sampling { &["max_tokens", "temperature", "top_p"] } else { &["max_tokens"] };
    let capable = PARAMETERS.iter().filter(|(name, _)| flag(name) == Some(true));
    let named = capable.flat_map(|(_, names)| names.iter());
    always.iter().chain(named).map(ToString::to_string).collect()
}
