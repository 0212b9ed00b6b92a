//! Requests and catalogs by dice: no plan breaks a rule, and an empty one says what would help.
//!
//! The rules are written here a second time, each in the words of its own promise.

use units::TokenClass;

use super::*;
use crate::catalog::Endpoint;
use crate::rows::{
    AboveRow, CatalogRows, Dialect, EndpointRow, ModelRow, PriceRow, ProviderRow, TierPriceRow,
};

const ROUNDS: usize = 400;
const ASKS: usize = 20;
const PROVIDERS: [&str; 4] = ["p0", "p1", "p2", "off"];

/// Seeded (splitmix64), so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % (most + 1)
    }

    fn is(&mut self, in_so_many: u64) -> bool {
        self.up_to(in_so_many - 1) == 0
    }

    fn price(&mut self) -> Price {
        Price::from_pico(self.up_to(9) * 1_000_000)
    }

    fn cap(&mut self, in_so_many: u64) -> Option<Price> {
        self.is(in_so_many).then(|| Price::from_pico(self.up_to(15) * 1_000_000))
    }

    fn some<T: Clone>(&mut self, of: &[T], in_so_many: u64) -> Vec<T> {
        of.iter().filter(|_| self.is(in_so_many)).cloned().collect()
    }

    fn prices(&mut self) -> PriceRow {
        let mut row = PriceRow { input: self.price(), output: self.price(), ..PriceRow::default() };
        if self.is(5) {
            (row.input, row.output) = (Price::ZERO, Price::ZERO);
        }
        if self.is(3) {
            row.reasoning = Some(self.price());
        }
        if self.is(3) {
            let (input, output) = (Some(self.price()), Some(self.price()));
            row.above.push(AboveRow { input_tokens: 500, input, output, ..AboveRow::default() });
        }
        if self.is(3) {
            let flex = TierPriceRow { input: Some(self.price()), ..TierPriceRow::default() };
            row.service_tier.insert("flex".to_owned(), flex);
        }
        row
    }

    fn endpoint(&mut self, provider: &str) -> EndpointRow {
        let regions = [None, Some("eu".to_owned()), Some("us".to_owned())];
        let levels = Quantization::ALL;
        EndpointRow {
            tag: self.is(3).then(|| "turbo".to_owned()),
            data_collection: Some(self.is(2)),
            zdr: Some(false),
            region: regions[self.up_to(2) as usize].clone(),
            quantization: levels[self.up_to(levels.len() as u64 - 1) as usize],
            parameters: self.is(2).then(|| self.some(&["tools", "seed"].map(str::to_owned), 2)),
            weight: self.is(3).then(|| self.up_to(3) as u32),
            list: Some(self.prices()),
            ..EndpointRow::new(provider, "m")
        }
    }

    fn catalog(&mut self) -> Catalog {
        let mut rows = CatalogRows::default();
        for id in PROVIDERS {
            let mut row = ProviderRow::new(id, Dialect::OpenAi, "https://p.test");
            row.api_keys = vec!["env:K".to_owned()];
            rows.provider.push(row);
        }
        for number in 0..1 + self.up_to(3) {
            let mut model = ModelRow::new(format!("a/{number}"), 4000);
            model.parameters = ["tools", "seed", "temperature"].map(str::to_owned).to_vec();
            for _ in 0..1 + self.up_to(3) {
                let provider = PROVIDERS[self.up_to(3) as usize];
                let mut row = self.endpoint(provider);
                let collects = row.data_collection == Some(true);
                row.zdr = Some(!collects && self.is(2));
                model.endpoint.push(row);
            }
            rows.model.push(model);
        }
        compile(&rows, &CompileOptions::default()).unwrap().catalog
    }

    fn ask(&mut self, catalog: &Catalog) -> Ask {
        let mut ask = Ask::new(catalog);
        let ids: Vec<String> = catalog.models.iter().map(|model| model.id.to_string()).collect();
        ask.model = if self.is(5) { "auto".to_owned() } else { ids[0].clone() };
        let slugs = ["p0", "p1", "p2/turbo", "p1/eu", "off"].map(Box::<str>::from);
        let wishes = &mut ask.wishes;
        wishes.models = self.some(&ids, 4).into_iter().map(Into::into).collect();
        wishes.order = self.some(&slugs, 4);
        wishes.only = if self.is(4) { self.some(&slugs, 2) } else { Vec::new() };
        wishes.ignore = self.some(&slugs, 8);
        wishes.no_fallbacks = self.is(6);
        wishes.require_parameters = self.is(3);
        (wishes.deny_collection, wishes.zdr, wishes.across_models) =
            (self.is(5), self.is(6), self.is(4));
        wishes.sort = self.is(4).then_some(Sort::Price);
        let levels = self.some(Quantization::ALL, 2).into_iter();
        let levels = levels.fold(Quantizations::default(), Quantizations::with);
        wishes.quantizations = Some(levels).filter(|_| self.is(5));
        (wishes.max_price.prompt, wishes.max_price.completion) = (self.cap(5), self.cap(5));
        if self.is(2) {
            wishes.budget = Some(Budget {
                max_input: self.cap(3),
                max_output: self.cap(3),
                max_total: self.cap(3),
                min_total: self.cap(5),
                may_escalate: self.is(3),
                ..Budget::default()
            });
        }
        let allowed = self.some(&ids, 2).into_iter().map(Into::into).collect();
        wishes.auto.allowed = if self.is(2) { allowed } else { Vec::new() };
        wishes.auto.cost = self.is(4).then(|| CostBand { from: 0, below: self.up_to(1000) as u16 });
        self.rest(ask, catalog, &ids)
    }

    fn privacy(&mut self) -> Privacy {
        let regions = self.is(10).then(|| self.some(&["eu", "us"].map(str::to_owned), 2));
        Privacy { deny_collection: self.is(12), zdr: self.is(16), regions }
    }

    fn rest(&mut self, mut ask: Ask, catalog: &Catalog, ids: &[String]) -> Ask {
        ask.key_models = self.is(4).then(|| self.some(ids, 2));
        ask.key_providers = self.is(4).then(|| self.some(&PROVIDERS.map(str::to_owned), 2));
        (ask.key, ask.account) = (self.privacy(), self.privacy());
        ask.free_used = self.is(8);
        ask.needs.input.text_bytes = self.up_to(1000);
        ask.needs.parameters = Parameters::of(self.some(&["tools", "seed", "top_k"], 3));
        let tiers = [ServiceTier::Default, ServiceTier::Flex];
        ask.needs.tier = tiers[usize::from(self.is(4))];
        for health in &mut ask.health {
            let conditions =
                [Condition::Well, Condition::Degraded, Condition::Full, Condition::Ejected];
            health.condition = conditions[self.up_to(3) as usize];
        }
        ask.draw = self.up_to(u64::MAX - 1);
        ask.region = self.is(2).then(|| "eu".to_owned());
        let settled = self.up_to(catalog.endpoints.len() as u64) as usize;
        ask.settled = catalog.endpoints.get(settled).map(Endpoint::mark);
        ask.candidates_max = 1 + self.up_to(7) as usize;
        ask
    }
}

/// Whether the rules of a key, or of its account, let an endpoint see a request.
fn may_see(rules: &Privacy, endpoint: &Endpoint) -> bool {
    let region = endpoint.region.as_deref();
    let is_near = |list: &Vec<String>| list.iter().any(|one| Some(one.as_str()) == region);
    rules.regions.as_ref().is_none_or(is_near)
        && (endpoint.zdr || !rules.zdr)
        && (!endpoint.data_collection || !rules.deny_collection)
}

/// Whether a list of provider names means an endpoint.
fn means(list: &[Box<str>], catalog: &Catalog, endpoint: &Endpoint) -> bool {
    let id = &catalog.provider(endpoint.provider).id;
    let words = [endpoint.tag.as_deref(), endpoint.region.as_deref()];
    let level = Some(endpoint.quantization.name());
    let long = words.into_iter().chain([level]).flatten().map(|word| format!("{id}/{word}"));
    let names: Vec<String> = long.chain([id.to_string()]).collect();
    list.iter().any(|name| names.iter().any(|own| **own == **name))
}

/// Every price of a class that the request may be charged.
fn charged(ask: &Ask, endpoint: &Endpoint, class: TokenClass) -> Vec<u64> {
    let bytes = ask.needs.input.text_bytes + 64;
    let sizes = [0, bytes];
    let tiers = [ServiceTier::Default, ask.needs.tier];
    let pairs = sizes.into_iter().flat_map(|size| tiers.map(|tier| (size, tier)));
    pairs.map(|(size, tier)| endpoint.price.price(class, size, tier).pico()).collect()
}

/// The promises that a candidate breaks.
fn broken(catalog: &Catalog, ask: &Ask, candidate: &Candidate) -> Vec<&'static str> {
    let endpoint = &catalog.endpoints[candidate.endpoint as usize];
    let model = &catalog.models[endpoint.model as usize];
    let provider = &*catalog.provider(endpoint.provider).id;
    let wishes = &ask.wishes;
    let input = charged(ask, endpoint, TokenClass::Input);
    let [output, thought] =
        [TokenClass::Output, TokenClass::Reasoning].map(|class| charged(ask, endpoint, class));
    let output: Vec<u64> = output.iter().zip(&thought).map(|(a, b)| *a.max(b)).collect();
    let is_over = |prices: &[u64], cap: Option<Price>| {
        cap.is_some_and(|cap| prices.iter().any(|price| *price > cap.pico()))
    };
    let total: Vec<u64> = input.iter().zip(&output).map(|(a, b)| a + b).collect();
    let base = [TokenClass::Input, TokenClass::Output].map(|it| endpoint.price.base(it).pico());
    let budget = wishes.budget.clone().unwrap_or_default();
    let is_held = !candidate.is_escalated;
    let not_in = |list: &Option<Vec<String>>, name: &str| {
        list.as_ref().is_some_and(|list| !list.iter().any(|one| one == name))
    };
    let named = std::iter::once(&*ask.model).chain(wishes.models.iter().map(|name| &**name));
    let is_named = named.clone().any(|name| name == &*model.id);
    let band = wishes.auto.cost.unwrap_or(CostBand { from: 0, below: 1000 });
    let auto = (wishes.auto.allowed.is_empty() || wishes.auto.allowed.contains(&model.id))
        && (band.from..band.below).contains(&model.cost_rank);
    let asked = ask.needs.parameters;
    let rules = [
        ("named", is_named || (auto && named.clone().any(|name| name == "auto"))),
        ("reachable", provider != "off" || ask.reaches_all),
        ("key's models", !not_in(&ask.key_models, &model.id)),
        ("key's providers", !not_in(&ask.key_providers, provider)),
        ("key's privacy", may_see(&ask.key, endpoint)),
        ("account's privacy", may_see(&ask.account, endpoint)),
        ("collection", !wishes.deny_collection || !endpoint.data_collection),
        ("retention", !wishes.zdr || endpoint.zdr),
        ("free requests", !ask.free_used || base[0] + base[1] > 0),
        ("only", wishes.only.is_empty() || means(&wishes.only, catalog, endpoint)),
        ("ignore", !means(&wishes.ignore, catalog, endpoint)),
        (
            "order alone",
            !wishes.no_fallbacks
                || wishes.order.is_empty()
                || means(&wishes.order, catalog, endpoint),
        ),
        ("levels", wishes.quantizations.is_none_or(|levels| levels.has(endpoint.quantization))),
        (
            "parameters",
            !wishes.require_parameters
                || asked.names().all(|name| endpoint.parameters.iter().any(|one| &**one == name)),
        ),
        ("tier", endpoint.price.tiers().has(ask.needs.tier)),
        ("prompt", !is_over(&input, wishes.max_price.prompt)),
        ("completion", !is_over(&output, wishes.max_price.completion)),
        ("input cap", !is_held || !is_over(&input, budget.max_input)),
        ("output cap", !is_held || !is_over(&output, budget.max_output)),
        ("total cap", !is_held || !is_over(&total, budget.max_total)),
        ("floor", budget.min_total.is_none_or(|least| base[0] + base[1] >= least.pico())),
        ("escalation", is_held || budget.may_escalate),
    ];
    rules.into_iter().filter(|(_, holds)| !holds).map(|(rule, _)| rule).collect()
}

/// The same question without one constraint.
fn without(ask: &Ask, constraint: Constraint) -> Ask {
    let mut ask = ask.clone();
    let wishes = &mut ask.wishes;
    let mut no_budget = Budget::default();
    let budget = wishes.budget.as_mut().unwrap_or(&mut no_budget);
    match constraint {
        Constraint::KeyModels => ask.key_models = None,
        Constraint::KeyProviders => ask.key_providers = None,
        Constraint::Unreachable => ask.reaches_all = true,
        Constraint::ServiceTier => ask.needs.tier = ServiceTier::Default,
        Constraint::FreeUsed => ask.free_used = false,
        Constraint::Collection => {
            wishes.deny_collection = false;
            (ask.key.deny_collection, ask.account.deny_collection) = (false, false);
        }
        Constraint::Zdr => {
            wishes.zdr = false;
            (ask.key.zdr, ask.account.zdr) = (false, false);
        }
        Constraint::Region => (ask.key.regions, ask.account.regions) = (None, None),
        Constraint::Only => wishes.only.clear(),
        Constraint::Ignore => wishes.ignore.clear(),
        Constraint::Order => wishes.order.clear(),
        Constraint::Quantization => wishes.quantizations = None,
        Constraint::Parameters => wishes.require_parameters = false,
        Constraint::MaxPrice => wishes.max_price = MaxPrice::default(),
        Constraint::CapInput => budget.max_input = None,
        Constraint::CapOutput => budget.max_output = None,
        Constraint::CapTotal => budget.max_total = None,
        Constraint::Floor => budget.min_total = None,
        Constraint::Auto => wishes.auto = AutoWishes::default(),
        other => panic!("{other:?} is not in the dice"),
    }
    ask
}

const DICED: [Constraint; 19] = [
    Constraint::KeyModels,
    Constraint::KeyProviders,
    Constraint::Unreachable,
    Constraint::FreeUsed,
    Constraint::ServiceTier,
    Constraint::Collection,
    Constraint::Zdr,
    Constraint::Region,
    Constraint::Only,
    Constraint::Ignore,
    Constraint::Order,
    Constraint::Quantization,
    Constraint::Parameters,
    Constraint::MaxPrice,
    Constraint::CapInput,
    Constraint::CapOutput,
    Constraint::CapTotal,
    Constraint::Floor,
    Constraint::Auto,
];

#[test]
fn no_plan_breaks_a_rule_and_an_empty_one_says_what_would_help() {
    let mut dice = Dice(5);
    let (mut planned, mut escalated, mut helped, mut helpless) = (0, 0, 0, 0);
    for _ in 0..ROUNDS {
        let catalog = dice.catalog();
        for _ in 0..ASKS {
            let ask = dice.ask(&catalog);
            match ask.explain(&catalog).route {
                Ok(route) => {
                    check_plan(&catalog, &ask, &route);
                    planned += 1;
                    escalated += usize::from(route.candidates[0].is_escalated);
                }
                Err(NoRoute::Filtered(filtered)) if filtered.helps => {
                    let freed = without(&ask, filtered.constraint).explain(&catalog);
                    assert!(freed.route.is_ok(), "{filtered:?} would not help {ask:?}");
                    helped += 1;
                }
                Err(NoRoute::Filtered(filtered)) => {
                    // Another tier has other prices, which may be within caps.
                    let is_priced =
                        ask.wishes.budget.is_some() || ask.wishes.max_price != MaxPrice::default();
                    let is_fair = |one: &Constraint| !is_priced || *one != Constraint::ServiceTier;
                    for constraint in DICED.into_iter().filter(is_fair) {
                        let freed = without(&ask, constraint).explain(&catalog).route;
                        assert!(freed.is_err(), "{constraint:?} helps, not {filtered:?}: {ask:?}");
                    }
                    helpless += 1;
                }
                Err(other) => panic!("{other:?} for {ask:?}"),
            }
        }
    }
    println!("{planned} planned, {escalated} above caps, {helped} helped, {helpless} not");
    assert!([planned, escalated, helped, helpless].into_iter().all(|count| count > 50));
}

fn check_plan(catalog: &Catalog, ask: &Ask, route: &Route) {
    assert!(route.candidates.len() <= ask.candidates_max);
    let is_ejected = |candidate: &Candidate| {
        ask.health[candidate.endpoint as usize].condition == Condition::Ejected
    };
    for (place, candidate) in route.candidates.iter().enumerate() {
        let broken = broken(catalog, ask, candidate);
        assert!(broken.is_empty(), "{broken:?} by {candidate:?} for {ask:?}");
        let before = &route.candidates[..place];
        assert!(before.iter().all(|other| other.endpoint != candidate.endpoint));
        assert!(is_ejected(candidate) || !before.iter().any(is_ejected), "{ask:?}");
        let within = |other: &Candidate| !other.is_escalated && !is_ejected(other);
        assert!(!candidate.is_escalated || !route.candidates.iter().any(within), "{ask:?}");
        assert!(candidate.output_max <= route.worst.output_max);
    }
}
