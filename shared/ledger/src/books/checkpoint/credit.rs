//! Transactions, refunds and lots as bytes.
//!
//! Invariants: open lots stand in spending order; a transaction names an account that was read
//! before.

use units::{GenerationId, UnixMillis, Usd};

use super::tables::{amounts, option, optional, read_amounts, read_rows, table};
use crate::books::Books;
use crate::books::lots::{Lot, Lots};
use crate::books::transaction::{RefundSum, Transaction, TransactionKind};
use crate::bytes::{Reader, RecordFault, Sink};
use crate::event::TransactionId;

pub(super) fn write_transaction(out: &mut Vec<u8>, row: &Transaction) {
    out.account(row.account);
    out.byte(row.kind as u8);
    amounts(out, &[row.amount, row.fee]);
    for text in [&row.method, &row.reference, &row.reason] {
        out.string(text.as_bytes());
    }
    option(out, row.lot, |out, lot| out.varint(lot.0));
    option(out, row.generation, write_generation);
    out.byte(u8::from(row.flagged));
    option(out, row.expires_at, |out, at| out.varint(at.0));
    option(out, row.refund_until, |out, at| out.varint(at.0));
    out.varint(row.at.0);
}

fn read_transaction(id: TransactionId, from: &mut Reader<'_>) -> Result<Transaction, RecordFault> {
    let account = from.account()?;
    let kind = TransactionKind::ALL.get(usize::from(from.byte()?));
    let kind = *kind.ok_or(RecordFault::BadValue("transaction"))?;
    let [amount, fee] = read_amounts(from)?;
    let (method, reference, reason) =
        (from.text()?.into(), from.text()?.into(), from.text()?.into());
    let row = Transaction {
        fee,
        method,
        reference,
        reason,
        lot: optional(from, |from| from.varint().map(TransactionId))?,
        generation: optional(from, read_generation)?,
        flagged: from.switch()?,
        expires_at: optional(from, instant)?,
        refund_until: optional(from, instant)?,
        ..Transaction::new(id, account, kind, amount, instant(from)?)
    };
    Ok(row)
}

fn instant(from: &mut Reader<'_>) -> Result<UnixMillis, RecordFault> {
    from.varint().map(UnixMillis)
}

impl Books {
    /// Reads the next transaction; its account was read before.
    pub(super) fn read_transaction(&mut self, from: &mut Reader<'_>) -> Result<(), RecordFault> {
        let row = read_transaction(self.next_transaction(), from)?;
        if row.kind.is_referenced() {
            self.references.insert((row.account, row.reference.clone()), row.id);
        }
        let book = self.accounts.get_mut(&row.account);
        book.ok_or(RecordFault::BadValue("account"))?.name_transaction(&row);
        self.transactions.push(row);
        Ok(())
    }
}

pub(super) fn write_generation(out: &mut Vec<u8>, id: GenerationId) {
    out.put(&id.number().to_le_bytes());
}

pub(super) fn read_generation(from: &mut Reader<'_>) -> Result<GenerationId, RecordFault> {
    let id = GenerationId::from_number(u128::from_le_bytes(from.array()?));
    Ok(id)
}

pub(super) fn write_refund(out: &mut Vec<u8>, id: GenerationId, sum: &RefundSum) {
    write_generation(out, id);
    out.account(sum.account);
    amounts(out, &[sum.charge, sum.refunded]);
    table(out, &sum.transactions, |out, id| out.varint(id.0));
}

pub(super) fn read_refund(from: &mut Reader<'_>) -> Result<RefundSum, RecordFault> {
    let account = from.account()?;
    let [charge, refunded] = read_amounts(from)?;
    let mut transactions = Vec::new();
    read_rows(from, |from| {
        transactions.push(TransactionId(from.varint()?));
        Ok(())
    })?;
    Ok(RefundSum { account, charge, refunded, transactions })
}

pub(super) fn write_lots(out: &mut Vec<u8>, lots: &Lots) {
    out.amount(lots.drawn);
    table(out, &lots.open, write_lot);
    table(out, &lots.done, write_lot);
}

fn write_lot(out: &mut Vec<u8>, lot: &Lot) {
    out.varint(lot.id.0);
    out.byte(lot.kind as u8);
    amounts(out, &[lot.amount, lot.left, lot.spent]);
    amounts(out, &[lot.taken, lot.paid_back, lot.expired]);
    option(out, lot.expires_at, |out, at| out.varint(at.0));
    option(out, lot.refund_until, |out, at| out.varint(at.0));
    out.varint(lot.at.0);
}

pub(super) fn read_lots(from: &mut Reader<'_>) -> Result<Lots, RecordFault> {
    let mut lots = Lots { drawn: from.amount()?, ..Lots::default() };
    read_rows(from, |from| {
        let lot = read_lot(from)?;
        let follows = lots.open.back().is_none_or(|last| last.rank() < lot.rank());
        if !follows || lot.left <= Usd::ZERO {
            return Err(RecordFault::BadValue("open lot"));
        }
        lots.left = lots.left.checked_add(lot.left).ok_or(RecordFault::BadValue("left"))?;
        lots.open.push_back(lot);
        Ok(())
    })?;
    read_rows(from, |from| {
        let lot = read_lot(from)?;
        let is_done = lot.left.is_zero();
        lots.done.push(lot);
        if is_done { Ok(()) } else { Err(RecordFault::BadValue("lot that is used up")) }
    })?;
    Ok(lots)
}

fn read_lot(from: &mut Reader<'_>) -> Result<Lot, RecordFault> {
    let id = TransactionId(from.varint()?);
    let kind = TransactionKind::ALL.get(usize::from(from.byte()?));
    let kind = *kind.ok_or(RecordFault::BadValue("lot"))?;
    let [amount, left, spent, taken, paid_back, expired]: [Usd; 6] = read_amounts(from)?;
    let (expires_at, refund_until) = (optional(from, instant)?, optional(from, instant)?);
    Ok(Lot {
        id,
        kind,
        amount,
        left,
        spent,
        taken,
        paid_back,
        expired,
        expires_at,
        refund_until,
        at: instant(from)?,
    })
}
