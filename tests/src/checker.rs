//! Holds the books against the truth: what the upstreams would bill, what each generation was
//! charged, what each account has left. To the picodollar.
//!
//! Pure but for [`check`] and [`check_after_crash`], which gather the facts. A complaint names the
//! generation and both numbers; no complaint means that every finished answer was charged once, at
//! its price, and that nothing else was. After a crash a finished answer may have gone for nothing;
//! what is charged is held against the truth all the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use sandbox::{Outcome, Truth};
use serde_json::Value;
use units::{TokenClass, Tokens, Usd};

use crate::admin::Account;
use crate::config::{Config, Prices};
use crate::gateway::Gateway;
use crate::upstream::Upstream;

/// How long a charge may take to show.
const SETTLE: Duration = Duration::from_secs(5);

/// One generation as the admin port tells it, read strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its id.
    pub id: String,
    /// The model sold.
    pub model: String,
    /// What was used.
    pub usage: Tokens,
    /// Whether the usage is the upstream's own.
    pub reported: bool,
    /// What was charged.
    pub charged: Usd,
    /// What was held before.
    pub held: Option<Usd>,
    /// What nobody paid.
    pub written_off: Usd,
    /// The upstream's id of the answer.
    pub upstream_id: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// The status that the client got; 0 where none is told.
    pub status: u64,
    /// The service tier that was charged.
    pub tier: Option<String>,
    /// What is special about the charge.
    pub flags: Vec<String>,
    /// What the provider charges for the same.
    pub list_cost: Option<Usd>,
    /// Who served it.
    pub provider: String,
}

impl Generation {
    /// Reads what the admin port told.
    pub fn read(told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().map(str::to_owned);
        let money = |name: &str| {
            let amount = told[name].as_str()?;
            Some(amount.parse().unwrap_or_else(|error| panic!("{name} {amount:?}: {error}")))
        };
        Self {
            id: text("id").expect("a generation has an id"),
            model: text("model").expect("a generation has a model"),
            usage: usage(&told["usage"]),
            reported: told["usage_source"] == "reported",
            charged: money("charged").expect("a generation has a charge"),
            held: money("held"),
            written_off: money("written_off").unwrap_or(Usd::ZERO),
            upstream_id: text("upstream_id"),
            outcome: text("outcome").unwrap_or_default(),
            status: told["status"].as_u64().unwrap_or(0),
            tier: text("service_tier"),
            flags: flags(&told["flags"]),
            list_cost: money("list_cost"),
            provider: told["endpoint"]["provider"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// Upstreams' requests by what names them: the generation that each was made for where it was told,
/// else the answer's own id.
struct Requests<'t>(HashMap<&'t str, Vec<&'t Truth>>);

impl<'t> Requests<'t> {
    fn of(truths: &'t [Truth]) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for truth in truths {
            let told = [&truth.caller_request, &truth.generation].into_iter().flatten();
            let name = told.into_iter().find(|id| id.starts_with("gen-")).unwrap_or(&truth.id);
            by_name.entry(name.as_str()).or_default().push(truth);
        }
        Self(by_name)
    }

    /// The request that a generation was charged for, of all that were made for it.
    fn charged_for(&self, generation: &Generation) -> Option<&'t Truth> {
        let upstream_id = generation.upstream_id.as_deref();
        let names = [upstream_id, Some(&*generation.id)].into_iter().flatten();
        let ours = || names.clone().filter_map(|name| self.0.get(name)).flatten().copied();
        let answered = ours().find(|truth| Some(&*truth.id) == upstream_id);
        answered.or_else(|| ours().last())
    }
}

fn flags(told: &Value) -> Vec<String> {
    let words = told.as_array().into_iter().flatten();
    words.map(|word| word.as_str().expect("a word").to_owned()).collect()
}

fn usage(told: &Value) -> Tokens {
    let mut usage = Tokens::ZERO;
    for (name, count) in told.as_object().into_iter().flatten() {
        let class = TokenClass::ALL.into_iter().find(|class| class.name() == name);
        let class = class.unwrap_or_else(|| panic!("no token class is named {name}"));
        usage[class] = count.as_u64().expect("a count");
    }
    usage
}

/// Gathers everything about these accounts and compares it. Books settle within seconds; panics
/// with all complaints that are left then. Answers the generations.
pub fn check(gateway: &Gateway, upstreams: &[&Upstream], accounts: &[&str]) -> Vec<Generation> {
    check_by(gateway, upstreams, accounts, check_generations)
}

/// As [`check`], of books that a crash may have kept the last finished answers from.
pub fn check_after_crash(
    gateway: &Gateway,
    upstreams: &[&Upstream],
    accounts: &[&str],
) -> Vec<Generation> {
    check_by(gateway, upstreams, accounts, check_charges)
}

type CheckGenerations = fn(&[Generation], &[Truth], &Config) -> Vec<String>;

fn check_by(
    gateway: &Gateway,
    upstreams: &[&Upstream],
    accounts: &[&str],
    how: CheckGenerations,
) -> Vec<Generation> {
    let truths: Vec<_> = upstreams.iter().flat_map(|upstream| upstream.truths()).collect();
    let until = Instant::now() + SETTLE;
    loop {
        // A look that began while the books were settling proves nothing, however long it took.
        let is_settled = Instant::now() >= until;
        let (generations, complaints) = compare(gateway, &truths, accounts, how);
        if complaints.is_empty() {
            return generations;
        }
        assert!(!is_settled, "the books are wrong:\n{}", complaints.join("\n"));
        thread::sleep(Duration::from_millis(50));
    }
}

fn compare(
    gateway: &Gateway,
    truths: &[Truth],
    accounts: &[&str],
    how: CheckGenerations,
) -> (Vec<Generation>, Vec<String>) {
    let mut complaints = Vec::new();
    let mut all = Vec::new();
    for account in accounts {
        let told = gateway.admin.generations(account);
        let generations: Vec<_> = told.iter().map(Generation::read).collect();
        complaints.extend(check_account(&gateway.admin.account(account), &generations));
        all.extend(generations);
    }
    complaints.extend(how(&all, truths, &gateway.config));
    let audit = gateway.admin.get("/admin/v1/ledger/audit?full=1");
    if audit["ok"] != true {
        complaints.push(format!("the ledger's own audit fails: {audit}"));
    }
    (all, complaints)
}

/// An account against its generations.
pub fn check_account(account: &Account, generations: &[Generation]) -> Vec<String> {
    let id = &account.id;
    let mut complaints = Vec::new();
    let mut same = |what: &str, left: Usd, right: Usd| {
        if left != right {
            complaints.push(format!("{id}: {what}: {left} is not {right}"));
        }
    };
    let charged: Usd = generations.iter().map(|generation| generation.charged).sum();
    same("spent = the charges of its generations", account.spent, charged);
    let came = [account.topped_up, account.granted, account.adjusted, account.refunded];
    let went = [-account.spent, -account.expired, -account.paid_back];
    let left: Usd = came.into_iter().chain(went).sum();
    same("balance = what came in less what went out", account.balance, left);
    let free: Usd = [account.balance, -account.held].into_iter().sum();
    same("available = balance - held", account.available, free);
    same("held = nothing, once all has ended", account.held, Usd::ZERO);
    complaints
}

/// Generations against the truth: each charge is right, each finished answer was charged once, and
/// whatever an upstream was asked for is in the books, if only as a request that cost nothing.
pub fn check_generations(
    generations: &[Generation],
    truths: &[Truth],
    config: &Config,
) -> Vec<String> {
    let mut complaints = check_charges(generations, truths, config);
    let known: HashSet<_> = generations.iter().map(|generation| &*generation.id).collect();
    let named = truths.iter().filter_map(|truth| truth.caller_request.as_deref());
    for id in named.filter(|id| id.starts_with("gen-") && !known.contains(id)) {
        complaints.push(format!("{id} was asked for, and is not in the books"));
    }
    let found = served(generations, &Requests::of(truths));
    for truth in truths.iter().filter(|truth| truth.outcome == Outcome::Finished) {
        let generation = match found.get(truth.request.as_str()).map(Vec::as_slice) {
            Some([generation]) => generation,
            other => {
                let times = other.map_or(0, <[_]>::len);
                complaints.push(format!("{} finished, and has {times} generations", truth.id));
                continue;
            }
        };
        // An answer that the client was never given is the operator's loss.
        let is_lost = generation.status >= 400 || generation.outcome == "partial_free";
        let prices = config.prices_of(&generation.model);
        let is_free = prices.is_some_and(|prices| prices.cost(&generation.usage).is_zero());
        if generation.charged.is_zero() && !is_lost && !is_free {
            let Generation { id, outcome, .. } = generation;
            complaints.push(format!("{id}: charged 0, the truth finished ({outcome})"));
        }
    }
    complaints
}

/// Generations against the truth: each charge is right, and none is there twice.
pub fn check_charges(generations: &[Generation], truths: &[Truth], config: &Config) -> Vec<String> {
    let mut complaints = Vec::new();
    let requests = Requests::of(truths);
    for (request, generations) in served(generations, &requests) {
        if generations.len() > 1 {
            complaints.push(format!("{request} has {} generations", generations.len()));
        }
    }
    for generation in generations {
        match config.prices_of(&generation.model) {
            Some(prices) => {
                let truth = requests.charged_for(generation);
                complaints.extend(check_charge(generation, truth, prices, config.multiplier));
            }
            None => complaints.push(format!("{}: no model {}", generation.id, generation.model)),
        }
    }
    complaints
}

/// The generations of each request that was charged for, by the upstream's name of it.
fn served<'t>(
    generations: &'t [Generation],
    requests: &Requests<'t>,
) -> BTreeMap<&'t str, Vec<&'t Generation>> {
    let mut served: BTreeMap<&str, Vec<&Generation>> = BTreeMap::new();
    for generation in generations {
        if let Some(truth) = requests.charged_for(generation) {
            served.entry(&truth.request).or_default().push(generation);
        }
    }
    served
}

/// One charge: the truth times the price; its usage times the price, and within its hold, where
/// the truth was not told to the gateway.
fn check_charge(
    generation: &Generation,
    truth: Option<&Truth>,
    prices: &Prices,
    multiplier: (i128, i128),
) -> Option<String> {
    let Generation { id, charged, held, reported, list_cost, .. } = generation;
    let tier = generation.tier.as_deref().unwrap_or("default");
    let cost = |usage: &Tokens| cost_at(prices, usage, tier);
    let by_usage = cost(&generation.usage);
    let paid: Usd = [*charged, generation.written_off].into_iter().sum();
    if charged.is_zero() && generation.written_off.is_zero() {
        return None;
    }
    // Only what the provider itself reports may go beyond the hold, at the account's expense.
    if held.is_some_and(|held| *charged > held && !held.is_zero()) && !reported {
        return Some(format!("{id}: charged {charged}, more than its hold"));
    }
    // A stream that is cut at its hold is charged the hold; an estimate stops there.
    let is_hold = *held == Some(*charged);
    let at_hold = is_hold && (generation.outcome == "cut_at_hold" || by_usage >= *charged);
    if paid != by_usage && !at_hold {
        return Some(format!("{id}: charged {paid}, its usage costs {by_usage}"));
    }
    let served = truth.and_then(|truth| truth.tier.as_deref()).unwrap_or(tier);
    let by_served = cost_at(prices, &generation.usage, served);
    let is_capped = generation.flags.iter().any(|flag| flag == "tier_capped");
    if by_served < by_usage || (tier != served && !is_capped) {
        return Some(format!("{id}: served as {served}, charged as {tier}"));
    }
    let is_sold_at =
        |list_cost: Usd| list_cost.pico() * multiplier.0 == by_served.pico() * multiplier.1;
    if !list_cost.is_none_or(is_sold_at) {
        return Some(format!("{id}: costs {by_served} at the provider, not {list_cost:?}"));
    }
    if *reported && truth.is_none() {
        return Some(format!("{id}: its usage was reported, but by whom?"));
    }
    let finished = truth.filter(|truth| truth.outcome == Outcome::Finished)?;
    let mut true_usage = finished.billed.tokens();
    true_usage[TokenClass::Request] = 1;
    let true_cost = cost(&true_usage);
    let is_wrong = *reported && true_cost != paid;
    is_wrong.then(|| format!("{id}: charged {paid}, the truth costs {true_cost} ({finished:?})"))
}

fn cost_at(prices: &Prices, usage: &Tokens, tier: &str) -> Usd {
    prices.for_request(usage, Some(tier)).cost(usage)
}

#[cfg(test)]
mod tests;
