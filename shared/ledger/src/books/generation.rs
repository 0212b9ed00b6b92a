//! Generations that ended: what a settlement tells of each.
//!
//! Invariant: everything here is in the record of the end, so that whoever reads the events again
//! has what the books told when they took them in.

use serde::Serialize;
use units::{AccountId, GenerationId, KeyId, OfferId, UnixMillis};

use super::rows::DaySum;
use crate::bytes::RecordFault;
use crate::event::Event;
use crate::record::{Outcome, Post, Record, Void};

/// A generation that ended in a settled run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its id.
    pub id: GenerationId,
    /// The sequence number of its end, in the ring of its hold.
    pub end_seq: u64,
    /// Whose.
    pub account: AccountId,
    /// The key that asked.
    pub key: KeyId,
    /// How it ended.
    pub kind: EndKind,
    /// The offer that served, or was tried last.
    pub offer: OfferId,
    /// When it was admitted.
    pub created_at: UnixMillis,
    /// What it adds to the account's day: nothing where it is not charged.
    pub used: DaySum,
}

/// How a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndKind {
    /// Charged.
    Posted,
    /// Not charged.
    Voided,
    /// Charged for what a crashed process had delivered.
    Recovered,
}

impl Generation {
    /// Every generation that an event ended, in the order of their ends.
    ///
    /// # Errors
    /// Whatever is wrong with a record; books that took the event in found nothing.
    pub fn all_of(event: &Event) -> Result<Vec<Self>, RecordFault> {
        let Event::Settled { dataplane, epoch, run } = event else { return Ok(Vec::new()) };
        let mut ended = Vec::new();
        for entry in run.records() {
            let entry = entry?;
            if !entry.ends_a_hold() {
                continue;
            }
            let id =
                |seq| GenerationId { dataplane: *dataplane, epoch: *epoch, ring: run.ring, seq };
            match entry.decode()? {
                Record::Post(post) => {
                    let ends = Self::posted(id(post.hold_seq), entry.seq, &post);
                    ended.push(ends.ok_or(RecordFault::BadValue("charge"))?);
                }
                Record::Void(void) => {
                    ended.push(Self::voided(id(void.hold_seq), entry.seq, &void));
                }
                _ => {}
            }
        }
        Ok(ended)
    }

    /// The generation that a post ends; `None` where its charge overflows.
    pub(super) fn posted(id: GenerationId, end_seq: u64, post: &Post) -> Option<Self> {
        let recovered = post.outcome == Outcome::Recovered;
        Some(Self {
            id,
            end_seq,
            account: post.account,
            key: post.key,
            kind: if recovered { EndKind::Recovered } else { EndKind::Posted },
            offer: post.offer,
            created_at: post.created_at,
            used: DaySum::of(post)?,
        })
    }

    /// The generation that a void ends.
    pub(super) fn voided(id: GenerationId, end_seq: u64, void: &Void) -> Self {
        Self {
            id,
            end_seq,
            account: void.account,
            key: void.key,
            kind: EndKind::Voided,
            offer: void.offer,
            created_at: void.created_at,
            used: DaySum::default(),
        }
    }
}

impl DaySum {
    /// What a post adds to its day; `None` where its charge overflows.
    pub(super) fn of(post: &Post) -> Option<Self> {
        Some(Self {
            requests: 1,
            tokens: post.tokens,
            charged: post.charged()?,
            written_off: post.excess.written_off,
            list_cost: post.provider_cost(),
            own_cost: post.own_cost(),
        })
    }
}
