//! Snapshots beside the segments: two are kept, each proved by reading it back.
//!
//! ```text
//!   name   <number>.checkpoint, decimal, padded with zeros
//!   bytes  magic 8 | number 8 | length 8 | payload | SHA-256 of all before it 32
//! ```
//!
//! The number is the last batch that the payload contains, so that a start replays the batches
//! after it. Segments may be removed below the older of the two numbers.
//! Invariants: a checkpoint that was written never replaces another before it was read back; one
//! that cannot be read, or means nothing to whoever reads it, is passed over in favour of an older
//! one, and named.
//! Left out on purpose: what the payload means, and when to write one.

use sha2::{Digest, Sha256};

use crate::batch::{BatchNumber, long_at};
use crate::disk::Disk;
use crate::error::JournalError;

const MAGIC: &[u8; 8] = b"TgCheck1";
const HEAD_BYTES: usize = 24;
const DIGEST_BYTES: usize = 32;
/// Read at once, so that a length that is damaged reserves no more than this.
const PIECE_BYTES: u64 = 1 << 20;

/// A checkpoint that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last batch it contains.
    pub number: BatchNumber,
    /// What was written.
    pub payload: Vec<u8>,
}

/// What a start finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded<T> {
    /// The last batch of the newest checkpoint that reads, and what it holds.
    pub newest: Option<(BatchNumber, T)>,
    /// Newer files that do not, newest first.
    pub passed_over: Vec<PassedOver>,
}

/// A checkpoint that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The file.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// Writes a checkpoint, reads it back, and then removes all but it and the newest other one that
/// is whole. Returns the lower number of the two: segments whose batches are all at or below it
/// are needed no more. While there is only one checkpoint, that is zero.
///
/// # Errors
/// The disk's; `Corrupt` when what is read back is not what was written.
pub fn write<D: Disk>(
    disk: &D,
    number: BatchNumber,
    payload: &[u8],
) -> Result<BatchNumber, JournalError> {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..16].copy_from_slice(&number.get().to_le_bytes());
    head[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let digest = Sha256::new().chain_update(head).chain_update(payload).finalize();
    let name = name_of(number);
    disk.replace(&name, &[&head, payload, &digest])
        .map_err(JournalError::io("write a checkpoint"))?;
    if payload_of(disk, &name, number)?.is_none() {
        return Err(JournalError::Corrupt { file: name, offset: 0, what: "it was not kept whole" });
    }
    keep_one_beside(disk, number)
}

/// Keeps the newest whole checkpoint besides `number`, and removes the others.
fn keep_one_beside<D: Disk>(disk: &D, number: BatchNumber) -> Result<BatchNumber, JournalError> {
    let mut kept = None;
    for other in numbers_newest_first(disk)? {
        if other == number {
            continue;
        }
        let name = name_of(other);
        if kept.is_none() && payload_of(disk, &name, other)?.is_some() {
            kept = Some(other);
        } else {
            disk.remove(&name).map_err(JournalError::io("remove a checkpoint"))?;
        }
    }
    Ok(kept.map_or(BatchNumber::ZERO, |other| other.min(number)))
}

/// Loads the newest checkpoint that is whole and that `read` can read.
///
/// # Errors
/// The disk's. Damage is not an error here, for an older checkpoint and more batches do as well.
pub fn load<D: Disk, T>(
    disk: &D,
    mut read: impl FnMut(Checkpoint) -> Result<T, String>,
) -> Result<Loaded<T>, JournalError> {
    let mut passed_over = Vec::new();
    for number in numbers_newest_first(disk)? {
        let name = name_of(number);
        let payload = payload_of(disk, &name, number)?.ok_or_else(|| "it is damaged".to_owned());
        match payload.and_then(|payload| read(Checkpoint { number, payload })) {
            Ok(found) => return Ok(Loaded { newest: Some((number, found)), passed_over }),
            Err(why) => passed_over.push(PassedOver { name, why }),
        }
    }
    Ok(Loaded { newest: None, passed_over })
}

/// The payload of a checkpoint, or `None` when it is not whole.
fn payload_of<D: Disk>(
    disk: &D,
    name: &str,
    number: BatchNumber,
) -> Result<Option<Vec<u8>>, JournalError> {
    let failed = || JournalError::io("read a checkpoint");
    let file = disk.open(name).map_err(failed())?;
    let mut head = [0; HEAD_BYTES];
    let got = disk.read_at(&file, 0, &mut head).map_err(failed())?;
    if got < HEAD_BYTES || &head[..8] != MAGIC || long_at(&head, 8) != number.get() {
        return Ok(None);
    }
    let mut payload = Vec::new();
    let mut hash = Sha256::new().chain_update(head);
    let wanted = long_at(&head, 16);
    while (payload.len() as u64) < wanted {
        let from = payload.len();
        payload.resize(from + (wanted - from as u64).min(PIECE_BYTES) as usize, 0);
        let offset = (HEAD_BYTES + from) as u64;
        let got = disk.read_at(&file, offset, &mut payload[from..]).map_err(failed())?;
        if got < payload.len() - from {
            return Ok(None);
        }
        hash.update(&payload[from..]);
    }
    let mut digest = [0; DIGEST_BYTES];
    let got = disk.read_at(&file, HEAD_BYTES as u64 + wanted, &mut digest).map_err(failed())?;
    let whole = got == DIGEST_BYTES && hash.finalize()[..] == digest;
    Ok(whole.then_some(payload))
}

fn numbers_newest_first<D: Disk>(disk: &D) -> Result<Vec<BatchNumber>, JournalError> {
    let names = disk.list().map_err(JournalError::io("list the checkpoints"))?;
    let mut numbers: Vec<_> = names.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_by(|a, b| b.cmp(a));
    Ok(numbers)
}

fn name_of(number: BatchNumber) -> String {
    format!("{number:020}.checkpoint")
}

fn number_of(name: &str) -> Option<BatchNumber> {
    let number = BatchNumber::new(name.strip_suffix(".checkpoint")?.parse().ok()?);
    (name_of(number) == name).then_some(number)
}
