//! The plan of a request: a few endpoints in order with one worst case for all of them, or the
//! reason why there are none.

use units::TokenClass;

use crate::catalog::{Catalog, Model};
use crate::route::constraint::{Constraint, Violations};
use crate::route::health::Condition;
use crate::route::misses::Misses;
use crate::route::name::{Meaning, Named, named};
use crate::route::needs::{Offer, WorstCost};
use crate::route::own::KeySource;
use crate::route::question::{
    CANDIDATES_MAX, Candidate, Candidates, Explanation, Moment, NoRoute, Question, Route, Verdict,
};
use crate::route::rank::{Absence, Key, Ranking, Standing, drawn};
use crate::route::rules::Rules;
use crate::route::wishes::{Strategy, Wishes};
use crate::rows::TierStatus;

/// So many endpoints are ranked at a time, and so many of them go on.
const RANKED_MAX: usize = 64;
const RANKED_KEPT: usize = 16;

/// Plans a request.
///
/// # Errors
/// There is no route, and why.
pub fn plan(
    catalog: &Catalog,
    question: &Question<'_>,
    moment: &impl Moment,
) -> Result<Route, NoRoute> {
    Planning::new(catalog, question, moment, None).run().0
}

/// Plans a request and explains it.
pub fn explain(catalog: &Catalog, question: &Question<'_>, moment: &impl Moment) -> Explanation {
    let (route, verdicts) = Planning::new(catalog, question, moment, Some(Vec::new())).run();
    let mut verdicts = verdicts.unwrap_or_default();
    if let Ok(route) = &route {
        for verdict in &mut verdicts {
            let is_it = |candidate: &Candidate| candidate.endpoint == verdict.endpoint;
            verdict.place = route.candidates.iter().position(is_it);
        }
    }
    Explanation { route, verdicts }
}

/// An endpoint that is allowed, or was let above its caps.
#[derive(Clone, Copy, Debug)]
struct Ranked {
    key: Key,
    candidate: Candidate,
    cost: WorstCost,
    weight: Option<u32>,
    mark: u32,
}

/// A plan in the making.
struct Planning<'p, M> {
    catalog: &'p Catalog,
    question: &'p Question<'p>,
    moment: &'p M,
    ranked: Vec<Ranked>,
    /// Whether weights count.
    is_default: bool,
    /// Whether an endpoint may have been found under several names.
    may_repeat: bool,
    misses: Misses,
    planned_tier: Option<u32>,
    verdicts: Option<Vec<Verdict>>,
}

impl<'p, M: Moment> Planning<'p, M> {
    fn new(
        catalog: &'p Catalog,
        question: &'p Question<'p>,
        moment: &'p M,
        verdicts: Option<Vec<Verdict>>,
    ) -> Self {
        Self {
            catalog,
            question,
            moment,
            ranked: Vec::new(),
            is_default: true,
            may_repeat: question.wishes.is_some_and(|wishes| !wishes.models.is_empty()),
            misses: Misses::default(),
            planned_tier: None,
            verdicts,
        }
    }

    fn run(mut self) -> (Result<Route, NoRoute>, Option<Vec<Verdict>>) {
        let looked = match self.question.wishes {
            None => self.look(0, self.question.model),
            Some(wishes) => self.look_at_all(wishes),
        };
        let route = looked.and_then(|()| self.choose());
        (route, self.verdicts)
    }

    /// Looks at the endpoints of every name, the one that was drawn before the others.
    fn look_at_all(&mut self, wishes: &Wishes) -> Result<(), NoRoute> {
        let strategy = wishes.budget.as_ref().map(|budget| &budget.strategy);
        let first = match strategy {
            Some(Strategy::Split(shares)) => drawn(shares.iter().copied(), self.moment.draw()),
            _ => None,
        };
        let fallbacks = wishes.models.iter().map(|name| &**name);
        for (place, name) in std::iter::once(self.question.model).chain(fallbacks).enumerate() {
            let is_first = first == Some(place);
            let behind = place.min(usize::from(u16::MAX - 1)) as u16 + 1;
            self.look(if is_first { 0 } else { behind }, name)?;
        }
        Ok(())
    }

    /// Looks at the endpoints of one name.
    fn look(&mut self, place: u16, name: &str) -> Result<(), NoRoute> {
        let Some(Named { meaning, variants }) = named(self.catalog, name) else {
            return Err(NoRoute::Unknown(name.into()));
        };
        let wishes = self.question.wishes;
        let ranking = Ranking::of(wishes, variants);
        self.is_default &= ranking.is_default;
        self.may_repeat |= matches!(meaning, Meaning::Tier(..));
        let question = self.question;
        let is_auto = matches!(meaning, Meaning::Auto);
        let rules = Rules {
            policy: &question.policy,
            wishes,
            needs: &question.needs,
            variants,
            tier: None,
            is_auto,
        };
        let sight = Sight { ranking, rules, tier: None };
        let standing = Standing { name: place, ..Standing::default() };
        match meaning {
            Meaning::Model(model) => self.consider(&sight, model, standing),
            Meaning::Tier(tier, index) if tier.status == TierStatus::Available => {
                let rules = Rules { tier: Some(&tier.id), ..rules };
                let sight = Sight { tier: Some(index), rules, ..sight };
                for (preference, model) in self.catalog.models_of(tier).enumerate() {
                    let preference = preference.min(usize::from(u16::MAX)) as u16;
                    self.consider(&sight, model, Standing { preference, ..standing });
                }
            }
            Meaning::Tier(_, index) => self.planned_tier = Some(index),
            Meaning::Auto => self.consider_all(&sight, standing),
        }
        Ok(())
    }

    /// Considers every listed model: in the catalog's order until there are enough candidates, or
    /// all of them where they are sorted.
    fn consider_all(&mut self, sight: &Sight<'_>, standing: Standing) {
        let is_sorted = sight.ranking.is_sorted;
        for (place, model) in self.catalog.models.iter().enumerate() {
            if model.kind != self.question.needs.kind || !model.listed {
                continue;
            }
            let model_place = if is_sorted { 0 } else { place.min(usize::from(u16::MAX)) as u16 };
            self.consider(sight, model, Standing { model: model_place, ..standing });
            let live = self.ranked.iter().filter(|ranked| ranked.is_live()).count();
            if !is_sorted && live >= self.moment.candidates_max() {
                break;
            }
        }
    }

    fn consider(&mut self, sight: &Sight<'_>, model: &Model, standing: Standing) {
        if self.ranked.is_empty() {
            self.ranked.reserve_exact(model.endpoints.len().min(RANKED_MAX));
        }
        for index in model.endpoints.clone() {
            self.consider_one(sight, model, (index, standing));
        }
    }

    fn consider_one(&mut self, sight: &Sight<'_>, model: &Model, place: (u32, Standing)) {
        let (index, _) = place;
        let endpoint = &self.catalog.endpoints[index as usize];
        let provider = self.catalog.provider(endpoint.provider);
        if self.question.bound.is_some_and(|bound| !bound.holds(endpoint)) {
            return;
        }
        let offer = Offer { model, endpoint, provider };
        let needs = &self.question.needs;
        let input_tokens = needs.input_tokens(&offer);
        let cost = needs.worst(&offer, input_tokens);
        let mut violations = sight.rules.violations(&offer, input_tokens.1);
        let has_shared = self.moment.is_usable(endpoint.provider);
        let sources = self.question.own.sources(&provider.id, &model.id, has_shared);
        violations = violations
            .and_if(model.kind != needs.kind, Constraint::Kind)
            .and_if(needs.dialect.is_some_and(|it| it != provider.dialect), Constraint::Dialect)
            .and_if(sources.is_empty(), Constraint::Unreachable);
        if let Err(constraint) = cost {
            violations = violations.and(constraint);
        }
        if let Some(verdicts) = &mut self.verdicts {
            let tier = sight.tier;
            verdicts.push(Verdict { endpoint: index, tier, violations, place: None });
        }
        let barring = violations.without(sight.waived());
        let is_escalated = barring != violations;
        match cost {
            Ok(cost) if barring.is_empty() => {
                for (source, rests) in sources.each() {
                    let ranked = self.ranked(sight, &offer, place, (&cost, source, rests));
                    self.keep(ranked.escalated(is_escalated));
                }
            }
            _ => self.misses.note(barring, (model.index, sight.tier)),
        }
    }

    /// An allowed endpoint with its place among the others, asked with keys of one source.
    fn ranked(
        &self,
        sight: &Sight<'_>,
        offer: &Offer<'_>,
        (index, standing): (u32, Standing),
        (cost, source, rests): (&WorstCost, KeySource, bool),
    ) -> Ranked {
        let mut health = self.moment.health(index, source, sight.ranking.detail());
        if rests {
            health.condition = Condition::Ejected;
        }
        let needs = &self.question.needs;
        let mut key = sight.ranking.key(offer, (index, standing), (needs, cost, &health));
        key.class.source = source;
        let region = self.moment.region();
        key.is_far = region.is_some() && region != offer.endpoint.region.as_deref();
        let candidate = Candidate {
            endpoint: index,
            tier: sight.tier,
            output_max: cost.output_max,
            is_escalated: false,
            thinks: sight.rules.variants.thinking,
            source,
        };
        let (weight, mark) = (offer.endpoint.weight, offer.endpoint.mark());
        Ranked { key, candidate, cost: *cost, weight, mark }
    }

    fn keep(&mut self, ranked: Ranked) {
        if self.ranked.len() == RANKED_MAX {
            self.ranked.sort_unstable_by_key(|ranked| ranked.key);
            self.ranked.truncate(RANKED_KEPT);
        }
        self.ranked.push(ranked);
    }

    /// Puts what is allowed in order.
    fn choose(&mut self) -> Result<Route, NoRoute> {
        if self.ranked.iter().any(Ranked::is_live) {
            self.ranked.retain(|ranked| !ranked.candidate.is_escalated);
        }
        if self.ranked.len() > 1 {
            self.ranked.sort_unstable_by_key(|ranked| ranked.key);
            if self.may_repeat {
                self.drop_repeats();
            }
            if self.is_default && !self.stay() {
                self.draw_first();
            }
            self.drop_fallbacks();
        }
        let most = self.moment.candidates_max().clamp(1, CANDIDATES_MAX);
        let (worst, worst_free) = (WorstCost::default(), WorstCost::default());
        let mut route = Route { candidates: Candidates::default(), worst, worst_free };
        for ranked in self.ranked.iter().take(most) {
            route.candidates.push(ranked.candidate);
            let is_own = ranked.candidate.source.is_own();
            let at = |fee| if is_own { ranked.cost.fee(fee) } else { ranked.cost };
            route.worst = route.worst.or(at(self.question.own.fee));
            route.worst_free = route.worst_free.or(at((0, 1)));
        }
        if route.candidates.is_empty() { Err(self.why()) } else { Ok(route) }
    }

    /// Puts whoever served the session first, if it is as good as the first but for its price, and
    /// reading from its cache costs no more than reading anew costs at the first. Where endpoints
    /// have shares, each keeps the sessions that fell to it. Answers whether somebody stays.
    fn stay(&mut self) -> bool {
        let Some(mark) = self.moment.settled_at() else { return false };
        let first = &self.ranked[0];
        let equals = self.ranked.iter().take_while(|it| it.key.class == first.key.class);
        let Some(place) = equals.clone().position(|it| it.mark == mark) else { return false };
        let held = &self.ranked[place];
        let price = |ranked: &Ranked, class| {
            self.catalog.endpoints[ranked.candidate.endpoint as usize].price.base(class)
        };
        let stays = if equals.clone().any(Ranked::has_share) {
            held.has_share()
        } else {
            price(held, TokenClass::CacheRead) <= price(first, TokenClass::Input)
        };
        if stays {
            self.ranked[..=place].rotate_right(1);
        }
        stays
    }

    /// Draws the first by weight, among those that are as good as the first.
    fn draw_first(&mut self) {
        let class = self.ranked[0].key.class;
        let equals = self.ranked.iter().take_while(|ranked| ranked.key.class == class);
        let weights = equals.map(|ranked| ranked.weight.unwrap_or(0));
        if let Some(place) = drawn(weights, self.moment.draw()) {
            self.ranked[..=place].rotate_right(1);
        }
    }

    /// An endpoint that was found under several names is tried once, where it comes first.
    fn drop_repeats(&mut self) {
        let mut seen = Vec::with_capacity(self.ranked.len());
        let same = |ranked: &Ranked| (ranked.candidate.endpoint, ranked.candidate.source);
        self.ranked.retain(|ranked| is_new(&mut seen, same(ranked)));
    }

    /// Where fallbacks are not wished and no order names them, the first of each name remains.
    fn drop_fallbacks(&mut self) {
        if self.question.wishes.is_some_and(|it| it.no_fallbacks && it.order.is_empty()) {
            let mut seen = Vec::with_capacity(self.ranked.len());
            self.ranked.retain(|ranked| is_new(&mut seen, ranked.key.class.name));
        }
    }

    fn why(&self) -> NoRoute {
        match (self.misses.filtered(), self.planned_tier) {
            (Some(filtered), _) => NoRoute::Filtered(filtered),
            (None, Some(tier)) => NoRoute::Planned(tier),
            // A model has endpoints and a tier that is not planned has models; of `auto` there may
            // be nothing to choose from.
            (None, None) => NoRoute::Unknown(self.question.model.into()),
        }
    }
}

/// Whether something was not seen before.
fn is_new<T: PartialEq>(seen: &mut Vec<T>, one: T) -> bool {
    let is_new = !seen.contains(&one);
    if is_new {
        seen.push(one);
    }
    is_new
}

impl Ranked {
    /// The same, above a cap that the request lets go or not.
    const fn escalated(mut self, is_escalated: bool) -> Self {
        self.key.class.is_escalated = is_escalated;
        self.candidate.is_escalated = is_escalated;
        self
    }

    fn has_share(&self) -> bool {
        self.weight.is_some_and(|weight| weight > 0)
    }

    fn is_live(&self) -> bool {
        self.key.class.absence != Absence::Ejected && !self.candidate.is_escalated
    }
}

/// How the endpoints of one name are looked at.
#[derive(Clone, Copy)]
struct Sight<'a> {
    ranking: Ranking<'a>,
    rules: Rules<'a>,
    tier: Option<u32>,
}

impl Sight<'_> {
    /// The caps that the request lets go for once, if it must.
    fn waived(&self) -> Violations {
        let budget = self.rules.wishes.and_then(|wishes| wishes.budget.as_ref());
        let may_escalate = budget.is_some_and(|budget| budget.may_escalate);
        if may_escalate { Violations::ESCALATED } else { Violations::NONE }
    }
}
