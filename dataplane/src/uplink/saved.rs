//! The last good publication on disk: what is served from when the control plane is away.
//!
//! One file: a whole publication, then each delta behind it as it came, every one behind its sum.
//! When the deltas outgrow the first it is written anew. Invariants: generations follow each other
//! without a gap; what could not be written is tried again, and leaves nothing behind; a broken
//! tail costs the last deltas and no more, and is said; a broken beginning is no publication.
//! Written by a thread of its own, so that a slow disk delays nothing.
//! Left out on purpose: leases, which stand in the journal.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use catalog::keys::KeyRow;
use catalog::own_keys::OwnKeyRow;
use link::frame::{self, LENGTH_BYTES, Message};
use link::{KeyChanges, Publication, PublishedCatalog, ToData};
use units::{AccountId, KeyDigest, UnixMillis};

use crate::kept::{self, SUM_BYTES};

/// Deltas of so many bytes are kept behind a small publication too.
const DELTA_BYTES_MIN: u64 = 1 << 20;
/// Deltas that wait for a disk that takes nothing; beyond them a whole publication is needed.
const WAITING_MAX: usize = 1024;

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
    let (folded, is_whole) = fold(&bytes);
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
    let mut kept = Kept::new(path_of(folder));
    for order in orders {
        let done = match order {
            Order::Keep(publication) => kept.keep(publication),
            // Also the time to try again what could not be written.
            Order::Heard(at) => kept::write(&heard_path(folder), &at.0.to_le_bytes())
                .and_then(|()| kept.write_waiting()),
        };
        if let Err(error) = done {
            notice::warn!("{} cannot be written: {error}", folder.display());
        }
    }
}

/// The file, as far as this process has written it.
struct Kept {
    path: PathBuf,
    /// What stands in it; nothing that is known of, before the first whole publication.
    written: Option<Written>,
    /// What is to be written yet, in order.
    waiting: VecDeque<Publication>,
}

/// What stands in the file.
#[derive(Clone, Copy)]
struct Written {
    generation: u64,
    /// Bytes of the whole publication.
    first: u64,
    /// Bytes of all of it.
    length: u64,
}

impl Kept {
    const fn new(path: PathBuf) -> Self {
        Self { path, written: None, waiting: VecDeque::new() }
    }

    fn keep(&mut self, publication: Publication) -> io::Result<()> {
        if is_whole(&publication) {
            self.waiting.clear();
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(publication);
        }
        self.write_waiting()
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        while let Some(publication) = self.waiting.front() {
            if is_whole(publication) {
                self.written = Some(replace(&self.path, publication)?);
            } else if let Some(written) = self.written
                && written.generation + 1 == publication.generation
            {
                self.written = Some(append(&self.path, written, publication)?);
            }
            // A change of a generation that is not there says nothing; a whole one comes.
            self.waiting.pop_front();
        }
        self.shorten()
    }

    /// Writes the file anew when its deltas have outgrown the first.
    fn shorten(&mut self) -> io::Result<()> {
        let Some(written) = self.written else { return Ok(()) };
        if written.length - written.first > written.first.max(DELTA_BYTES_MIN)
            && let (Some(folded), _) = fold(&fs::read(&self.path)?)
        {
            self.written = Some(replace(&self.path, &folded)?);
        }
        Ok(())
    }
}

const fn is_whole(publication: &Publication) -> bool {
    publication.catalog.is_some() && matches!(publication.keys, KeyChanges::Full(_))
}

/// Writes a delta behind the rest, over what an attempt that failed may have left there.
fn append(path: &Path, written: Written, publication: &Publication) -> io::Result<Written> {
    let entry = entry(publication)?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(written.length)?;
    file.seek(SeekFrom::End(0))?;
    let done = file.write_all(&entry).and_then(|()| file.sync_data());
    if let Err(error) = done {
        // If this fails too, the next attempt begins with it.
        let _ = file.set_len(written.length);
        return Err(error);
    }
    let length = written.length + entry.len() as u64;
    Ok(Written { generation: publication.generation, length, ..written })
}

/// Writes a whole publication in the place of what was there.
fn replace(path: &Path, publication: &Publication) -> io::Result<Written> {
    let entry = entry(publication)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&entry)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    File::open(folder)?.sync_all()?;
    let length = entry.len() as u64;
    Ok(Written { generation: publication.generation, first: length, length })
}

/// A publication as it stands in the file: its frame behind its sum.
fn entry(publication: &Publication) -> io::Result<Vec<u8>> {
    let frame = frame::encode(&ToData::Publish(publication.clone())).map_err(io::Error::other)?;
    Ok([kept::sum(&frame).as_slice(), &frame].concat())
}

/// The first entry's frame and what follows it.
fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (told, rest) = bytes.split_first_chunk::<SUM_BYTES>()?;
    let length = frame::length::<ToData>(*rest.first_chunk()?).ok()?;
    let (frame, rest) = rest.split_at_checked(LENGTH_BYTES + length)?;
    (*told == kept::sum(frame)).then_some((frame, rest))
}

/// The publications of a file as one, up to the first that is broken or does not follow; whether
/// that was all of it. `None` unless the first is a whole one.
fn fold(mut bytes: &[u8]) -> (Option<Publication>, bool) {
    let mut folded: Option<Folded> = None;
    while let Some((frame, rest)) = split_entry(bytes) {
        let Ok(ToData::Publish(publication)) = ToData::read(&frame[LENGTH_BYTES..]) else { break };
        match &mut folded {
            None if is_whole(&publication) => folded = Some(Folded::of(publication)),
            Some(folded) if folded.generation + 1 == publication.generation => {
                folded.take_in(publication);
            }
            _ => break,
        }
        bytes = rest;
    }
    (folded.map(Folded::publication), bytes.is_empty())
}

/// A publication whose keys are being changed.
struct Folded {
    generation: u64,
    catalog: Option<Arc<PublishedCatalog>>,
    keys: BTreeMap<KeyDigest, KeyRow>,
    own_keys: BTreeMap<AccountId, Vec<OwnKeyRow>>,
    control: SocketAddr,
}

impl Folded {
    fn of(publication: Publication) -> Self {
        let (generation, control) = (publication.generation, publication.control);
        let (keys, own_keys) = (BTreeMap::new(), BTreeMap::new());
        let mut folded = Self { generation, catalog: None, keys, own_keys, control };
        folded.take_in(publication);
        folded
    }

    fn take_in(&mut self, publication: Publication) {
        let Publication { generation, catalog, keys, own_keys, control } = publication;
        (self.generation, self.control) = (generation, control);
        self.catalog = catalog.or(self.catalog.take());
        match keys {
            KeyChanges::Full(rows) => {
                self.keys = rows.into_iter().map(|row| (row.digest, row)).collect();
                self.own_keys.clear();
            }
            KeyChanges::Delta(changes) => {
                for (digest, row) in changes {
                    match row {
                        Some(row) => self.keys.insert(digest, row),
                        None => self.keys.remove(&digest),
                    };
                }
            }
        }
        self.own_keys.extend(own_keys);
    }

    fn publication(self) -> Publication {
        let Self { generation, catalog, keys, own_keys, control } = self;
        let keys = KeyChanges::Full(keys.into_values().collect());
        let own_keys = own_keys.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
        Publication { generation, catalog, keys, own_keys, control }
    }
}

#[cfg(test)]
mod tests;
