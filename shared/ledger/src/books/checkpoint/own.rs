//! Customers' own provider keys in a checkpoint, and the requests on them that are free.

use std::collections::BTreeMap;

use units::{AccountId, UnixMillis};

use super::super::free::{FreeBook, FreeRow};
use super::tables::{amounts, read_amounts, read_map, read_rows, sorted, table};
use super::{read_leases, write_leases};
use crate::bytes::{Reader, RecordFault, Sink};

/// Rows by id.
type OwnKeys = BTreeMap<Box<str>, (AccountId, Box<str>)>;

pub(super) fn write_own_keys(out: &mut Vec<u8>, keys: &OwnKeys) {
    table(out, keys, |out, (id, (account, row))| {
        out.string(id.as_bytes());
        out.account(*account);
        out.string(row.as_bytes());
    });
}

pub(super) fn read_own_keys(from: &mut Reader<'_>) -> Result<OwnKeys, RecordFault> {
    let mut keys = OwnKeys::new();
    read_rows(from, |from| {
        let id: Box<str> = from.text()?.into();
        if keys.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Err(RecordFault::BadValue("order of rows"));
        }
        keys.insert(id, (from.account()?, from.text()?.into()));
        Ok(())
    })?;
    Ok(keys)
}

pub(super) fn write_free(out: &mut Vec<u8>, free: &FreeBook) {
    out.amount(free.limit);
    out.varint(free.began.0);
    table(out, sorted(&free.rows), |out, (account, row)| {
        out.account(*account);
        amounts(out, &[row.used, row.used_before]);
        write_leases(out, &row.leases);
    });
}

pub(super) fn read_free(from: &mut Reader<'_>) -> Result<FreeBook, RecordFault> {
    let (limit, began) = (from.amount()?, UnixMillis(from.varint()?));
    let rows = read_map(
        from,
        |from| from.account(),
        |from| {
            let [used, used_before] = read_amounts(from)?;
            Ok(FreeRow { used, used_before, leases: read_leases(from)? })
        },
    )?;
    Ok(FreeBook { limit, began, rows })
}
