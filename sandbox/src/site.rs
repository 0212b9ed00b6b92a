//! What all connections of one sandbox share: settings, truth, the last requests, ids, and the
//! wishes that a test set for requests to come.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::settings::Settings;
use crate::text::Dice;
use crate::truth::TruthLog;

/// A request as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of the connection it came on, from 0.
    pub connection: u64,
    /// The head, its blank line included.
    pub head: Vec<u8>,
    /// The body, without framing.
    pub body: Vec<u8>,
}

/// What all connections of one sandbox share.
#[derive(Debug)]
pub(crate) struct Site {
    pub settings: Settings,
    pub truth: Arc<TruthLog>,
    /// Connections accepted, and those of them that ended.
    pub accepted: AtomicU64,
    pub ended: AtomicU64,
    received: Mutex<VecDeque<Received>>,
    wishes: Mutex<Wishes>,
    /// Whether any wish was ever set: requests look no further otherwise.
    wished: std::sync::atomic::AtomicBool,
    next: AtomicU64,
    /// Tells the ids of two starts apart.
    nonce: u64,
}

/// Wishes set from outside, beside those of the requests themselves.
#[derive(Debug, Default)]
struct Wishes {
    always: String,
    next: VecDeque<String>,
}

impl Site {
    pub(crate) fn open(settings: Settings) -> io::Result<Arc<Self>> {
        let truth = TruthLog::open(settings.truth_log.as_deref(), settings.truths_kept)?;
        Ok(Arc::new(Self {
            settings,
            truth: Arc::new(truth),
            accepted: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            received: Mutex::default(),
            wishes: Mutex::default(),
            wished: false.into(),
            next: AtomicU64::new(1),
            nonce: Dice::new(now().as_nanos() as u64).roll() >> 32,
        }))
    }

    /// A number that no other request of this sandbox has, as text.
    pub(crate) fn next_id(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}{number:012x}", self.nonce)
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        now().as_secs()
    }

    pub(crate) fn remember(&self, connection: u64, head: &[u8], body: &[u8]) {
        let most = self.settings.requests_kept;
        if most == 0 {
            return;
        }
        let mut received = lock(&self.received);
        // The oldest gives its memory to the newest.
        let spare = if received.len() >= most { received.pop_front() } else { None };
        let mut kept = spare.unwrap_or(Received { connection, head: vec![], body: vec![] });
        kept.connection = connection;
        for (place, bytes) in [(&mut kept.head, head), (&mut kept.body, body)] {
            place.clear();
            place.extend_from_slice(bytes);
        }
        received.push_back(kept);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        lock(&self.received).iter().cloned().collect()
    }

    /// The wishes for the request that begins now.
    pub(crate) fn wishes(&self) -> Option<String> {
        if !self.wished.load(Ordering::Relaxed) {
            return None;
        }
        let mut wishes = lock(&self.wishes);
        let next = wishes.next.pop_front().unwrap_or_default();
        Some(format!("{}+{next}", wishes.always))
    }

    pub(crate) fn wish_always(&self, list: &str) {
        list.clone_into(&mut lock(&self.wishes).always);
        self.wished.store(true, Ordering::Relaxed);
    }

    pub(crate) fn wish_next(&self, lists: &[&str]) {
        lock(&self.wishes).next.extend(lists.iter().map(|list| (*list).to_owned()));
        self.wished.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
