//! What an answer says of its own route: the brand's metadata, and the explanation asked for.
//!
//! It stands in a whole answer, and in the last chunk of a stream: the one behind which no choice
//! and no usage follows. Invariants: said once, of the endpoint that served, at the prices of what
//! was counted by then; what stands behind a tier is named by its route's number alone. Where the
//! brand tells nothing and nobody asked, there is no note and nothing is made.
//! Left out on purpose: errors, whose form is `refuse`'s.

use catalog::Endpoint;
use catalog::route::{Budget, Candidate, Sort, Strategy, blended, route_id};
use dialect::Finish;
use dialect::openai_chat::add_member;
use ledger::record::Attempts;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use units::{Price, TokenClass};

use crate::answer_head::AnswerHead;
use crate::stage::attempt::Request;
use crate::stage::meter::Meter;
use crate::stage::refuse::EXPLANATION;

/// What is to be said of a route, until it is.
pub struct Note<'a> {
    request: &'a Request<'a>,
    head: &'a AnswerHead,
    endpoint: u32,
    attempts: Attempts,
}

impl<'a> Note<'a> {
    /// The note of an answer that an endpoint begins after these attempts.
    pub fn of(
        request: &'a Request<'a>,
        head: &'a AnswerHead,
        (endpoint, attempts): (u32, Attempts),
    ) -> Option<Self> {
        let is_told = request.local.settings.brand.metadata_prefix.is_some();
        (is_told || head.explanation.is_some()).then_some(Self {
            request,
            head,
            endpoint,
            attempts,
        })
    }

    /// Whether the chunk that was metered last is the last one.
    pub fn is_due(&self, meter: &Meter, wants_usage: bool) -> bool {
        let is_answered = meter.is_answered(self.request.intent.choices);
        is_answered && (!wants_usage || meter.was_told_usage())
    }

    /// Adds it to the object that ends `out`.
    pub fn add(&self, meter: &Meter, out: &mut Vec<u8>) {
        if let Some(prefix) = self.request.local.settings.brand.metadata_prefix.as_deref() {
            let has_failed = meter.finish == Finish::Error;
            let status = if has_failed { "failed" } else { "completed" };
            add_member(&format!("{prefix}_status"), &status, out);
            add_member(&format!("{prefix}_route"), &self.route(prefix, meter), out);
        }
        if let Some(explanation) = &self.head.explanation {
            let mut told = Value::clone(explanation);
            told["served_by"] = route_id(self.served().offer).into();
            told["attempts"] = attempts_told(&self.attempts);
            add_member(EXPLANATION, &told, out);
        }
    }

    fn served(&self) -> &'a Endpoint {
        &self.request.published.catalog().endpoints[self.endpoint as usize]
    }

    fn route<'n>(&'n self, prefix: &'n str, meter: &Meter) -> Route<'n> {
        let metered = meter.price_run(self.request, self.endpoint);
        let (table, input_tokens) = (&self.served().price, metered.tokens.input_total());
        let ceiling = self.request.ceiling(self.endpoint).unwrap_or_default();
        let price = |class| table.price_within(class, input_tokens, metered.tier, &ceiling);
        let candidate = self.request.candidate(self.endpoint).copied().unwrap_or_default();
        let (input, output) = (price(TokenClass::Input), price(TokenClass::Output));
        Route { note: self, prefix, candidate, input, output }
    }
}

/// What was tried, as an explanation tells it.
pub fn attempts_told(attempts: &Attempts) -> Value {
    let told = attempts.as_slice().iter().map(|attempt| {
        let route = route_id(attempt.offer);
        json!({ "route_id": route, "status": attempt.status, "ms": attempt.ms })
    });
    told.collect::<Vec<Value>>().into()
}

/// The metadata of a route, in the order in which it is read.
struct Route<'n> {
    note: &'n Note<'n>,
    prefix: &'n str,
    candidate: Candidate,
    input: Price,
    output: Price,
}

impl Route<'_> {
    fn budget(&self) -> Option<&Budget> {
        self.note.request.intent.wishes.as_ref()?.budget.as_ref()
    }

    /// Why this route and no other, in a sentence.
    fn reason(&self, level: Option<&str>) -> String {
        let choice = self.choice();
        let level = level.map(|level| format!("{level}-tier ")).unwrap_or_default();
        let caps = self.note.request.intent.wishes.as_ref().and_then(|it| it.ceiling(false));
        let caps = match (caps, self.candidate.is_escalated) {
            (_, true) => " above the declared cap for once, as none inside it was live",
            (Some(_), false) => " inside the declared cap",
            (None, false) => "",
        };
        let failed = self.note.attempts.as_slice().len().saturating_sub(1);
        let after = match failed {
            0 => String::new(),
            1 => ", after another one had failed".to_owned(),
            more => format!(", after {more} others had failed"),
        };
        format!("Selected the {choice} live {level}route{caps}{after}.")
    }

    /// What the route is among those that were left when it was asked.
    fn choice(&self) -> &'static str {
        let intent = self.note.request.intent;
        let wishes = intent.wishes.as_deref();
        let sort = wishes.and_then(|wishes| wishes.sort);
        let is_ordered = wishes.is_some_and(|wishes| !wishes.order.is_empty());
        let has_variant = |name| intent.model.split(':').skip(1).any(|variant| variant == name);
        match (sort, self.budget().map(|budget| &budget.strategy)) {
            _ if is_ordered => "first",
            (Some(Sort::Throughput), _) => "fastest",
            (Some(Sort::Latency), _) => "promptest",
            (None, _) if has_variant("nitro") => "fastest",
            (None, Some(Strategy::Continuity)) => "steadiest",
            _ if self.is_cheapest() => "cheapest",
            _ => "best",
        }
    }

    /// Whether none of those behind it in the plan is cheaper; a share or a session may have been
    /// the reason instead.
    fn is_cheapest(&self) -> bool {
        let Request { plan, published, .. } = self.note.request;
        let price = |endpoint: u32| {
            let table = &published.catalog().endpoints[endpoint as usize].price;
            blended(table.base(TokenClass::Input), table.base(TokenClass::Output))
        };
        let own = price(self.note.endpoint);
        let behind = plan.candidates.iter().skip_while(|it| it.endpoint != self.note.endpoint);
        behind.map(|candidate| price(candidate.endpoint)).all(|other| own <= other)
    }
}

impl Serialize for Route<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let catalog = self.note.request.published.catalog();
        let served = self.note.served();
        let tier = self.candidate.tier.map(|tier| &catalog.tiers[tier as usize]);
        let model = &catalog.models[served.model as usize];
        let (level, family) =
            tier.map_or((None, None), |tier| (tier.level.as_deref(), tier.model_family.as_deref()));
        let [input, output, blend] =
            [self.input, self.output, blended(self.input, self.output)].map(|it| it.to_string());
        let budget = self.budget();
        let strategy = budget.map(|it| &it.strategy).unwrap_or(&Strategy::Balanced).name();
        let continuity = budget.map(|budget| budget.continuity).unwrap_or_default();
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("alias", tier.map_or(&model.id, |tier| &tier.id))?;
        let is_extraction = self.note.request.intent.extraction.is_some();
        map.serialize_entry("task", if is_extraction { "extraction" } else { "chat" })?;
        map.serialize_entry("route_id", &route_id(served.offer))?;
        map.serialize_entry("intelligence_level", &level)?;
        map.serialize_entry("model_family", &family)?;
        map.serialize_entry("input_per_1m", &input)?;
        map.serialize_entry("output_per_1m", &output)?;
        map.serialize_entry("currency", "USD")?;
        map.serialize_entry("input_usd_per_1m", &input)?;
        map.serialize_entry("output_usd_per_1m", &output)?;
        map.serialize_entry("estimated_cost_usd_per_1m", &blend)?;
        map.serialize_entry(&format!("{}_fee_rate", self.prefix), "0")?;
        map.serialize_entry("estimated_total_usd_per_1m", &blend)?;
        map.serialize_entry("rpm_cap", &self.note.head.rate.map(|rate| rate.limit))?;
        map.serialize_entry("strategy", strategy)?;
        map.serialize_entry("continuity_mode", continuity.name())?;
        let may_escalate = budget.is_some_and(|budget| budget.may_escalate);
        map.serialize_entry("escalation_allowed", &may_escalate)?;
        map.serialize_entry("escalated", &self.candidate.is_escalated)?;
        map.serialize_entry("reason", &self.reason(level))?;
        map.end()
    }
}
