//! Checks of an endpoint: its provider, its sizes, and that nothing it can report is without a
//! price.

use std::sync::Arc;

use units::{OfferId, TokenClass};

use super::{Compiler, json_text};
use crate::catalog::{Endpoint, Model, ProviderIndex};
use crate::complaint::Place;
use crate::modality::Modalities;
use crate::parameters::Parameters;
use crate::price::{PriceTable, ServiceTier};
use crate::price_rows::{AboveRow, PriceRow};
use crate::rows::{Dialect, EndpointRow, ModelKind};

/// The classes that a provider of the Anthropic dialect always reports.
const ANTHROPIC_CLASSES: [TokenClass; 2] = [TokenClass::CacheRead, TokenClass::CacheWrite];

/// One number for a provider's model, the same on every machine (FNV-1a).
fn identity(provider: &str, model: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = provider.bytes().chain([0]).chain(model.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, step).max(1)
}

impl Compiler<'_> {
    /// Checks an endpoint of `model` and enters it.
    pub(super) fn endpoint(&mut self, place: &Place, model: &Model, row: &EndpointRow) {
        if row.model.is_empty() || row.model.chars().any(char::is_control) {
            let what = format!("model {:?}: an endpoint names no model of its provider", model.id);
            self.complain(place.key("model"), what, "say the model's id upstream");
        }
        let provider = self.catalog.provider_named(&row.provider);
        if provider.is_none() {
            let what = format!("model {:?}: the provider {:?} is unknown", model.id, row.provider);
            self.complain(place.key("provider"), what, "add it as a [[provider]], or correct it");
        }
        self.check_traits(place, model, row);
        let Some((list, price)) = self.prices(place, model, provider, row) else { return };
        let Some(provider) = provider else { return };
        let parameters = match &row.parameters {
            Some(own) => self.parameters(own),
            None => Arc::clone(&model.parameters),
        };
        let context = self.size(place, "context", model.context, row.context);
        let max_output = self.size(place, "max_output", model.max_output, row.max_output);
        let bare = self.catalog.bare_names.entry(row.model.as_str().into());
        bare.and_modify(|known| *known = known.filter(|index| *index == model.index))
            .or_insert(Some(model.index));
        let of_provider = self.catalog.provider(provider);
        let (data_collection, zdr) = (of_provider.data_collection, of_provider.zdr);
        let region = row.region.as_deref().map(Into::into).or_else(|| of_provider.region.clone());
        self.catalog.endpoints.push(Endpoint {
            offer: OfferId::default(),
            identity: identity(&row.provider, &row.model),
            model: model.index,
            provider,
            upstream_model: row.model.as_str().into(),
            upstream_model_json: json_text(&row.model),
            price: PriceTable::from_row(&price),
            list: PriceTable::from_row(&list),
            context,
            max_output: max_output.min(context),
            tag: row.tag.as_deref().map(Into::into),
            data_collection: row.data_collection.unwrap_or(data_collection),
            zdr: row.zdr.unwrap_or(zdr),
            region,
            quantization: row.quantization,
            understood: Parameters::of(parameters.iter().map(|name| &**name)),
            parameters,
            weight: row.weight,
        });
    }

    /// What a request may be routed by is said so that a request can name it, and not against
    /// itself.
    fn check_traits(&mut self, place: &Place, model: &Model, row: &EndpointRow) {
        let id = &model.id;
        for (key, text) in [("tag", &row.tag), ("region", &row.region)] {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if text.as_ref().is_some_and(|text| text.is_empty() || !text.chars().all(plain)) {
                let what = format!("model {id:?}: an endpoint's {key} cannot stand in a name");
                self.complain(place.key(key), what, "use letters, digits, '-', '_' and '.'");
            }
        }
        if row.zdr == Some(true) && row.data_collection == Some(true) {
            let what = format!("model {id:?}: an endpoint retains nothing, yet collects data");
            self.complain(place.key("zdr"), what, "set data_collection = false, or zdr = false");
        }
        for (number, name) in row.parameters.iter().flatten().enumerate() {
            if !model.understands(name) {
                let what = format!("model {id:?}: its parameters do not list {name:?}");
                let remedy = "add it to the model's parameters, or take it out here";
                self.complain(place.key("parameters").item(number), what, remedy);
            }
        }
    }

    /// An endpoint's own size, never more than the model's.
    fn size(&mut self, place: &Place, key: &'static str, most: u64, own: Option<u64>) -> u64 {
        if own == Some(0) {
            let what = format!("an endpoint's {key} is zero");
            self.complain(place.key(key), what, "leave it out or say how much");
        }
        own.map_or(most, |own| own.min(most))
    }

    /// The list price and the customer's price, the second from the first where it is absent.
    fn prices(
        &mut self,
        place: &Place,
        model: &Model,
        provider: Option<ProviderIndex>,
        row: &EndpointRow,
    ) -> Option<(PriceRow, PriceRow)> {
        for (key, price) in [("list", &row.list), ("price", &row.price)] {
            if let Some(price) = price {
                self.check_price(&place.key(key), model, provider, price);
            }
        }
        let (numerator, denominator) = self.options.multiplier;
        match (&row.list, &row.price) {
            (Some(list), Some(price)) => Some((list.clone(), price.clone())),
            (None, Some(price)) => Some((price.clone(), price.clone())),
            (Some(list), None) => {
                let price = list.scaled(numerator, denominator);
                if price.is_none() {
                    let what =
                        format!("model {:?}: list times the multiplier is too large", model.id);
                    self.complain(place.key("list"), what, "check the price and the multiplier");
                }
                Some((list.clone(), price?))
            }
            (None, None) => {
                let what = format!("model {:?}: an endpoint has no price", model.id);
                let remedy = "add list = { input = \"…\", output = \"…\" } or such a price";
                self.complain(place.clone(), what, remedy);
                None
            }
        }
    }

    fn check_price(
        &mut self,
        place: &Place,
        model: &Model,
        provider: Option<ProviderIndex>,
        price: &PriceRow,
    ) {
        let dialect = provider.map(|index| self.catalog.provider(index).dialect);
        for (class, why) in required_classes(model, dialect) {
            if price.class(class).is_none() {
                let name = class.name();
                let what = format!("model {:?}: {name} has no price though {why}", model.id);
                self.complain(place.clone(), what, format!("add {name} = \"…\""));
            }
        }
        let hour = price.cache_write_1h.is_none() && model.kind == ModelKind::Chat;
        if dialect == Some(Dialect::Anthropic) && hour {
            let what = format!("model {:?}: hour cache writes cost as cache_write", model.id);
            self.warn(place.clone(), what, "add cache_write_1h if the provider charges more");
        }
        self.check_sizes(place, &price.above);
        for (name, tier) in &price.service_tier {
            let at = place.key("service_tier").key(name.clone());
            self.check_sizes(&at, &tier.above);
            let known = ServiceTier::from_name(name).filter(|tier| tier.name() == name);
            if known.is_none_or(|tier| tier == ServiceTier::Default) {
                let what = format!("model {:?}: there is no service tier {name:?}", model.id);
                let names = ServiceTier::ALL[1..].iter().map(|tier| tier.name());
                let remedy = format!("use one of {}", names.collect::<Vec<_>>().join(", "));
                self.complain(at, what, remedy);
            }
        }
    }

    /// Sizes are above zero and not twice the same.
    fn check_sizes(&mut self, place: &Place, rows: &[AboveRow]) {
        for (index, row) in rows.iter().enumerate() {
            let at = place.key("above").item(index);
            if row.input_tokens == 0 {
                let what = "prices above an input of zero tokens are simply the prices";
                self.complain(at.key("input_tokens"), what, "move them out of `above`");
            } else if rows[..index].iter().any(|other| other.input_tokens == row.input_tokens) {
                let what = format!("prices above {} tokens are there twice", row.input_tokens);
                self.complain(at.key("input_tokens"), what, "join the two");
            }
        }
    }
}

/// The classes that may not be left to a default, and why.
fn required_classes(
    model: &Model,
    dialect: Option<Dialect>,
) -> impl Iterator<Item = (TokenClass, &'static str)> {
    let (inputs, outputs) = (model.input_modalities, model.output_modalities);
    let anthropic = dialect == Some(Dialect::Anthropic);
    let cache = ANTHROPIC_CLASSES.map(|class| {
        (anthropic, class, "its provider's dialect is anthropic, which counts it apart")
    });
    let media = [
        (inputs.has(Modalities::AUDIO), TokenClass::AudioInput, "the model hears audio"),
        (outputs.has(Modalities::AUDIO), TokenClass::AudioOutput, "the model makes audio"),
        (outputs.has(Modalities::IMAGE), TokenClass::ImageOutput, "the model makes images"),
    ];
    cache
        .into_iter()
        .chain(media)
        .filter(|(applies, ..)| *applies)
        .map(|(_, class, why)| (class, why))
}
