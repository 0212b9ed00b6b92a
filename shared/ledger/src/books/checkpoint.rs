//! The books as bytes: what a checkpoint holds.
//!
//! Purpose: a start reads a checkpoint and folds only the events after it.
//! Layout: a mark and a version, then each table behind its count, sorted by key, so that equal
//! books have equal bytes and two ways to the same books can be compared by hash.
//! Invariants: reading checks every step and never panics; what reads back is what was written.
//! Left out on purpose: checksums (the journal's), indexes that other tables give.

mod credit;
mod own;
mod tables;

use std::fmt;
use std::sync::Arc;

use units::{DataPlaneId, Epoch, KeyId, OfferId, UnixMillis};

use super::Books;
use super::epoch::{DataPlaneBook, EpochBook, RingBook};
use super::lease::EpochName;
use super::rows::{
    AccountBook, AccountSums, CatalogBook, DaySum, KeyBook, Lease, Leases, Lending, OpenHold,
};
use crate::bytes::{Reader, RecordFault, Sink};
use crate::postings::{LedgerAccount, Trial};
use crate::purse::Purse;
use credit::{
    read_generation, read_lots, read_refund, write_lots, write_refund, write_transaction,
};
use own::{read_free, read_own_keys, write_free, write_own_keys};
use tables::{amounts, option, optional, read_amounts, read_map, read_rows, sorted, table};

/// The first bytes of a checkpoint: a mark, and the version of what follows.
const MARK: &[u8; 8] = b"tgbooks\x05";

/// Why bytes are not books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointFault {
    /// They do not begin like books of this version.
    NotBooks,
    /// Something in them is broken.
    Broken(RecordFault),
}

impl fmt::Display for CheckpointFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBooks => f.write_str("not a checkpoint of books that this version reads"),
            Self::Broken(fault) => write!(f, "broken checkpoint: {fault}"),
        }
    }
}

impl std::error::Error for CheckpointFault {}

impl From<RecordFault> for CheckpointFault {
    fn from(fault: RecordFault) -> Self {
        Self::Broken(fault)
    }
}

impl Books {
    /// The books as bytes; equal books give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MARK.to_vec();
        table(&mut out, sorted(&self.accounts), |out, (id, book)| {
            out.account(*id);
            write_account(out, book);
        });
        table(&mut out, sorted(&self.keys), |out, (id, book)| {
            out.varint(id.0);
            write_key(out, book);
        });
        table(&mut out, &self.transactions, write_transaction);
        table(&mut out, sorted(&self.refunds), |out, (id, sum)| write_refund(out, *id, sum));
        write_own_keys(&mut out, &self.own_keys);
        write_free(&mut out, &self.free);
        table(&mut out, &self.offers.texts, |out, text| out.string(text.as_bytes()));
        write_catalog(&mut out, &self.catalog);
        table(&mut out, &self.dataplanes, |out, (id, plane)| {
            out.varint(u64::from(id.0));
            write_dataplane(out, plane);
        });
        let lending = &self.lending;
        amounts(&mut out, &[lending.lent, lending.settled, lending.returned]);
        amounts(&mut out, self.trial.totals());
        out
    }

    /// Reads books, which must be all of `bytes`.
    ///
    /// # Errors
    /// What is wrong with the bytes. Take the other checkpoint, or fold the whole journal.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointFault> {
        let rest = bytes.strip_prefix(MARK).ok_or(CheckpointFault::NotBooks)?;
        let mut from = Reader::new(rest);
        let mut books = Self::new();
        books.accounts =
            read_map(&mut from, |from| from.account(), |from| read_account(from).map(Box::new))?;
        books.keys = read_map(&mut from, |from| from.varint().map(KeyId), read_key)?;
        read_rows(&mut from, |from| books.read_transaction(from))?;
        books.refunds = read_map(&mut from, read_generation, read_refund)?;
        books.own_keys = read_own_keys(&mut from)?;
        books.free = read_free(&mut from)?;
        read_rows(&mut from, |from| {
            books.offers.push(Arc::from(from.text()?));
            Ok(())
        })?;
        books.catalog = read_catalog(&mut from)?;
        let id = |from: &mut Reader<'_>| from.narrow("data plane").map(DataPlaneId);
        books.dataplanes = read_map(&mut from, id, read_dataplane)?;
        let [lent, settled, returned] = read_amounts(&mut from)?;
        books.lending = Lending { lent, settled, returned };
        books.trial = Trial::from_totals(read_amounts::<{ LedgerAccount::TOTALS }>(&mut from)?);
        from.finish()?;
        books.name_purses()?;
        Ok(books)
    }

    /// Gives each epoch the list of purses that have a lease for it.
    fn name_purses(&mut self) -> Result<(), RecordFault> {
        let of_accounts =
            self.accounts.iter().map(|(id, book)| (Purse::Account(*id), book.leases.rows.iter()));
        let of_keys = self.keys.iter().map(|(id, book)| (Purse::Key(*id), book.leases.rows.iter()));
        let free = self.free.rows.iter();
        let of_free = free.map(|(id, row)| (Purse::FreeRequests(*id), row.leases.rows.iter()));
        for (purse, rows) in of_accounts.chain(of_keys).chain(of_free) {
            for ((dataplane, epoch), _) in rows {
                let plane = self.dataplanes.get_mut(dataplane);
                let book = plane.and_then(|plane| plane.open.get_mut(epoch));
                book.ok_or(RecordFault::BadValue("lease"))?.purses.push(purse);
            }
        }
        Ok(())
    }
}

fn write_account(out: &mut Vec<u8>, book: &AccountBook) {
    out.string(book.name.as_bytes());
    out.string(book.row.as_bytes());
    out.byte(u8::from(book.disabled));
    out.varint(book.opened_at.0);
    let sums = &book.sums;
    amounts(out, &[sums.topped_up, sums.granted, sums.adjusted, sums.refunded, sums.expired]);
    amounts(out, &[sums.spent, sums.written_off, sums.list_cost, sums.unlent, sums.held]);
    amounts(out, &[sums.paid_back, sums.fees]);
    write_leases(out, &book.leases);
    write_lots(out, &book.lots);
    table(out, &book.days, |out, (day, offer, sum)| {
        out.varint(u64::from(*day));
        out.varint(u64::from(offer.0));
        out.varint(sum.requests);
        out.tokens(&sum.tokens);
        amounts(out, &[sum.charged, sum.written_off, sum.list_cost, sum.own_cost]);
    });
}

fn read_account(from: &mut Reader<'_>) -> Result<AccountBook, RecordFault> {
    let (name, row) = (from.text()?.into(), from.text()?.into());
    let disabled = from.switch()?;
    let opened_at = UnixMillis(from.varint()?);
    let [topped_up, granted, adjusted, refunded, expired] = read_amounts(from)?;
    let [spent, written_off, list_cost, unlent, held] = read_amounts(from)?;
    let [paid_back, fees] = read_amounts(from)?;
    let sums = AccountSums {
        topped_up,
        granted,
        adjusted,
        refunded,
        expired,
        paid_back,
        fees,
        spent,
        written_off,
        list_cost,
        unlent,
        held,
    };
    let (leases, lots) = (read_leases(from)?, read_lots(from)?);
    let mut days: Vec<(u32, OfferId, DaySum)> = Vec::new();
    read_rows(from, |from| {
        let (day, offer) = (from.narrow("day")?, OfferId(from.narrow("offer")?));
        if days.last().is_some_and(|last| (last.0, last.1) >= (day, offer)) {
            return Err(RecordFault::BadValue("order of days"));
        }
        let (requests, tokens) = (from.varint()?, from.tokens()?);
        let [charged, written_off, list_cost, own_cost] = read_amounts(from)?;
        let sum = DaySum { requests, tokens, charged, written_off, list_cost, own_cost };
        days.push((day, offer, sum));
        Ok(())
    })?;
    let (transactions, settlement) = (Vec::new(), 0);
    Ok(AccountBook {
        name,
        row,
        disabled,
        opened_at,
        sums,
        leases,
        lots,
        transactions,
        days,
        settlement,
    })
}

fn write_key(out: &mut Vec<u8>, book: &KeyBook) {
    out.account(book.account);
    option(out, book.limit, |out, limit| out.amount(limit));
    amounts(out, &[book.used, book.used_before, book.own_cost]);
    write_leases(out, &book.leases);
    option(out, book.row.as_deref(), |out, row| out.string(row.as_bytes()));
}

fn read_key(from: &mut Reader<'_>) -> Result<KeyBook, RecordFault> {
    let account = from.account()?;
    let limit = optional(from, Reader::amount)?;
    let [used, used_before, own_cost] = read_amounts(from)?;
    let leases = read_leases(from)?;
    let row = optional(from, |from| Ok(from.text()?.into()))?;
    Ok(KeyBook { account, limit, used, used_before, own_cost, leases, row })
}

fn write_catalog(out: &mut Vec<u8>, catalog: &CatalogBook) {
    out.varint(catalog.generation);
    out.string(catalog.rows_json.as_bytes());
    table(out, &catalog.offers, |out, offer| out.varint(u64::from(offer.0)));
}

fn read_catalog(from: &mut Reader<'_>) -> Result<CatalogBook, RecordFault> {
    let (generation, rows_json) = (from.varint()?, from.text()?.to_owned());
    let mut offers = Vec::new();
    read_rows(from, |from| {
        offers.push(OfferId(from.narrow("offer")?));
        Ok(())
    })?;
    Ok(CatalogBook { generation, rows_json, offers })
}

fn write_dataplane(out: &mut Vec<u8>, plane: &DataPlaneBook) {
    out.varint(u64::from(plane.last_epoch.0));
    out.put(&plane.directory.to_le_bytes());
    table(out, &plane.open, |out, (epoch, book)| {
        out.varint(u64::from(epoch.0));
        out.byte(u8::from(book.fenced));
        table(out, &book.rings, |out, (ring, book)| {
            out.varint(u64::from(*ring));
            out.varint(book.next_seq);
            table(out, sorted(&book.open), |out, (seq, hold)| {
                out.varint(*seq);
                write_hold(out, hold);
            });
        });
    });
}

fn read_dataplane(from: &mut Reader<'_>) -> Result<DataPlaneBook, RecordFault> {
    let last_epoch = Epoch(from.narrow("epoch")?);
    let directory = u64::from_le_bytes(from.array()?);
    let epoch = |from: &mut Reader<'_>| from.narrow("epoch").map(Epoch);
    Ok(DataPlaneBook { last_epoch, directory, open: read_map(from, epoch, read_epoch)? })
}

fn read_epoch(from: &mut Reader<'_>) -> Result<EpochBook, RecordFault> {
    let fenced = from.switch()?;
    let rings = read_map(
        from,
        |from| from.narrow("ring"),
        |from| {
            let next_seq = from.varint()?;
            let open = read_map(from, |from| from.varint(), read_hold)?;
            Ok(RingBook { next_seq, open })
        },
    )?;
    Ok(EpochBook { rings, purses: Vec::new(), fenced })
}

/// Leases stand with their purse, sorted by epoch.
pub(super) fn write_leases(out: &mut Vec<u8>, leases: &Leases) {
    let mut rows: Vec<&(EpochName, Lease)> = leases.rows.iter().collect();
    rows.sort_unstable_by_key(|(name, _)| *name);
    table(out, rows, |out, ((dataplane, epoch), lease)| {
        out.varint(u64::from(dataplane.0));
        out.varint(u64::from(epoch.0));
        amounts(out, &[lease.granted, lease.confirmed, lease.settled]);
        amounts(out, &[lease.returned, lease.held]);
    });
}

pub(super) fn read_leases(from: &mut Reader<'_>) -> Result<Leases, RecordFault> {
    let name = |from: &mut Reader<'_>| {
        let dataplane = from.narrow("data plane").map(DataPlaneId)?;
        Ok((dataplane, from.narrow("epoch").map(Epoch)?))
    };
    let rows = read_map(from, name, |from| {
        let [granted, confirmed, settled, returned, held] = read_amounts(from)?;
        Ok(Lease { granted, confirmed, settled, returned, held })
    })?;
    Ok(Leases { rows })
}

fn write_hold(out: &mut Vec<u8>, hold: &OpenHold) {
    out.account(hold.account);
    out.varint(hold.key.0);
    out.byte(u8::from(hold.key_limited));
    out.byte(u8::from(hold.free_request));
    out.amount(hold.amount);
    out.varint(u64::from(hold.offer.0));
    out.varint(hold.at.0);
    option(out, hold.progress.as_deref(), |out, (tokens, charge)| {
        out.tokens(tokens);
        out.amount(*charge);
    });
}

fn read_hold(from: &mut Reader<'_>) -> Result<OpenHold, RecordFault> {
    Ok(OpenHold {
        account: from.account()?,
        key: KeyId(from.varint()?),
        key_limited: from.switch()?,
        free_request: from.switch()?,
        amount: from.amount()?,
        offer: OfferId(from.narrow("offer")?),
        at: UnixMillis(from.varint()?),
        progress: optional(from, |from| Ok(Box::new((from.tokens()?, from.amount()?))))?,
    })
}
