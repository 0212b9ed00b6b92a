//! Invoices: an account's statement, cut by UTC months.
//!
//! Invariant: what an invoice opens with is what the one before closed with, and its lines are the
//! difference, to the picodollar. Classes are told at base prices; what conditions added, or a cut
//! answer spared, is a line of its own. A complete invoice never changes: its month is over, and no
//! data plane has anything of it left to settle.

use std::collections::BTreeMap;

use catalog::rows::PriceRow;
use ledger::books::{DaySum, RowEntry, StatementRow, TransactionKind};
use units::{AccountId, DataPlaneId, Epoch, OfferId, TokenClass, UnixMillis, Usd};

use super::period::{month_after, month_start};
use super::shown_usage::{InvoiceClass, InvoiceLine, InvoiceSums, InvoiceView};
use super::thread::{Ledger, refused};
use crate::refuse::Refusal;

/// What a data plane admits is settled by so long after, by any clock of the two: five minutes.
const TOLD_WITHIN_MS: u64 = 300_000;

impl Ledger {
    /// The months of an account, newest first, in sums.
    pub(crate) fn invoices(&self, account: AccountId) -> Result<Vec<InvoiceSums>, Refusal> {
        let opened = self.account(account)?.created_at;
        let rows = self.rows_by_month(account)?;
        let (mut month, mut balance) = (month_start(opened.day()), Usd::ZERO);
        month = rows.keys().next().map_or(month, |first| month.min(*first));
        let mut invoices = Vec::new();
        while month <= self.now.day() {
            let sums = self.sums_of(month, balance, rows.get(&month).map_or(&[], Vec::as_slice));
            balance = sums.closing_balance;
            invoices.push(sums);
            month = month_after(month);
        }
        invoices.reverse();
        Ok(invoices)
    }

    /// One month, written `2026-11`.
    pub(crate) fn invoice(&self, account: AccountId, month: &str) -> Result<InvoiceView, Refusal> {
        let known = self.account(account)?;
        let begins = UnixMillis::parse_date(&format!("{month}-01"));
        let is_known = |begins: &UnixMillis| {
            let day = begins.day();
            day <= self.now.day() && day >= month_start(known.created_at.day())
        };
        let begins = begins.filter(is_known).ok_or_else(|| Refusal::not_found("invoice", month))?;
        let rows = self.rows_by_month(account)?;
        let day = begins.day();
        let before = rows.range(..day).flat_map(|(_, rows)| rows);
        let balance: Usd = before.map(|row| row.amount).sum();
        let rows = rows.get(&day).map_or(&[][..], Vec::as_slice);
        let told = rows.iter().filter(|row| matches!(row.entry, RowEntry::Transaction(_)));
        Ok(InvoiceView {
            account,
            account_name: known.name,
            currency: "USD",
            begins,
            ends: UnixMillis::of_day(month_after(day)),
            sums: self.sums_of(day, balance, rows),
            transactions: told.map(|row| self.told(account, row)).collect(),
            usage: self.invoice_lines(rows),
        })
    }

    /// An account's rows, oldest first, by the first day of their month.
    fn rows_by_month(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<u32, Vec<StatementRow<'_>>>, Refusal> {
        let mut months: BTreeMap<u32, Vec<StatementRow<'_>>> = BTreeMap::new();
        for row in self.books.statement(account).map_err(refused)? {
            months.entry(month_start(row.place.day)).or_default().push(row);
        }
        months.values_mut().for_each(|rows| rows.reverse());
        Ok(months)
    }

    fn sums_of(&self, month: u32, opening: Usd, rows: &[StatementRow<'_>]) -> InvoiceSums {
        let mut date = UnixMillis::of_day(month).date();
        date.truncate("2026-11".len());
        let of = |kind| sum(rows.iter().filter(|row| kind_of(row) == Some(kind)));
        let used = || rows.iter().filter_map(usage_of);
        let booked = rows.iter().filter_map(|row| match row.entry {
            RowEntry::Transaction(row) => Some(row.fee),
            RowEntry::Usage(..) => None,
        });
        let (topped_up, fees) = (of(TransactionKind::TopUp), booked.sum());
        InvoiceSums {
            month: date,
            complete: self.is_settled_before(UnixMillis::of_day(month_after(month))),
            opening_balance: opening,
            topped_up,
            granted: [of(TransactionKind::Grant), of(TransactionKind::Signup)].into_iter().sum(),
            adjusted: of(TransactionKind::Adjustment),
            refunded: of(TransactionKind::Refund),
            expired: -of(TransactionKind::Expiry),
            paid_back: -of(TransactionKind::PayBack),
            charged: used().map(|(_, day)| day.charged).sum(),
            closing_balance: [opening, sum(rows.iter())].into_iter().sum(),
            fees,
            paid: [topped_up, fees].into_iter().sum(),
            list_cost: used().map(|(_, day)| day.list_cost).sum(),
            requests: used().map(|(_, day)| day.requests).sum(),
        }
    }

    /// Whether nothing that was admitted before `end` is left to be charged: no request of then
    /// runs, and every data plane that may spend has told of all. One that is away may still tell;
    /// what a fenced one tells of costs its customers nothing.
    fn is_settled_before(&self, end: UnixMillis) -> bool {
        let all_told = end.plus_ms(TOLD_WITHIN_MS);
        let is_done = |name: (DataPlaneId, Epoch)| {
            let mut holds = self.books.open_holds(name.0, name.1);
            self.books.is_fenced(name.0, name.1)
                || (self.links.told_to(name) >= all_told && holds.all(|(_, hold)| hold.at >= end))
        };
        let planes = self.books.dataplanes();
        let mut open =
            planes.flat_map(|plane| self.books.open_epochs(plane).map(move |e| (plane, e)));
        self.now >= all_told && open.all(is_done)
    }

    fn invoice_lines(&self, rows: &[StatementRow<'_>]) -> Vec<InvoiceLine> {
        let mut sums: BTreeMap<OfferId, Used> = BTreeMap::new();
        for (offer, day) in rows.iter().filter_map(usage_of) {
            sums.entry(offer).or_default().add(day);
        }
        let mut lines: Vec<InvoiceLine> =
            sums.iter().map(|(offer, used)| self.invoice_line(*offer, used)).collect();
        lines.sort_by(|left, right| left.model.cmp(&right.model));
        lines
    }

    fn invoice_line(&self, offer: OfferId, used: &Used) -> InvoiceLine {
        let terms = self.register.offer(offer);
        let classes: Vec<InvoiceClass> = terms
            .map(|terms| used.tokens.used().filter_map(|used| class(&terms.price, used)).collect())
            .unwrap_or_default();
        let priced: Usd = classes.iter().map(|class| class.amount).sum();
        InvoiceLine {
            model: terms.map(|terms| terms.model.clone()).unwrap_or_default(),
            provider: terms.map(|terms| terms.provider.clone()).unwrap_or_default(),
            upstream_model: terms.map(|terms| terms.upstream_model.clone()).unwrap_or_default(),
            requests: used.requests,
            classes,
            other: [used.charged, -priced].into_iter().sum(),
            charged: used.charged,
            list_cost: used.list_cost,
        }
    }
}

/// A class of an offer at its base price; one without a price is free.
fn class(price: &PriceRow, (class, quantity): (TokenClass, u64)) -> Option<InvoiceClass> {
    let price_per_million = price.class(class).unwrap_or_default();
    let amount = price_per_million.times(quantity)?;
    Some(InvoiceClass { class, quantity, price_per_million, amount })
}

/// What was used of an offer in a month.
#[derive(Default)]
struct Used {
    requests: u64,
    tokens: units::Tokens,
    charged: Usd,
    list_cost: Usd,
}

impl Used {
    fn add(&mut self, day: &DaySum) {
        self.requests = self.requests.saturating_add(day.requests);
        self.tokens.add(&day.tokens);
        self.charged = [self.charged, day.charged].into_iter().sum();
        self.list_cost = [self.list_cost, day.list_cost].into_iter().sum();
    }
}

fn sum<'r>(rows: impl Iterator<Item = &'r StatementRow<'r>>) -> Usd {
    rows.map(|row| row.amount).sum()
}

fn kind_of(row: &StatementRow<'_>) -> Option<TransactionKind> {
    match row.entry {
        RowEntry::Transaction(row) => Some(row.kind),
        RowEntry::Usage(..) => None,
    }
}

fn usage_of<'b>(row: &StatementRow<'b>) -> Option<(OfferId, &'b DaySum)> {
    match row.entry {
        RowEntry::Transaction(_) => None,
        RowEntry::Usage(offer, day) => Some((offer, day)),
    }
}
