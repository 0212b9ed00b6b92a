//! Tables of a checkpoint: rows behind their count, sorted by key, each key once.

use rustc_hash::FxHashMap;
use units::Usd;

use crate::bytes::{Reader, RecordFault, Sink};

/// Rows behind their count.
pub(super) fn table<T>(
    out: &mut Vec<u8>,
    rows: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    let rows = rows.into_iter();
    out.varint(rows.len() as u64);
    for row in rows {
        write(out, row);
    }
}

pub(super) fn read_rows(
    from: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<(), RecordFault>,
) -> Result<(), RecordFault> {
    let count = from.varint()?;
    (0..count).try_for_each(|_| read(from))
}

/// A table of unlike keys, as a map that is made in one piece.
pub(super) fn read_map<K: Ord + Copy, V, M: FromIterator<(K, V)>>(
    from: &mut Reader<'_>,
    mut key: impl FnMut(&mut Reader<'_>) -> Result<K, RecordFault>,
    mut value: impl FnMut(&mut Reader<'_>) -> Result<V, RecordFault>,
) -> Result<M, RecordFault> {
    let mut rows: Vec<(K, V)> = Vec::new();
    read_rows(from, |from| {
        let key = key(from)?;
        if rows.last().is_some_and(|(last, _)| *last >= key) {
            return Err(RecordFault::BadValue("order of rows"));
        }
        rows.push((key, value(from)?));
        Ok(())
    })?;
    Ok(rows.into_iter().collect())
}

pub(super) fn sorted<K: Ord, V>(map: &FxHashMap<K, V>) -> Vec<(&K, &V)> {
    let mut rows: Vec<(&K, &V)> = map.iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    rows
}

pub(super) fn amounts(out: &mut Vec<u8>, amounts: &[Usd]) {
    amounts.iter().for_each(|amount| out.amount(*amount));
}

pub(super) fn read_amounts<const N: usize>(from: &mut Reader<'_>) -> Result<[Usd; N], RecordFault> {
    let mut amounts = [Usd::ZERO; N];
    for amount in &mut amounts {
        *amount = from.amount()?;
    }
    Ok(amounts)
}

pub(super) fn option<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    out.byte(u8::from(value.is_some()));
    if let Some(value) = value {
        write(out, value);
    }
}

pub(super) fn optional<'b, T>(
    from: &mut Reader<'b>,
    read: impl FnOnce(&mut Reader<'b>) -> Result<T, RecordFault>,
) -> Result<Option<T>, RecordFault> {
    from.switch()?.then(|| read(from)).transpose()
}
