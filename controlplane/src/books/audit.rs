//! The audit: every identity of the books with its two sides, at two depths.
//!
//! Quick: the books against themselves, the view's counters against the books, the cores' counters
//! against what they settled. Full: the journal is folded again on a thread of its own, from its
//! beginning where that is kept and from each checkpoint; books and every entry of the view must be
//! what comes out. The ledger only compares pieces of the view between batches. An audit says what
//! it folded; one that found nothing to fold is not ok.

use std::sync::mpsc::{self, Sender};
use std::thread;

use journal::BatchPosition;
use ledger::audit::{self, AuditReport};
use ledger::books::Books;
use units::Usd;

use super::command::{Command, Reply};
use super::shown_state::{AuditView, IdentityView, RecomputedView};
use super::start;
use super::thread::{Input, Ledger};
use crate::store::embedded::{Chunks, Folders, Projection, ReadEvent, each_checkpoint, look_at};

/// Entries of the view that are compared between two batches.
const PIECE: usize = 256;

/// Entries that the view must have.
pub(crate) struct Expected {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Told how many it has.
    found: Sender<usize>,
}

impl Ledger {
    pub(crate) fn audit(&mut self) -> AuditView {
        let mut identities = shown(audit::audit(&self.books));
        let (batch, applied) = (self.journal.durable(), self.view.applied());
        identities.push(identity("view has every batch of the journal", applied, batch));
        identities.extend(self.view_usage());
        for (_, linked) in self.links.iter() {
            let (dataplane, epoch) = (linked.dataplane, linked.epoch);
            let compared = linked.counters.compared(&self.books, dataplane, epoch);
            if let Some((counted, settled)) = compared {
                let name = format!("counters of data plane {} = settled", dataplane.0);
                identities.push(identity(&name, counted, settled));
            }
        }
        judged(identities, Vec::new())
    }

    /// The view's usage counters against the books' days. A view that was built from a journal
    /// whose beginning is no longer kept has less, and cannot be held against them.
    fn view_usage(&mut self) -> Vec<IdentityView> {
        if self.journal.oldest() > 1 {
            return Vec::new();
        }
        let counted = self.viewed(|view| {
            let days = view.usage()?.into_iter().map(|(_, usage)| usage.charged).sum::<Usd>();
            Ok((days, view.charged_by_hour()?))
        });
        let (counted, by_hour) = match counted {
            Ok(counted) => counted,
            Err(refusal) => {
                return vec![identity("usage counters", refusal.to_string(), String::new())];
            }
        };
        let accounts = self.books.account_ids();
        let days = accounts.iter().flat_map(|account| self.books.days(*account));
        let booked: Usd = days.map(|(.., sum)| sum.charged).sum();
        vec![
            identity("usage counters of the view = days of the books", counted, booked),
            identity("usage counters by the hour = days of the books", by_hour, booked),
        ]
    }

    /// Starts the full audit; it answers by itself.
    pub(crate) fn audit_fully(&mut self, reply: Reply<AuditView>) {
        // The journal is folded as far as it is on disk, so the books may have nothing beyond.
        self.commit();
        let mut quick = self.audit();
        let task = FullAudit {
            folders: self.journal.folders().clone(),
            books: self.books.encode(),
            durable: self.journal.durable(),
            whole: self.journal.oldest() <= 1,
            queue: self.queue.clone(),
        };
        thread::spawn(move || {
            let mut found = Recomputed::default();
            if let Err(why) = task.run(&mut found) {
                found.identities.push(identity("full audit", why, String::new()));
            }
            if found.from.is_empty() {
                let (had, needs) = ("neither", "one of them");
                let name = "whole journal or checkpoint to recompute from";
                found.identities.push(identity(name, had, needs));
            }
            quick.identities.append(&mut found.identities);
            // Whoever asked may have gone.
            let _ = reply.send(Ok(judged(quick.identities, found.from)));
        });
    }

    /// Throws the view away, builds it again, and answers with a full audit.
    pub(crate) fn rebuild(&mut self, reply: Reply<AuditView>) {
        self.build_anew();
        self.view.park(Command::Audit { full: true, reply });
    }

    /// Compares a piece of what the view must have.
    pub(crate) fn compare(&mut self, expected: Expected) {
        let Expected { entries, found } = expected;
        let same = self.viewed(|view| view.count_equal(&entries));
        // An audit that has ended needs no count.
        let _ = found.send(same.unwrap_or(0));
    }
}

/// Everything that the audit's thread needs.
struct FullAudit {
    folders: Folders,
    books: Vec<u8>,
    durable: u64,
    /// Whether the journal is kept from its beginning.
    whole: bool,
    queue: Sender<Input>,
}

/// What a full audit found, and what it folded.
#[derive(Default)]
struct Recomputed {
    identities: Vec<IdentityView>,
    from: Vec<RecomputedView>,
}

impl FullAudit {
    fn run(&self, found: &mut Recomputed) -> Result<(), String> {
        let now = digest(&self.books);
        if self.whole {
            let mut entries = Entries::new(&self.queue);
            let (folded, seen) = self.fold(Books::new(), 1, |at, read| entries.add(at, read))?;
            entries.finish()?;
            let name = "books = journal folded from its beginning";
            found.identities.push(identity(name, &now, &digest(&folded.encode())));
            let name = "entries of the view = entries of the journal";
            found.identities.push(identity(name, entries.have, entries.want));
            found.from.push(seen.shown("the beginning of the journal".to_owned()));
        }
        each_checkpoint(&self.folders, |checkpoint| {
            let number = checkpoint.number.get();
            let stored = start::read_payload(&checkpoint.payload);
            let Some(stored) = stored.ok().filter(|_| number <= self.durable) else {
                return Ok(());
            };
            let (folded, seen) = self.fold(stored.books, number + 1, |_, _| Ok(()))?;
            let name = format!("books = checkpoint {number} and the journal behind it");
            found.identities.push(identity(&name, &now, &digest(&folded.encode())));
            found.from.push(seen.shown(format!("checkpoint {number}")));
            Ok(())
        })
    }

    fn fold(
        &self,
        mut books: Books,
        from: u64,
        mut also: impl FnMut(BatchPosition, &ReadEvent) -> Result<(), String>,
    ) -> Result<(Books, Seen), String> {
        let mut seen = Seen::default();
        look_at(&self.folders, from, |batch| {
            if batch.number() > self.durable || batch.number() < from {
                return Ok(());
            }
            seen.batches += 1;
            for read in batch.events() {
                let read = read?;
                books.apply(&read.event).map_err(|error| error.to_string())?;
                also(batch.at, &read)?;
                seen.events += 1;
            }
            Ok(())
        })?;
        Ok((books, seen))
    }
}

/// How much was folded.
#[derive(Default)]
struct Seen {
    batches: u64,
    events: u64,
}

impl Seen {
    fn shown(self, from: String) -> RecomputedView {
        RecomputedView { from, batches: self.batches, events: self.events }
    }
}

/// The entries that the journal makes, compared with the view's piece by piece.
struct Entries<'a> {
    queue: &'a Sender<Input>,
    chunks: Chunks,
    batch: Vec<(Vec<u8>, Vec<u8>)>,
    want: usize,
    have: usize,
}

impl<'a> Entries<'a> {
    fn new(queue: &'a Sender<Input>) -> Self {
        Self { queue, chunks: Chunks::default(), batch: Vec::new(), want: 0, have: 0 }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.batch.extend(std::mem::take(&mut self.chunks).rest());
        self.compare()
    }

    fn add(&mut self, at: BatchPosition, read: &ReadEvent) -> Result<(), String> {
        let mut projection = Projection::default();
        projection.add_read(read)?;
        projection.stands(at);
        self.batch.extend(projection.entries);
        for (account, end) in projection.ends {
            self.batch.extend(self.chunks.add(account, end));
        }
        if self.batch.len() >= PIECE { self.compare() } else { Ok(()) }
    }

    fn compare(&mut self) -> Result<(), String> {
        let entries = std::mem::take(&mut self.batch);
        self.want += entries.len();
        let (found, count) = mpsc::channel();
        let stopped = || "the ledger is stopping".to_owned();
        let expected = Input::Compare(Expected { entries, found });
        self.queue.send(expected).map_err(|_| stopped())?;
        self.have += count.recv().map_err(|_| stopped())?;
        Ok(())
    }
}

fn judged(identities: Vec<IdentityView>, recomputed: Vec<RecomputedView>) -> AuditView {
    let ok = identities.iter().all(|identity| identity.ok);
    AuditView { ok, identities, recomputed }
}

fn shown(report: AuditReport) -> Vec<IdentityView> {
    let identities = report.identities.into_iter();
    identities
        .map(|found| IdentityView {
            name: found.name.to_owned(),
            left: found.left.to_string(),
            right: found.right.to_string(),
            ok: found.ok,
        })
        .collect()
}

fn identity<T: ToString>(name: &str, left: T, right: T) -> IdentityView {
    let (left, right) = (left.to_string(), right.to_string());
    IdentityView { name: name.to_owned(), ok: left == right, left, right }
}

/// The SHA-256 of encoded books.
fn digest(books: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    units::KeyDigest(Sha256::digest(books).into()).to_string()
}
