//! Lots against the transactions that made them, and statements against balances.

use rustc_hash::FxHashMap;
use units::{AccountId, Usd};

use super::{Identity, less, sum};
use crate::books::lots::Lot;
use crate::books::transaction::{Transaction, TransactionKind};
use crate::books::{Books, RowEntry};
use crate::event::TransactionId;

/// What became of each credit, and of all credit of each account.
pub(super) fn lots(books: &Books) -> Vec<Identity> {
    let mut whole = Identity::new("each lot = left + spent + taken + paid back + expired");
    let mut left = Identity::new("left of lots = balance + charges not yet drawn");
    let mut kept = Identity::new("left that is kept of each account = left of lots");
    let mut drawn = Identity::new("spent of lots = charges drawn");
    let mut begun = Identity::new("each lot = its transaction");
    let mut gone = Identity::new("expired and paid back of each lot = its transactions");
    let mut early = Identity::new("no credit ends before its time, or goes back after it");
    let mut outs = taken_by_lot(books, &mut early);
    for (account, book) in &books.accounts {
        let place = || account.to_string();
        for lot in book.lots.rows() {
            let parts = [lot.left, lot.spent, lot.taken, lot.paid_back, lot.expired];
            whole.place(|| lot.id.to_string(), lot.amount, sum(parts));
            let row = books.transaction(lot.id).filter(|row| began(row, *account, lot));
            begun.place(|| lot.id.to_string(), lot.amount, row.map_or(Usd::ZERO, |row| row.amount));
            let out = outs.remove(&lot.id).unwrap_or_default();
            gone.place(|| lot.id.to_string(), sum([lot.expired, lot.paid_back]), out);
        }
        let of = |field: fn(&Lot) -> Usd| sum(book.lots.rows().map(field));
        let pending = less(book.sums.spent, book.lots.drawn);
        let balance = book.sums.balance().unwrap_or(Usd::ZERO);
        left.place(place, of(|lot| lot.left), sum([balance, pending]));
        kept.place(place, book.lots.left, of(|lot| lot.left));
        drawn.place(place, of(|lot| lot.spent), book.lots.drawn);
    }
    for (lot, out) in outs {
        gone.place(|| lot.to_string(), Usd::ZERO, out);
    }
    vec![whole, left, kept, drawn, begun, gone, early]
}

fn began(row: &Transaction, account: AccountId, lot: &Lot) -> bool {
    row.account == account && row.lot == Some(lot.id) && row.kind == lot.kind
}

/// What transactions took out of single lots.
fn taken_by_lot(books: &Books, early: &mut Identity) -> FxHashMap<TransactionId, Usd> {
    let mut outs: FxHashMap<TransactionId, Usd> = FxHashMap::default();
    for row in &books.transactions {
        let Some(lot) = row.lot.filter(|lot| *lot != row.id) else { continue };
        let out = outs.entry(lot).or_default();
        *out = less(*out, row.amount);
        let began = books.transaction(lot);
        let in_time = match row.kind {
            TransactionKind::Expiry => {
                began.and_then(|lot| lot.expires_at).map(|end| end <= row.at)
            }
            _ => began.and_then(|lot| lot.refund_until).map(|end| end >= row.at),
        };
        let wrong = if in_time == Some(true) { Usd::ZERO } else { row.amount };
        early.place(|| row.id.to_string(), wrong, Usd::ZERO);
    }
    outs
}

/// What is told to a customer: every transaction and every day once, up to the balance.
pub(super) fn statements(books: &Books) -> Vec<Identity> {
    let mut told = Identity::new("rows of each statement = its balance");
    let mut fees = Identity::new("fees of transactions = fees of each account");
    for (account, book) in &books.accounts {
        let (mut amount, mut fee) = (Usd::ZERO, Usd::ZERO);
        for row in books.statement(*account).into_iter().flatten() {
            amount = sum([amount, row.amount]);
            if let RowEntry::Transaction(row) = row.entry {
                fee = sum([fee, row.fee]);
            }
        }
        let balance = book.sums.balance().unwrap_or(Usd::ZERO);
        told.place(|| account.to_string(), amount, balance);
        fees.place(|| account.to_string(), fee, book.sums.fees);
    }
    vec![told, fees]
}
