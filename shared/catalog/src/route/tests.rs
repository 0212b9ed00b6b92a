//! Plans, by table and by dice.
//!
//! A shop of a few models and providers, and a short form in which a table's row says what is
//! asked, by whom and how the endpoints do: `m=a/x order=dear zdr eject=x@mid`.

mod dice;
mod table;

use units::Price;

use super::*;
use crate::catalog::{Catalog, ProviderIndex};
use crate::compile::{CompileOptions, compile};
use crate::parameters::Parameters;
use crate::price::ServiceTier;
use crate::privacy::Privacy;
use crate::quantization::{Quantization, Quantizations};
use crate::rows::{Dialect, ModelKind};

/// `off` cannot be called. Blended prices of `a/x`: cheap 1.7, mid 4.8, dear 15.5.
const SHOP: &str = r#"{
  "provider": [
    {"id": "cheap", "dialect": "openai", "base_url": "https://c.test", "api_keys": ["env:K"],
     "region": "us", "part_tokens": {"image": 1000}},
    {"id": "mid", "dialect": "openai", "base_url": "https://m.test", "api_keys": ["env:K"],
     "data_collection": false, "zdr": true, "region": "eu"},
    {"id": "dear", "dialect": "openai", "base_url": "https://d.test", "api_keys": ["env:K"],
     "data_collection": false},
    {"id": "off", "dialect": "openai", "base_url": "https://o.test", "api_keys": ["env:K"]}],
  "model": [
    {"id": "a/x", "context": 100000, "max_output": 8000, "input_modalities": ["text", "image"],
     "parameters": ["tools", "temperature", "response_format", "reasoning", "seed"], "endpoint": [
      {"provider": "dear", "model": "x-d", "quantization": "bf16",
       "list": {"input": "5", "output": "20"}},
      {"provider": "cheap", "model": "x-c", "quantization": "int4", "max_output": 1000,
       "context": 50000, "parameters": ["temperature"], "list": {"input": "1", "output": "2"}},
      {"provider": "mid", "model": "x-m", "quantization": "fp8", "tag": "turbo",
       "list": {"input": "2", "output": "6"}}]},
    {"id": "a/y", "context": 1000, "max_output": 500, "endpoint": [
      {"provider": "mid", "model": "y-m", "list": {"input": "0.5", "output": "3"}},
      {"provider": "dear", "model": "y-d", "list": {"input": "4", "output": "4"}}]},
    {"id": "a/gift", "context": 1000, "endpoint": [
      {"provider": "cheap", "model": "gift", "list": {"input": "0", "output": "0"}},
      {"provider": "mid", "model": "gift", "list": {"input": "0", "output": "0", "request": "1"}}]},
    {"id": "a/w", "context": 1000, "endpoint": [
      {"provider": "dear", "model": "w", "list": {"input": "1", "output": "1"}},
      {"provider": "cheap", "model": "w", "weight": 3, "list": {"input": "5", "output": "5"}},
      {"provider": "mid", "model": "w", "weight": 1, "list": {"input": "9", "output": "9"}}]},
    {"id": "a/kept", "context": 1000, "listed": false, "endpoint": [
      {"provider": "dear", "model": "k", "list": {"input": "5", "output": "20", "cache_read": "3"}},
      {"provider": "cheap", "model": "k", "list": {"input": "1", "output": "2"}},
      {"provider": "mid", "model": "k", "list": {"input": "2", "output": "6", "cache_read": "1"}}]},
    {"id": "a/same", "context": 1000, "listed": false, "endpoint": [
      {"provider": "dear", "model": "s", "list": {"input": "1", "output": "2"}},
      {"provider": "cheap", "model": "s", "list": {"input": "1", "output": "2"}},
      {"provider": "mid", "model": "s", "list": {"input": "1", "output": "2"}}]},
    {"id": "a/long", "context": 100000, "endpoint": [
      {"provider": "mid", "model": "long", "list": {"input": "1", "output": "1",
        "above": [{"input_tokens": 10000, "input": "10", "output": "10"}],
        "service_tier": {"flex": {"input": "0.5"}, "priority": {"input": "3", "output": "4"}}}}]},
    {"id": "a/ear", "context": 1000, "input_modalities": ["text", "audio"],
     "output_modalities": ["text", "audio"], "endpoint": [
      {"provider": "mid", "model": "ear", "list": {"input": "1", "output": "1",
        "audio_input": "30", "audio_output": "60"}}]},
    {"id": "a/embed", "kind": "embedding", "context": 1000, "endpoint": [
      {"provider": "mid", "model": "embed", "list": {"input": "1", "output": "0"}}]},
    {"id": "a/off", "context": 1000, "endpoint": [
      {"provider": "off", "model": "off-o", "list": {"input": "1", "output": "1"}}]},
    {"id": "b/odd:floor", "context": 1000, "listed": false, "endpoint": [
      {"provider": "dear", "model": "odd", "list": {"input": "9", "output": "9"}},
      {"provider": "mid", "model": "odd", "list": {"input": "8", "output": "8"}}]}],
  "tier": [{"id": "house/low", "models": ["a/y", "a/x"]},
           {"id": "house/high", "status": "planned", "models": ["a/x"]}]
}"#;

/// What accounts add to the rules of their keys, as rows of the table.
const ACCOUNT: &[(&str, &str)] = &[
    ("m=a/gift free.used", "gift@mid"),
    ("m=a/gift:free free.used", "!free_limit"),
    ("m=a/gift models=a/x free.used", "gift@mid x@cheap x@mid x@dear"),
    ("m=a/x account.deny", "x@mid x@dear"),
    ("m=a/x account.zdr key.deny", "x@mid"),
    ("m=a/x account.regions=us,eu key.regions=eu,mars", "x@mid"),
    ("m=a/x account.regions=us key.regions=eu", "!region"),
    ("m=a/x account.regions=us zdr", "!zdr"),
    ("m=a/x only=cheap account.zdr", "!provider.only"),
];

fn shop() -> Catalog {
    let rows = serde_json::from_str(SHOP).unwrap();
    compile(&rows, &CompileOptions::default()).unwrap().catalog
}

/// An endpoint as `x@cheap`.
fn shown(catalog: &Catalog, endpoint: u32) -> String {
    let endpoint = &catalog.endpoints[endpoint as usize];
    let model = &catalog.models[endpoint.model as usize];
    let slug = model.id.split_once('/').unwrap().1;
    format!("{slug}@{}", catalog.provider(endpoint.provider).id)
}

/// Everything that a plan depends on, owned.
#[derive(Clone, Debug)]
struct Ask {
    model: String,
    wishes: Wishes,
    needs: Needs,
    key_models: Option<Vec<String>>,
    key_providers: Option<Vec<String>>,
    key: Privacy,
    account: Privacy,
    free_used: bool,
    health: Vec<Health>,
    draw: u64,
    candidates_max: usize,
    /// Whether `off` can be called as well.
    reaches_all: bool,
    /// Who served the session: `x@mid`.
    settled: Option<u32>,
    /// Where it is asked.
    region: Option<String>,
    /// Own keys: how each is to be used, and its provider, by id.
    own: Vec<(String, String)>,
    /// The only place where it may go: a provider, and maybe a model's id there.
    at: Option<(ProviderIndex, Option<String>)>,
}

/// The moment of a question.
struct Then<'a> {
    ask: &'a Ask,
    off: Option<ProviderIndex>,
}

impl Moment for Then<'_> {
    fn is_usable(&self, provider: ProviderIndex) -> bool {
        self.ask.reaches_all || Some(provider) != self.off
    }

    /// What a plan does not ask for it is not told.
    fn health(&self, endpoint: u32, _: KeySource, detail: Detail) -> Health {
        let health = self.ask.health[endpoint as usize];
        match detail {
            Detail::Pace => health,
            Detail::Condition => {
                let (latency, throughput) = (Percentiles::NONE, Percentiles::NONE);
                Health { latency, throughput, ..health }
            }
        }
    }

    fn settled_at(&self) -> Option<u32> {
        self.ask.settled
    }

    fn region(&self) -> Option<&str> {
        self.ask.region.as_deref()
    }

    fn draw(&self) -> u64 {
        self.ask.draw
    }

    fn candidates_max(&self) -> usize {
        self.ask.candidates_max
    }
}

/// An own key by its words.
fn named_key<'a>(how: &str, provider: &'a str) -> OwnKey<'a> {
    OwnKey {
        provider,
        models: None,
        is_fallback: how == "last",
        always_use: how == "always" || how == "barred",
        is_usable: how != "barred",
        rests: how == "resting",
    }
}

impl Ask {
    fn new(catalog: &Catalog) -> Self {
        let input = InputShape { text_bytes: 400, ..InputShape::default() };
        let needs = Needs {
            kind: ModelKind::Chat,
            dialect: None,
            input,
            output_limit: None,
            choices: 1,
            tier: ServiceTier::Default,
            audio_output: false,
            web_search: false,
            foreign_tools: false,
            parameters: Parameters::NONE,
            bound: InputBound::Strict,
        };
        Self {
            model: String::new(),
            wishes: Wishes::default(),
            needs,
            key_models: None,
            key_providers: None,
            key: Privacy::default(),
            account: Privacy::default(),
            free_used: false,
            health: vec![Health::UNKNOWN; catalog.endpoints.len()],
            draw: 0,
            candidates_max: 8,
            reaches_all: false,
            settled: None,
            region: None,
            own: Vec::new(),
            at: None,
        }
    }

    fn policy<'a>(&'a self, privacy: &'a Privacy) -> Policy<'a> {
        Policy {
            models: self.key_models.as_deref(),
            providers: self.key_providers.as_deref(),
            deny_collection: privacy.deny_collection,
            zdr: privacy.zdr,
            regions: privacy.regions.as_deref(),
            free_used: self.free_used,
        }
    }

    fn explain(&self, catalog: &Catalog) -> Explanation {
        // A request that wishes nothing says nothing: both ways in are the same then.
        let wishes = Some(&self.wishes).filter(|wishes| **wishes != Wishes::default());
        let keys: Vec<OwnKey<'_>> = self.own.iter().map(|(key, id)| named_key(key, id)).collect();
        let own = OwnKeys { keys: &keys, fee: (1, 20) };
        let (privacy, needs) = (self.key.and(&self.account), self.needs);
        let policy = self.policy(&privacy);
        let bound = self.at.as_ref();
        let bound =
            bound.map(|(provider, model)| Bound { provider: *provider, model: model.as_deref() });
        let question = Question { model: &self.model, wishes, needs, policy, own, bound };
        let off = catalog.provider_named("off");
        let moment = Then { ask: self, off };
        let explained = explain(catalog, &question, &moment);
        let planned = plan(catalog, &question, &moment).map(|route| route.candidates);
        assert_eq!(planned, explained.route.clone().map(|route| route.candidates));
        explained
    }

    /// Reads the short form.
    fn read(catalog: &Catalog, text: &str) -> Self {
        let mut ask = Self::new(catalog);
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let is_read = ask.read_provider(key, value)
                || ask.read_budget(key, value)
                || ask.read_needs(key, value)
                || ask.read_moment(catalog, key, value);
            assert!(is_read, "{word}");
        }
        ask
    }

    fn read_provider(&mut self, key: &str, value: &str) -> bool {
        let list = || value.split(',').map(Into::into).collect::<Vec<Box<str>>>();
        let wishes = &mut self.wishes;
        match key {
            "m" => self.model = value.to_owned(),
            "models" => wishes.models = list(),
            "order" => wishes.order = list(),
            "only" => wishes.only = list(),
            "ignore" => wishes.ignore = list(),
            "alone" => wishes.no_fallbacks = true,
            "require" => wishes.require_parameters = true,
            "deny" => wishes.deny_collection = true,
            "zdr" => wishes.zdr = true,
            "across" => wishes.across_models = true,
            "auto" => wishes.auto.allowed = list(),
            "not" => wishes.auto.excluded = list(),
            "cost" => {
                let (from, below) = value.split_once('-').unwrap();
                let (from, below) = (from.parse().unwrap(), below.parse().unwrap());
                wishes.auto.cost = Some(CostBand { from, below });
            }
            "sort" => {
                let sorts = [Sort::Price, Sort::Throughput, Sort::Latency];
                let names = ["price", "throughput", "latency"];
                wishes.sort = names.iter().position(|name| *name == value).map(|at| sorts[at]);
            }
            "quant" => {
                let levels = value.split(',').map(|name| Quantization::from_name(name).unwrap());
                let set = levels.fold(Quantizations::default(), Quantizations::with);
                wishes.quantizations = Some(set);
            }
            "mp.in" => wishes.max_price.prompt = Some(value.parse().unwrap()),
            "mp.out" => wishes.max_price.completion = Some(value.parse().unwrap()),
            "mp.request" => wishes.max_price.request = Some(value.parse().unwrap()),
            "mp.image" => wishes.max_price.image = Some(value.parse().unwrap()),
            "mp.audio" => wishes.max_price.audio = Some(value.parse().unwrap()),
            "slow" => wishes.min_throughput.p50 = Some(value.parse().unwrap()),
            "slow99" => wishes.min_throughput.p99 = Some(value.parse().unwrap()),
            "late" => wishes.max_latency.p90 = Some(value.parse().unwrap()),
            "late75" => wishes.max_latency.p75 = Some(value.parse().unwrap()),
            _ => return false,
        }
        true
    }

    fn read_budget(&mut self, key: &str, value: &str) -> bool {
        let price = || Some(value.parse::<Price>().unwrap());
        let mut budget = self.wishes.budget.clone().unwrap_or_default();
        match key {
            "in" => budget.max_input = price(),
            "out" => budget.max_output = price(),
            "total" => budget.max_total = price(),
            "floor" => budget.min_total = price(),
            "balanced" => budget.strategy = Strategy::Balanced,
            "cheapest" => budget.strategy = Strategy::Cheapest,
            "continuity" => budget.strategy = Strategy::Continuity,
            "escalate" => budget.may_escalate = true,
            "split" => {
                let shares = value.split(',').map(|share| share.parse().unwrap());
                budget.strategy = Strategy::Split(shares.collect());
            }
            _ => return false,
        }
        self.wishes.budget = Some(budget);
        true
    }

    fn read_needs(&mut self, key: &str, value: &str) -> bool {
        let number = || value.parse::<u64>().unwrap();
        let needs = &mut self.needs;
        match key {
            "text" => needs.input.text_bytes = number(),
            "images" => needs.input.images = number(),
            "audios" => needs.input.audios = number(),
            "limit" => needs.output_limit = Some(number()),
            "choices" => needs.choices = number(),
            "tier" => needs.tier = ServiceTier::from_name(value).unwrap(),
            "speak" => needs.audio_output = true,
            "search" => needs.web_search = true,
            "foreign" => needs.foreign_tools = true,
            "vectors" => needs.kind = ModelKind::Embedding,
            "openai" => needs.dialect = Some(Dialect::OpenAi),
            "inputs" => needs.input.inputs = number(),
            "tokens" => needs.input.tokens = number(),
            "set" => needs.parameters = Parameters::of(value.split(',')),
            _ => return false,
        }
        true
    }

    fn read_moment(&mut self, catalog: &Catalog, key: &str, value: &str) -> bool {
        let list = || Some(value.split(',').map(str::to_owned).collect());
        let (who, figure) = value.split_once(':').unwrap_or((value, "0"));
        let figure: u64 = figure.parse().unwrap_or(0);
        let each = self.health.iter_mut().enumerate();
        let its = each.filter(|(index, _)| shown(catalog, *index as u32).ends_with(who));
        let its = its.map(|(_, health)| health);
        match key {
            "key.models" => self.key_models = list(),
            "key.providers" => self.key_providers = list(),
            "key.regions" => self.key.regions = list(),
            "key.deny" => self.key.deny_collection = true,
            "key.zdr" => self.key.zdr = true,
            "account.regions" => self.account.regions = list(),
            "account.deny" => self.account.deny_collection = true,
            "account.zdr" => self.account.zdr = true,
            "free.used" => self.free_used = true,
            "own" | "last" | "always" | "barred" | "resting" => {
                self.own.push((key.to_owned(), value.to_owned()));
            }
            "at" => {
                let (provider, model) =
                    value.split_once('/').map_or((value, None), |(p, m)| (p, Some(m)));
                let provider = catalog.provider_named(provider).unwrap();
                self.at = Some((provider, model.map(str::to_owned)));
            }
            "draw" => self.draw = value.parse().unwrap(),
            "region" => self.region = Some(value.to_owned()),
            "settled" => {
                let is_it = |index: &u32| shown(catalog, *index) == value;
                let mut all = 0..catalog.endpoints.len() as u32;
                self.settled =
                    all.find(is_it).map(|index| catalog.endpoints[index as usize].mark());
            }
            "most" => self.candidates_max = value.parse().unwrap(),
            "eject" => its.for_each(|health| health.condition = Condition::Ejected),
            "full" => its.for_each(|health| health.condition = Condition::Full),
            "degrade" => its.for_each(|health| health.condition = Condition::Degraded),
            "rate99" => its.for_each(|health| health.throughput.p99 = Some(figure)),
            "wait75" => its.for_each(|health| health.latency.p75 = Some(figure)),
            "rate" => its.for_each(|health| health.throughput.p50 = Some(figure)),
            "wait" => its.for_each(|health| {
                health.latency =
                    Percentiles { p50: Some(figure), p90: Some(figure * 2), ..Percentiles::NONE };
            }),
            "fail" => its.for_each(|health| health.failures_permille = figure as u16),
            _ => return false,
        }
        true
    }
}
