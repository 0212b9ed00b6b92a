//! The `provider` object (OpenRouter's provider preferences).

use catalog::route::{MaxPrice, Sort, Wishes};
use catalog::{Quantization, Quantizations};
use units::{Price, Usd};

use crate::intent::RequestFault;
use crate::wishes::value::{Round, Value, unknown};

/// A price of one token from USD per million tokens: picodollars.
const PER_MILLION: i64 = 6;
/// A price of one piece from USD: picodollars.
const PER_PIECE: i64 = 12;
/// A latency from seconds: microseconds.
const SECONDS: i64 = 6;
/// A throughput from tokens a second: thousandths.
const RATE: i64 = 3;

/// Reads the object.
pub(super) fn read(value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    for (key, value) in value.members("provider")? {
        read_member(&key, value, wishes)?;
    }
    Ok(())
}

fn read_member(key: &str, value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    match key {
        "order" => wishes.order = value.any_names("provider.order")?,
        "only" => wishes.only = value.filled_names("provider.only")?,
        "ignore" => wishes.ignore = value.any_names("provider.ignore")?,
        "allow_fallbacks" => {
            wishes.no_fallbacks = !value.flag("provider.allow_fallbacks")?;
        }
        "require_parameters" => {
            wishes.require_parameters = value.flag("provider.require_parameters")?;
        }
        "data_collection" => {
            let choices = [("allow", false), ("deny", true)];
            wishes.deny_collection = value.one_of("provider.data_collection", &choices)?;
        }
        "zdr" => wishes.zdr = value.flag("provider.zdr")?,
        "enforce_distillable_text" => {
            if value.flag("provider.enforce_distillable_text")? {
                let message = "no model here is known to allow distillation; leave \
                               `enforce_distillable_text` out";
                return Err(RequestFault::unsupported("provider", message));
            }
        }
        "quantizations" => wishes.quantizations = Some(read_levels(value)?),
        "sort" => read_sort(value, wishes)?,
        "preferred_min_throughput" => {
            let param = "provider.preferred_min_throughput";
            wishes.min_throughput = value.percentiles(param, RATE, Round::Up)?;
        }
        "preferred_max_latency" => {
            let param = "provider.preferred_max_latency";
            wishes.max_latency = value.percentiles(param, SECONDS, Round::Down)?;
        }
        "max_price" => wishes.max_price = read_max_price(value)?,
        _ => return Err(unknown("provider", key)),
    }
    Ok(())
}

fn read_levels(value: Value<'_>) -> Result<Quantizations, RequestFault> {
    const PARAM: &str = "provider.quantizations";
    let mut levels = Quantizations::default();
    for name in value.filled_names(PARAM)? {
        let level = Quantization::from_name(&name).ok_or_else(|| {
            let known: Vec<_> = Quantization::ALL.iter().map(|level| level.name()).collect();
            let message = format!("`{PARAM}` must be some of {}", known.join(", "));
            RequestFault::invalid(PARAM, message)
        })?;
        levels = levels.with(level);
    }
    Ok(levels)
}

fn read_sort(value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    const SORTS: [(&str, Sort); 3] =
        [("price", Sort::Price), ("throughput", Sort::Throughput), ("latency", Sort::Latency)];
    if !value.is_object() {
        wishes.sort = Some(value.one_of("provider.sort", &SORTS)?);
        return Ok(());
    }
    for (key, value) in value.members("provider.sort")? {
        match &*key {
            "by" => wishes.sort = Some(value.one_of("provider.sort.by", &SORTS)?),
            "partition" => {
                let choices = [("model", false), ("none", true)];
                wishes.across_models = value.one_of("provider.sort.partition", &choices)?;
            }
            _ => return Err(unknown("provider.sort", &key)),
        }
    }
    Ok(())
}

fn read_max_price(value: Value<'_>) -> Result<MaxPrice, RequestFault> {
    let mut most = MaxPrice::default();
    for (key, value) in value.members("provider.max_price")? {
        let price = |param| {
            let pico = value.decimal(param, PER_MILLION, Round::Down);
            pico.map(|pico| Some(Price::from_pico(pico)))
        };
        let fee = |param| {
            let pico = value.decimal(param, PER_PIECE, Round::Down);
            pico.map(|pico| Some(Usd::from_pico(i128::from(pico))))
        };
        match &*key {
            "prompt" => most.prompt = price("provider.max_price.prompt")?,
            "completion" => most.completion = price("provider.max_price.completion")?,
            "audio" => most.audio = price("provider.max_price.audio")?,
            "request" => most.request = fee("provider.max_price.request")?,
            "image" => most.image = fee("provider.max_price.image")?,
            _ => return Err(unknown("provider.max_price", &key)),
        }
    }
    Ok(most)
}
