//! The last good publication on disk: what is served from when the control plane is away.
//!
//! One file: a whole publication, then each delta behind it as it came, every one behind its sum.
//! When the deltas outgrow the first it is written anew. Invariants: a broken tail costs the last
//! deltas and no more, and is said; a broken beginning is no publication. Written by a thread of
//! its own, so that a slow disk delays nothing.
//! Left out on purpose: leases, which stand in the journal.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use catalog::keys::KeyRow;
use link::frame::{self, LENGTH_BYTES, Message};
use link::{KeyChanges, Publication, ToData};
use units::{KeyDigest, UnixMillis};

use crate::kept::{self, SUM_BYTES};

/// Deltas of so many bytes are kept behind a small publication too.
const DELTA_BYTES_MIN: u64 = 1 << 20;

/// What the saving thread is told.
enum Order {
    Keep(Publication),
    Heard(UnixMillis),
}

/// The way to the saving thread.
pub struct Saver {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

impl Saver {
    /// Starts the thread for a data plane's folder.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(folder: PathBuf) -> io::Result<Self> {
        let (orders, list) = mpsc::channel();
        let saver = thread::Builder::new().name("saver".to_owned());
        let thread = saver.spawn(move || run(&folder, &list))?;
        Ok(Self { orders, thread })
    }

    /// Keeps a publication.
    pub fn keep(&self, publication: Publication) {
        // A thread that has ended has said why; the next start has an older publication.
        let _ = self.orders.send(Order::Keep(publication));
    }

    /// Waits until all of it is on disk.
    pub fn finish(self) {
        drop(self.orders);
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }

    /// Keeps when the control plane was last heard of.
    pub fn heard(&self, at: UnixMillis) {
        // As above; an older time is the stricter one.
        let _ = self.orders.send(Order::Heard(at));
    }
}

/// When the control plane was last heard of before this start; never, if nobody knows.
pub fn last_heard(folder: &Path) -> UnixMillis {
    let content = kept::read(&heard_path(folder)).ok().flatten().unwrap_or_default();
    UnixMillis(<[u8; 8]>::try_from(content.as_slice()).map_or(0, u64::from_le_bytes))
}

/// The last publication; `None` where there is none, or none that can be used, which is said.
pub fn read(folder: &Path) -> Option<Publication> {
    let path = path_of(folder);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            notice::warn!("{} cannot be read: {error}", path.display());
            return None;
        }
    };
    let (publications, is_whole) = entries(&bytes);
    let folded = fold(publications);
    match (&folded, is_whole) {
        (None, _) => notice::warn!("{} is damaged and is not used", path.display()),
        (Some(_), false) => {
            notice::warn!("the end of {} is damaged and is left out", path.display());
        }
        _ => {}
    }
    folded
}

fn path_of(folder: &Path) -> PathBuf {
    folder.join("snapshot")
}

fn heard_path(folder: &Path) -> PathBuf {
    folder.join("contact")
}

fn run(folder: &Path, orders: &Receiver<Order>) {
    for order in orders {
        let done = match order {
            Order::Keep(publication) => keep(folder, publication),
            Order::Heard(at) => kept::write(&heard_path(folder), &at.0.to_le_bytes()),
        };
        if let Err(error) = done {
            notice::warn!("{} cannot be written: {error}", folder.display());
        }
    }
}

fn keep(folder: &Path, publication: Publication) -> io::Result<()> {
    let path = path_of(folder);
    let is_whole = publication.catalog.is_some() && matches!(publication.keys, KeyChanges::Full(_));
    let entry = entry(publication)?;
    if is_whole {
        return replace(&path, &entry);
    }
    let mut file = OpenOptions::new().append(true).open(&path)?;
    file.write_all(&entry)?;
    file.sync_data()?;
    let bytes = fs::read(&path)?;
    let first = first_bytes(&bytes);
    if bytes.len() as u64 - first > first.max(DELTA_BYTES_MIN)
        && let Some(folded) = fold(entries(&bytes).0)
    {
        replace(&path, &self::entry(folded)?)?;
    }
    Ok(())
}

fn replace(path: &Path, entry: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(entry)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// A publication as it stands in the file: its frame behind its sum.
fn entry(publication: Publication) -> io::Result<Vec<u8>> {
    let frame = frame::encode(&ToData::Publish(publication)).map_err(io::Error::other)?;
    Ok([kept::sum(&frame).as_slice(), &frame].concat())
}

fn first_bytes(bytes: &[u8]) -> u64 {
    split_entry(bytes).map_or(0, |(frame, _)| (SUM_BYTES + frame.len()) as u64)
}

/// The first entry's frame and what follows it.
fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (told, rest) = bytes.split_first_chunk::<SUM_BYTES>()?;
    let length = frame::length(*rest.first_chunk()?).ok()?;
    let (frame, rest) = rest.split_at_checked(LENGTH_BYTES + length)?;
    (*told == kept::sum(frame)).then_some((frame, rest))
}

/// The publications of a file up to the first that is broken; whether all of it was read.
fn entries(mut bytes: &[u8]) -> (Vec<Publication>, bool) {
    let mut found = Vec::new();
    while let Some((frame, rest)) = split_entry(bytes) {
        let Ok(ToData::Publish(publication)) = ToData::read(&frame[LENGTH_BYTES..]) else { break };
        found.push(publication);
        bytes = rest;
    }
    (found, bytes.is_empty())
}

/// All of them as one; `None` unless the first is a whole one.
fn fold(publications: Vec<Publication>) -> Option<Publication> {
    let mut keys: Option<BTreeMap<KeyDigest, KeyRow>> = None;
    let mut folded: Option<Publication> = None;
    for publication in publications {
        match publication.keys {
            KeyChanges::Full(rows) => {
                keys = Some(rows.into_iter().map(|row| (row.digest, row)).collect());
            }
            KeyChanges::Delta(changes) => {
                let keys = keys.as_mut()?;
                for (digest, row) in changes {
                    match row {
                        Some(row) => keys.insert(digest, row),
                        None => keys.remove(&digest),
                    };
                }
            }
        }
        let catalog = publication.catalog.or(folded.and_then(|folded| folded.catalog));
        let (generation, control) = (publication.generation, publication.control);
        folded = Some(Publication { generation, catalog, keys: no_keys(), control });
    }
    let folded = folded.filter(|folded| folded.catalog.is_some())?;
    Some(Publication { keys: KeyChanges::Full(keys?.into_values().collect()), ..folded })
}

const fn no_keys() -> KeyChanges {
    KeyChanges::Full(Vec::new())
}

#[cfg(test)]
mod tests;
