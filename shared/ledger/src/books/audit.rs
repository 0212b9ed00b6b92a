//! Every identity of the books, recomputed: two sides that were kept apart must be equal.
//!
//! Purpose: `tollgate ledger audit`, and the check after each step of a simulation.
//! Left out on purpose: what other stores say (the view's counters, the records themselves); they
//! are held against [`Books::days`] by whoever has them.

mod credit;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use serde::Serialize;
use units::{AccountId, Usd};

use super::Books;
use super::lease::EpochName;
use super::rows::{AccountBook, Lease};
use super::transaction::TransactionKind;
use crate::postings::LedgerAccount;
use crate::purse::{FREE_REQUEST, Purse};

/// How many places of one broken identity are listed.
const PLACES_MAX: usize = 10;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Whether every identity holds.
    pub ok: bool,
    /// Each identity with its two sides.
    pub identities: Vec<Identity>,
}

/// One identity: summed over all its places, and equal at each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// What should be equal.
    pub name: &'static str,
    /// One side.
    pub left: Usd,
    /// The other side.
    pub right: Usd,
    /// Whether they are equal, at every single place.
    pub ok: bool,
    /// The first places where they are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<Place>,
}

/// Where an identity is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The account, purse or generation.
    pub place: String,
    /// One side.
    pub left: Usd,
    /// The other side.
    pub right: Usd,
}

impl Identity {
    const fn new(name: &'static str) -> Self {
        Self { name, left: Usd::ZERO, right: Usd::ZERO, ok: true, wrong: Vec::new() }
    }

    /// An identity of one place: the whole.
    fn whole(name: &'static str, left: Usd, right: Usd) -> Self {
        Self { name, left, right, ok: left == right, wrong: Vec::new() }
    }

    /// Adds a place.
    fn place(&mut self, place: impl FnOnce() -> String, left: Usd, right: Usd) {
        self.left = sum([self.left, left]);
        self.right = sum([self.right, right]);
        if left != right {
            self.ok = false;
            if self.wrong.len() < PLACES_MAX {
                self.wrong.push(Place { place: place(), left, right });
            }
        }
    }
}

/// Recomputes every identity. Time grows with the number of accounts, keys, open leases, holds and
/// transactions.
pub fn audit(books: &Books) -> AuditReport {
    let mut identities = double_entry(books);
    identities.extend(accounts(books));
    identities.extend(leases(books));
    identities.extend(keys(books));
    identities.extend(transactions(books));
    identities.extend(credit::lots(books));
    identities.extend(credit::statements(books));
    AuditReport { ok: identities.iter().all(|identity| identity.ok), identities }
}

/// The totals of double entry against the sums that the fold keeps.
fn double_entry(books: &Books) -> Vec<Identity> {
    let any = AccountId(0);
    let total = |account| books.trial.total(account);
    let owed = |account| less(Usd::ZERO, total(account));
    let of = |field: fn(&AccountBook) -> Usd| sum(books.accounts.values().map(|book| field(book)));
    let spent = sum([of(|book| book.sums.spent), of(|book| book.sums.written_off)]);
    let lent = sum(account_leases(books).map(|(_, lease)| lease.outstanding()));
    let whole = Identity::whole;
    vec![
        whole("all postings sum to zero", books.trial.sum(), Usd::ZERO),
        whole(
            "posted as available = credit of accounts that is not lent",
            total(LedgerAccount::Available(any)),
            of(|book| book.sums.unlent),
        ),
        whole("posted as lent = outstanding leases", total(LedgerAccount::Lent(any)), lent),
        whole("posted revenue = spent + written off", total(LedgerAccount::Revenue), spent),
        whole(
            "posted write-offs = written off",
            owed(LedgerAccount::WriteOffs),
            of(|book| book.sums.written_off),
        ),
        whole(
            "posted as owed to providers = list cost",
            total(LedgerAccount::ProviderOwed),
            of(|book| book.sums.list_cost),
        ),
        whole(
            "posted top-ups = topped up + fees",
            owed(LedgerAccount::TopUps),
            sum([of(|book| book.sums.topped_up), of(|book| book.sums.fees)]),
        ),
        whole("posted fees", total(LedgerAccount::Fees), of(|book| book.sums.fees)),
        whole(
            "posted as paid back",
            total(LedgerAccount::PayBacks),
            of(|book| book.sums.paid_back),
        ),
        whole("posted grants", owed(LedgerAccount::Grants), of(|book| book.sums.granted)),
        whole(
            "posted adjustments",
            owed(LedgerAccount::Adjustments),
            of(|book| book.sums.adjusted),
        ),
        whole("posted refunds", owed(LedgerAccount::Refunds), of(|book| book.sums.refunded)),
        whole("posted expiry", total(LedgerAccount::Expired), of(|book| book.sums.expired)),
    ]
}

/// What each account has against what came in and went out, and what it used by day.
fn accounts(books: &Books) -> Vec<Identity> {
    let mut owns = Identity::new("credit in - spent - expired - paid back = not lent + lent");
    let mut days = Identity::new("spent = sum of days");
    let mut day_costs = Identity::new("written off + list cost = sum of days");
    let mut overspent = Identity::new("no account is overspent: not lent, or available, below 0");
    let mut lent: FxHashMap<AccountId, Usd> = FxHashMap::default();
    for (account, lease) in account_leases(books) {
        let sum_of = lent.entry(account).or_default();
        *sum_of = sum([*sum_of, lease.outstanding()]);
    }
    for (account, book) in &books.accounts {
        let (sums, place) = (&book.sums, || account.to_string());
        let balance = sums.balance().unwrap_or(Usd::ZERO);
        let lent = lent.get(account).copied().unwrap_or_default();
        owns.place(place, balance, sum([sums.unlent, lent]));
        let charged = book.days.iter().map(|(.., day)| day.charged);
        days.place(place, sums.spent, sum(charged));
        let costs = book.days.iter().map(|(.., day)| sum([day.written_off, day.list_cost]));
        day_costs.place(place, sum([sums.written_off, sums.list_cost]), sum(costs));
        let available = less(balance, sums.held);
        overspent.place(place, sums.unlent.min(available).min(Usd::ZERO), Usd::ZERO);
    }
    vec![owns, days, day_costs, overspent]
}

/// What each lease holds against the open holds, and all that was charged against all leases.
fn leases(books: &Books) -> Vec<Identity> {
    let mut held = Identity::new("held of each lease = its open holds");
    let mut within = Identity::new("no lease holds more than is outstanding");
    let mut by_account = Identity::new("held of each account = its open holds");
    let mut named = Identity::new("leases = purses named by their epochs");
    let mut open = open_holds(books);
    let mut of_purse: FxHashMap<Purse, Usd> = FxHashMap::default();
    for ((_, purse), amount) in &open {
        let sum_of = of_purse.entry(*purse).or_default();
        *sum_of = sum([*sum_of, *amount]);
    }
    for (account, book) in &books.accounts {
        let mine = of_purse.get(&Purse::Account(*account)).copied().unwrap_or_default();
        by_account.place(|| account.to_string(), book.sums.held, mine);
    }
    for (purse, name, lease) in all_leases(books) {
        let of_lease = open.remove(&(name, purse)).unwrap_or_default();
        held.place(|| purse.to_string(), lease.held, of_lease);
        let beyond = less(lease.held, lease.outstanding()).max(Usd::ZERO);
        within.place(|| purse.to_string(), beyond, Usd::ZERO);
    }
    for ((_, purse), amount) in open {
        held.place(|| purse.to_string(), Usd::ZERO, amount);
    }
    for name in epoch_names(books) {
        let counted = books.leases(name.0, name.1).map(|(_, lease)| lease.granted);
        let all = all_leases(books).filter(|(_, of, _)| *of == name);
        let place = || format!("data plane {} epoch {}", name.0.0, name.1.0);
        named.place(place, sum(counted), sum(all.map(|(.., lease)| lease.granted)));
    }
    let mut identities = vec![held, within, by_account, named];
    identities.extend(ended_leases(books));
    identities
}

/// What was lent and charged in all, against the leases that are open and those that have ended.
fn ended_leases(books: &Books) -> [Identity; 2] {
    let open = |field: fn(&Lease) -> Usd| sum(account_leases(books).map(|(_, it)| field(it)));
    let spent = sum(books.accounts.values().map(|book| book.sums.spent));
    let lending = &books.lending;
    let settled = sum([open(|lease| lease.settled), lending.settled]);
    let ended = less(lending.lent, open(|lease| lease.granted));
    let gone = sum([lending.settled, lending.returned]);
    let whole = Identity::whole;
    [
        whole("spent = settled on leases", spent, settled),
        whole("ever lent - granted of open leases = settled + returned of ended ones", ended, gone),
    ]
}

/// Every charge names a key, and so does what providers charge customers themselves.
fn keys(books: &Books) -> Vec<Identity> {
    let used = sum(books.keys.values().map(|book| book.used));
    let spent = sum(books.accounts.values().map(|book| book.sums.spent));
    let own = sum(books.keys.values().map(|book| book.own_cost));
    let days = books.accounts.values().flat_map(|book| &book.days);
    let own_of_days = sum(days.map(|(.., day)| day.own_cost));
    vec![
        Identity::whole("used of all keys = spent of all accounts", used, spent),
        Identity::whole("own cost of all keys = sum of days", own, own_of_days),
    ]
}

/// The transactions against the sums of their accounts, and the refunds against both.
fn transactions(books: &Books) -> Vec<Identity> {
    let mut told = Identity::new("transactions of each account = its credit - expired - paid back");
    let mut refunds = Identity::new("refunds of each generation = their transactions");
    let mut within = Identity::new("no generation is refunded beyond its charge");
    let mut amounts: FxHashMap<AccountId, Usd> = FxHashMap::default();
    for row in &books.transactions {
        let sum_of = amounts.entry(row.account).or_default();
        *sum_of = sum([*sum_of, row.amount]);
    }
    for (account, book) in &books.accounts {
        let sums = &book.sums;
        let credit = sum([sums.topped_up, sums.granted, sums.adjusted, sums.refunded]);
        let told_of = amounts.get(account).copied().unwrap_or_default();
        let gone = sum([sums.expired, sums.paid_back]);
        told.place(|| account.to_string(), told_of, less(credit, gone));
    }
    for (generation, refund) in &books.refunds {
        let rows = refund.transactions.iter().filter_map(|id| books.transaction(*id));
        let rows = rows.filter(|row| row.generation == Some(*generation));
        refunds.place(|| generation.to_string(), refund.refunded, sum(rows.map(|row| row.amount)));
        let beyond = less(refund.refunded, refund.charge).max(Usd::ZERO);
        within.place(|| generation.to_string(), beyond, Usd::ZERO);
    }
    let refunded = sum(books.refunds.values().map(|refund| refund.refunded));
    let rows = books.transactions.iter().filter(|row| row.kind == TransactionKind::Refund);
    let all = Identity::whole("all refunds", refunded, sum(rows.map(|row| row.amount)));
    vec![told, refunds, within, all]
}

fn epoch_names(books: &Books) -> impl Iterator<Item = EpochName> + '_ {
    books.dataplanes().flat_map(|plane| books.open_epochs(plane).map(move |epoch| (plane, epoch)))
}

/// Every lease of an open epoch, with its purse and its epoch.
fn all_leases(books: &Books) -> impl Iterator<Item = (Purse, EpochName, &Lease)> {
    let of_accounts = books.accounts.iter().map(|(id, book)| (Purse::Account(*id), &book.leases));
    let of_keys = books.keys.iter().map(|(id, book)| (Purse::Key(*id), &book.leases));
    let free = books.free.rows.iter();
    let of_free = free.map(|(id, row)| (Purse::FreeRequests(*id), &row.leases));
    of_accounts.chain(of_keys).chain(of_free).flat_map(|(purse, leases)| {
        leases.rows.iter().map(move |(name, lease)| (purse, *name, lease))
    })
}

fn account_leases(books: &Books) -> impl Iterator<Item = (AccountId, &Lease)> {
    let accounts = books.accounts.iter();
    accounts.flat_map(|(id, book)| book.leases.rows.iter().map(move |(_, lease)| (*id, lease)))
}

/// What the open holds of each epoch need of each purse.
fn open_holds(books: &Books) -> FxHashMap<(EpochName, Purse), Usd> {
    let mut holds: FxHashMap<(EpochName, Purse), Usd> = FxHashMap::default();
    for name in epoch_names(books) {
        for (_, hold) in books.open_holds(name.0, name.1) {
            for (purse, amount) in hold.drawn().of_each(hold.amount, FREE_REQUEST) {
                let sum_of = holds.entry((name, purse)).or_default();
                *sum_of = sum([*sum_of, amount]);
            }
        }
    }
    holds.retain(|_, amount| !amount.is_zero());
    holds
}

fn sum(amounts: impl IntoIterator<Item = Usd>) -> Usd {
    amounts.into_iter().sum()
}

fn less(left: Usd, right: Usd) -> Usd {
    left.checked_sub(right).unwrap_or(Usd::from_pico(i128::MIN))
}
