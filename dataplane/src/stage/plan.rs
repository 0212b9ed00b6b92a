//! Stage 4, plan: which endpoints may serve the request, and what it can cost at worst. Pure.
//!
//! Invariants: a plan is never empty; its worst case covers every candidate at the dearest price
//! it may be served at, so one hold covers all attempts. What no endpoint can bound or price is
//! refused here, before any money is held.
//! Left out on purpose: choosing, which is the catalog's; dialling (`exchange`), and how much
//! credit there is (`admit`).

mod bound;
mod unroutable;

use catalog::route::{
    self, Bound, Candidates, Detail, InputBound, KeySource, Moment, Needs, OwnKey, OwnKeys, Policy,
    Question, Route, Verdict,
};
use catalog::{Catalog, ProviderIndex, ServiceTier};
use dialect::{Intent, hash};
use units::{UnixMillis, Usd};

use crate::fault::{Code, Fault};
use crate::health::Health;
use crate::local::published::{KeyEntry, Published};
use crate::route::Surface;
use crate::stage::plan::unroutable::unroutable;

/// Output tokens that a cap is never lowered below, unless the client asked for fewer.
const OUTPUT_CAP_FLOOR: u64 = 256;
/// Without a client limit and with little credit, at least so many output tokens are aimed at.
const OUTPUT_CAP_DEFAULT: u64 = 4096;

/// What a request may be served by, and what that costs at most. In a box, as it is made once and
/// then goes from stage to stage.
#[derive(Debug, Default)]
pub struct Plan {
    /// Whom to try, in order.
    pub candidates: Candidates,
    /// The price tier asked for.
    pub tier: ServiceTier,
    /// The most that input and fees can cost.
    pub input_cost_max: Usd,
    /// The same for each run after the first.
    pub later_input_cost_max: Usd,
    /// The most that one output token of each choice can cost, all choices together.
    pub output_token_cost_max: Usd,
    /// Output tokens aimed at, for each choice.
    pub output_cap: u64,
    /// The client's own limit; without one the cap also depends on the credit.
    pub output_limit: Option<u64>,
    output_cap_floor: u64,
    /// How often a model may be asked, of an extraction that is repaired; else once.
    pub runs: u64,
    /// The input tokens it probably counts.
    pub input_tokens_estimate: u64,
    /// The most input tokens that it was held for.
    pub input_tokens_max: u64,
    /// The number under which it is kept in mind who served its session.
    pub session: u64,
    /// What using a customer's own key costs, as a part of the price: numerator, denominator.
    pub own_key_fee: (u64, u64),
    /// The three most costs where an own key has no fee, if one may serve that has.
    pub without_fee: Option<[Usd; 3]>,
    /// Whether the request is a free one: an own key has no fee.
    pub is_free_request: bool,
    /// Whether one of the candidates serves it for nothing, on a key of ours.
    pub may_be_free: bool,
    /// Whether it was asked at a provider's own path: the answer keeps the provider's names.
    pub is_bound: bool,
}

impl Plan {
    fn of(
        catalog: &Catalog,
        route: &Route,
        question: &Question<'_>,
        (session, thinking): (u64, Option<u64>),
    ) -> Box<Self> {
        let needs = &question.needs;
        let (worst, limit) = (route.worst, needs.output_limit);
        let fee = question.own.fee;
        let may_pay = fee.0 > 0 && route.candidates.iter().any(|one| one.source.is_own());
        let free = route.worst_free;
        let is_free = |one: &route::Candidate| {
            !one.source.is_own() && catalog.endpoints[one.endpoint as usize].is_free()
        };
        Box::new(Self {
            candidates: route.candidates,
            tier: needs.tier,
            input_cost_max: worst.input,
            later_input_cost_max: worst.input_later,
            output_token_cost_max: worst.output_token,
            output_cap: worst.output_max,
            output_limit: limit,
            output_cap_floor: cap_floor(limit, thinking).min(worst.output_max),
            runs: 1,
            input_tokens_estimate: worst.input_tokens_estimate,
            input_tokens_max: worst.input_tokens_max,
            session,
            own_key_fee: fee,
            without_fee: may_pay.then_some([free.input, free.input_later, free.output_token]),
            is_free_request: false,
            may_be_free: route.candidates.iter().any(is_free),
            is_bound: question.bound.is_some(),
        })
    }

    /// Makes it a free request: the most that it costs is that without a fee.
    pub fn take_free_request(&mut self) {
        if let Some([input, input_later, output_token]) = self.without_fee {
            (self.input_cost_max, self.later_input_cost_max) = (input, input_later);
            self.output_token_cost_max = output_token;
            self.is_free_request = true;
        }
    }

    /// What is paid of a price where a customer's own key serves: the fee, rounded up once.
    pub fn own_key_cost(&self, price: Usd) -> Usd {
        let (part, of) = if self.is_free_request { (0, 1) } else { self.own_key_fee };
        price.mul_ratio_up(part, of).unwrap_or(price)
    }

    /// What the request costs at most with an output cap; `None` beyond what can be counted.
    pub fn worst_cost(&self, output_cap: u64) -> Option<Usd> {
        let output = self.output_token_cost_max.checked_mul(output_cap)?.checked_mul(self.runs)?;
        output.checked_add(self.all_input_cost_max()?)
    }

    /// The most that the input and the fees of all runs can cost.
    fn all_input_cost_max(&self) -> Option<Usd> {
        self.later_input_cost_max.checked_mul(self.runs - 1)?.checked_add(self.input_cost_max)
    }

    /// Plans one run less; false where there is only one.
    pub const fn drop_run(&mut self) -> bool {
        let has_more = self.runs > 1;
        self.runs -= has_more as u64;
        has_more
    }

    /// The cap may be lowered to what the credit affords, but not below this. Further runs are not
    /// bought by shorter answers.
    pub fn output_cap_floor(&self) -> u64 {
        if self.runs > 1 { self.expected_output() } else { self.output_cap_floor }
    }

    /// The output tokens for each choice that `credit` pays for.
    pub fn affordable_cap(&self, credit: Usd) -> u64 {
        let Some(input) = self.all_input_cost_max() else { return 0 };
        let left = credit.pico().saturating_sub(input.pico());
        let each = self.output_token_cost_max.pico().saturating_mul(i128::from(self.runs));
        match (left, each) {
            (..=-1, _) => 0,
            (_, 0) => u64::MAX,
            (left, each) => u64::try_from(left / each).unwrap_or(u64::MAX),
        }
    }

    /// The tokens that the request will probably use: of a client that sets no limit of output, the
    /// usual limit is expected.
    pub fn expected_tokens(&self, choices: u64) -> u64 {
        let output = self.expected_output().saturating_mul(choices);
        self.input_tokens_estimate.saturating_add(output)
    }

    /// Those of them that come out, for each choice.
    pub fn expected_output(&self) -> u64 {
        let usual = self.output_cap.min(OUTPUT_CAP_DEFAULT);
        self.output_limit.map_or(usual, |limit| limit.min(self.output_cap))
    }

    /// The cap to aim at with this much credit.
    pub fn cap_for(&self, credit: Usd) -> u64 {
        if self.output_limit.is_some() {
            return self.output_cap;
        }
        let eighth = self.affordable_cap(Usd::from_pico(credit.pico() / 8));
        self.output_cap.min(eighth.max(OUTPUT_CAP_DEFAULT))
    }
}

/// The output cap below which a request is better refused: what its client asks for at least, and
/// more than what is to be thought before an answer.
fn cap_floor(limit: Option<u64>, thinking: Option<u64>) -> u64 {
    let asked = limit.unwrap_or(u64::MAX).min(OUTPUT_CAP_FLOOR);
    thinking.map_or(asked, |budget| asked.max(budget.saturating_add(1)))
}

/// What is asked of the planner.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What the request asks for.
    pub intent: &'a Intent,
    /// Under whose rules.
    pub surface: Surface,
    /// The provider whose own path it was asked at.
    pub provider: Option<ProviderIndex>,
    /// How its input is bounded.
    pub input_bound: InputBound,
    /// Where this data plane is, if it says so.
    pub region: Option<&'a str>,
    /// The most candidates.
    pub attempts: usize,
    /// The number of the request: what is left to chance depends on it, where no session is named.
    pub number: u64,
    /// How endpoints and keys do.
    pub health: &'a Health,
    /// The time of the plan.
    pub now: UnixMillis,
    /// Whether the key's account has had all that it may have for nothing.
    pub free_used: bool,
}

/// Plans a request for a key.
pub fn plan(
    published: &Published,
    key: &KeyEntry,
    asking: &Asking<'_>,
) -> Result<Box<Plan>, Fault> {
    let catalog = published.catalog();
    let own_keys = own_keys(published, key, asking);
    let own = OwnKeys { keys: &own_keys, fee: published.own_key_fee() };
    let question = question(catalog, (key, own), asking)?;
    let then = Then::new(published, key, asking);
    match route::plan(catalog, &question, &then) {
        Ok(route) => Ok(Plan::of(catalog, &route, &question, then.kept())),
        Err(why) => Err(unroutable(catalog, &why, key, (asking.surface, asking.intent.client))),
    }
}

/// A plan with what became of every endpoint that was looked at.
pub struct Explained {
    /// The plan, or why there is none.
    pub plan: Result<Box<Plan>, Fault>,
    /// Every endpoint that was looked at.
    pub verdicts: Vec<Verdict>,
}

/// As [`plan`], explained.
pub fn explain(
    published: &Published,
    key: &KeyEntry,
    asking: &Asking<'_>,
) -> Result<Explained, Fault> {
    let catalog = published.catalog();
    let own_keys = own_keys(published, key, asking);
    let own = OwnKeys { keys: &own_keys, fee: published.own_key_fee() };
    let question = question(catalog, (key, own), asking)?;
    let then = Then::new(published, key, asking);
    let explanation = route::explain(catalog, &question, &then);
    let plan = explanation.route.map(|route| Plan::of(catalog, &route, &question, then.kept()));
    let plan =
        plan.map_err(|why| unroutable(catalog, &why, key, (asking.surface, asking.intent.client)));
    Ok(Explained { plan, verdicts: explanation.verdicts })
}

/// The moment of a plan.
struct Then<'a> {
    published: &'a Published,
    asking: &'a Asking<'a>,
    draw: u64,
    session: u64,
    /// Whether the session may have been served before.
    is_old: bool,
}

impl<'a> Then<'a> {
    fn new(published: &'a Published, key: &KeyEntry, asking: &'a Asking<'a>) -> Self {
        let intent = asking.intent;
        let of_account = |number: u64| spread(number ^ key.account.0.rotate_left(32));
        let named = intent.session.or(intent.cache_key);
        let session = named.unwrap_or(intent.conversation);
        // What is cached is cached for a model.
        let session = of_account(session) ^ hash(intent.model.as_bytes());
        let draw = of_account(named.unwrap_or(asking.number));
        let is_old = named.is_some() || intent.continues;
        Self { published, asking, draw, session, is_old }
    }
}

impl Then<'_> {
    /// What of it a plan keeps: the session, and how much is to be thought.
    const fn kept(&self) -> (u64, Option<u64>) {
        (self.session, self.asking.intent.thinking_budget)
    }
}

impl Moment for Then<'_> {
    fn is_usable(&self, provider: ProviderIndex) -> bool {
        self.published.is_usable(provider)
    }

    fn health(&self, endpoint: u32, source: KeySource, detail: Detail) -> route::Health {
        let Asking { health, now, .. } = *self.asking;
        let endpoint = &self.published.catalog().endpoints[endpoint as usize];
        let shared = (!source.is_own()).then(|| self.published.upstream(endpoint.provider));
        health.of(endpoint, shared, (detail, now))
    }

    fn settled_at(&self) -> Option<u32> {
        let Asking { health, now, .. } = self.asking;
        self.is_old.then(|| health.sessions.find(self.session, *now))?
    }

    fn region(&self) -> Option<&str> {
        self.asking.region
    }

    fn draw(&self) -> u64 {
        self.draw
    }

    fn candidates_max(&self) -> usize {
        self.asking.attempts
    }
}

/// The customer's own provider keys that this key may use.
fn own_keys<'a>(published: &'a Published, key: &KeyEntry, asking: &Asking<'_>) -> Vec<OwnKey<'a>> {
    let Some(own) = published.own_keys(key.account) else { return Vec::new() };
    let reaches = |provider: &str| published.is_reached(provider);
    own.for_plan(key.id, reaches, (asking.health, asking.now))
}

fn question<'a>(
    catalog: &'a Catalog,
    (key, own): (&'a KeyEntry, OwnKeys<'a>),
    asking: &Asking<'a>,
) -> Result<Question<'a>, Fault> {
    let intent = asking.intent;
    let (model, bound) = match asking.provider {
        None => (&*intent.model, None),
        Some(provider) => {
            let (model, theirs) = bound::named(catalog, provider, intent)?;
            (model, Some(Bound { provider, model: theirs }))
        }
    };
    Ok(Question {
        model,
        wishes: intent.wishes.as_deref(),
        needs: needs(asking, requested_tier(intent)?),
        policy: Policy {
            models: key.allowed_models.as_deref(),
            providers: key.allowed_providers.as_deref(),
            deny_collection: key.privacy.deny_collection,
            zdr: key.privacy.zdr,
            regions: key.privacy.regions.as_deref(),
            free_used: asking.free_used,
        },
        own,
        bound,
    })
}

fn needs(asking: &Asking<'_>, tier: ServiceTier) -> Needs {
    let intent = asking.intent;
    Needs {
        kind: intent.client.kind(),
        dialect: intent.client.only_upstream(),
        input: intent.input,
        output_limit: intent.output_limit,
        choices: intent.choices,
        tier,
        audio_output: intent.audio_output,
        web_search: intent.web_search,
        foreign_tools: intent.foreign_tools,
        parameters: intent.parameters,
        bound: asking.input_bound,
    }
}

/// Numbers that are near each other become such as are not (splitmix64).
const fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn requested_tier(intent: &Intent) -> Result<ServiceTier, Fault> {
    match intent.service_tier.as_deref() {
        None | Some("auto") => Ok(ServiceTier::Default),
        Some(name) => ServiceTier::from_name(name).ok_or_else(|| {
            let message = format!("the service tier `{name}` is not offered; leave it out");
            Fault::new(Code::UnsupportedForModel, message).about("service_tier")
        }),
    }
}

#[cfg(test)]
mod tests;
