//! Holds the books against the truth: what the upstreams would bill, what each generation was
//! charged, what each account has left. To the picodollar.
//!
//! Pure but for [`check`], which gathers the facts. A complaint names the generation and both
//! numbers; no complaint means that every finished answer was charged once, at its price, and that
//! nothing else was.

use std::collections::BTreeMap;
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
        }
    }

    /// Whether an upstream's request was made for this generation.
    fn is_of(&self, truth: &Truth) -> bool {
        match truth.generation.as_deref() {
            Some(named) if named.starts_with("gen-") => named == self.id,
            _ => self.upstream_id.as_ref() == Some(&truth.id),
        }
    }

    /// The request that was charged, of all that were made.
    fn charged_for<'t>(&self, truths: &'t [Truth]) -> Option<&'t Truth> {
        let ours = || truths.iter().filter(|truth| self.is_of(truth));
        let answered = ours().find(|truth| self.upstream_id.as_ref() == Some(&truth.id));
        answered.or_else(|| ours().next_back())
    }
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
/// with all complaints that are left then.
pub fn check(gateway: &Gateway, upstreams: &[&Upstream], accounts: &[&str]) {
    let truths: Vec<_> = upstreams.iter().flat_map(|upstream| upstream.truths()).collect();
    let until = Instant::now() + SETTLE;
    loop {
        let complaints = complaints(gateway, &truths, accounts);
        if complaints.is_empty() {
            return;
        }
        let all = complaints.join("\n");
        assert!(Instant::now() < until, "the books are wrong:\n{all}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn complaints(gateway: &Gateway, truths: &[Truth], accounts: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut all = Vec::new();
    for account in accounts {
        let told = gateway.admin.generations(account);
        let generations: Vec<_> = told.iter().map(Generation::read).collect();
        complaints.extend(check_account(&gateway.admin.account(account), &generations));
        all.extend(generations);
    }
    complaints.extend(check_generations(&all, truths, &gateway.config));
    let audit = gateway.admin.get("/admin/v1/ledger/audit?full=1");
    if audit["ok"] != true {
        complaints.push(format!("the ledger's own audit fails: {audit}"));
    }
    complaints
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
    let went = [-account.spent, -account.expired];
    let left: Usd = came.into_iter().chain(went).sum();
    same("balance = what came in less what went out", account.balance, left);
    let free: Usd = [account.balance, -account.held].into_iter().sum();
    same("available = balance - held", account.available, free);
    same("held = nothing, once all has ended", account.held, Usd::ZERO);
    complaints
}

/// Generations against the truth: each charge is right, and each finished answer was charged once.
pub fn check_generations(
    generations: &[Generation],
    truths: &[Truth],
    config: &Config,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for generation in generations {
        let truth = generation.charged_for(truths);
        if let Some(truth) = truth {
            *found.entry(&truth.request).or_default() += 1;
        }
        let Some(prices) = config.prices_of(&generation.model) else {
            complaints.push(format!("{}: no model {} here", generation.id, generation.model));
            continue;
        };
        complaints.extend(check_charge(generation, truth, prices));
    }
    for truth in truths.iter().filter(|truth| truth.outcome == Outcome::Finished) {
        let times = found.get(truth.request.as_str()).copied().unwrap_or(0);
        if times != 1 {
            let what = format!("{} finished upstream, and has {times} generations", truth.id);
            complaints.push(what);
        }
    }
    complaints
}

/// One charge: the truth times the price; its usage times the price, and within its hold, where
/// the truth was not told to the gateway.
fn check_charge(generation: &Generation, truth: Option<&Truth>, prices: &Prices) -> Option<String> {
    let Generation { id, charged, held, .. } = generation;
    let by_usage = prices.cost(&generation.usage);
    let paid: Usd = [*charged, generation.written_off].into_iter().sum();
    let finished = truth.filter(|truth| truth.outcome == Outcome::Finished);
    let true_cost = finished.map(|truth| prices.cost(&truth.billed.tokens()));
    if held.is_some_and(|held| *charged > held && !held.is_zero()) {
        return Some(format!("{id}: charged {charged}, more than its hold"));
    }
    if charged.is_zero() {
        let owed = true_cost.filter(|cost| !cost.is_zero());
        return owed.map(|cost| format!("{id}: charged 0, the truth costs {cost}"));
    }
    // A stream that is cut at its hold is charged the hold, which its usage exceeds.
    let cut_at_hold = *held == Some(*charged) && by_usage >= *charged;
    if paid != by_usage && !cut_at_hold {
        return Some(format!("{id}: charged {paid}, its usage costs {by_usage}"));
    }
    if generation.reported && truth.is_none() {
        return Some(format!("{id}: its usage was reported, but by whom?"));
    }
    let wrong = true_cost.filter(|cost| generation.reported && *cost != paid)?;
    let fault = truth.map_or("", |truth| truth.fault.as_str());
    Some(format!("{id}: charged {paid}, the truth costs {wrong} ({fault})"))
}

#[cfg(test)]
mod tests;
