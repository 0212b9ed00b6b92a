//! Records as bytes.
//!
//! Layout: a tag byte, small sets, then the record's other fields in the order of its struct, as
//! `crate::bytes` writes them; the account is last, so that its eight bytes stand behind every
//! number and a number can be read as one word. A post of everyday values takes some 110 bytes, and
//! 64 more where it has the hashes of the bodies.

use units::{KeyId, OfferId, UnixMillis};

use super::{
    Attempt, Attempts, BodyHashes, Excess, FinishCode, Flags, Hold, Outcome, Post, Progress,
    Record, UpstreamId, UsageSource, Void, VoidReason,
};
use crate::bytes::{Reader, RecordFault, Sink};
use crate::purse::Purse;

/// The longest form of any record, reached only by absurd values in every field.
pub const RECORD_BYTES_MAX: usize = 520;

/// Room for a whole word to be written at the last place of a record.
pub(crate) const ROOM_BYTES: usize = RECORD_BYTES_MAX + 8;

const HOLD: u8 = 1;
const PROGRESS: u8 = 2;
const POST: u8 = 3;
const VOID: u8 = 4;
const GRANT: u8 = 5;
const RETURN: u8 = 6;

const KEY_LIMITED: u8 = 1;
const STREAM: u8 = 2;
const HASHED: u8 = 4;
const FREE_REQUEST: u8 = 8;
const OWN_KEY: u8 = 16;

/// Where a record is written: room for the longest, of which it fills the front.
struct Draft<'r> {
    count: usize,
    room: &'r mut [u8],
}

impl Sink for Draft<'_> {
    #[inline]
    fn word(&mut self, word: u64, count: usize) {
        self.room[self.count..self.count + 8].copy_from_slice(&word.to_le_bytes());
        self.count += count;
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.room[self.count] = byte;
        self.count += 1;
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.room[self.count..self.count + bytes.len()].copy_from_slice(bytes);
        self.count += bytes.len();
    }
}

impl Record {
    /// The record as bytes: exact for every value.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; ROOM_BYTES];
        let count = self.write(&mut bytes);
        bytes.truncate(count);
        bytes
    }

    /// Writes the record to the front of `room`, which has [`ROOM_BYTES`] or more; how many bytes
    /// it takes.
    pub(crate) fn write(&self, room: &mut [u8]) -> usize {
        let mut out = Draft { count: 0, room };
        match self {
            Self::Hold(hold) => write_hold(hold, &mut out),
            Self::Progress(progress) => {
                let switches = switches([(OWN_KEY, progress.own_key)]);
                out.put(&[PROGRESS, switches, progress.service_tier]);
                out.varint(progress.hold_seq);
                out.tokens(&progress.tokens);
                out.amount(progress.charge);
                out.amount(progress.list_cost);
                out.varint(u64::from(progress.offer.0));
            }
            Self::Post(post) => write_post(post, &mut out),
            Self::Void(void) => write_void(void, &mut out),
            Self::Grant { purse, amount } => {
                out.byte(GRANT);
                purse.write(&mut out);
                out.amount(*amount);
            }
            Self::Return { purse, amount } => {
                out.byte(RETURN);
                purse.write(&mut out);
                out.amount(*amount);
            }
        }
        out.count
    }

    /// Whether the record of these bytes ends a hold: a post or a void.
    pub(crate) fn ends_a_hold(bytes: &[u8]) -> bool {
        matches!(bytes.first(), Some(&(POST | VOID)))
    }

    /// Reads one record, which must be all of `bytes`.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes; they are at fault, or were written by a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordFault> {
        let mut from = Reader::new(bytes);
        let record = match from.byte()? {
            HOLD => Self::Hold(read_hold(&mut from)?),
            PROGRESS => Self::Progress(Progress {
                own_key: read_switches(&mut from, OWN_KEY)? & OWN_KEY != 0,
                service_tier: from.byte()?,
                hold_seq: from.varint()?,
                tokens: from.tokens()?,
                charge: from.amount()?,
                list_cost: from.amount()?,
                offer: OfferId(from.narrow("offer")?),
            }),
            POST => Self::Post(read_post(&mut from)?),
            VOID => Self::Void(read_void(&mut from)?),
            GRANT => Self::Grant { purse: Purse::read(&mut from)?, amount: from.amount()? },
            RETURN => Self::Return { purse: Purse::read(&mut from)?, amount: from.amount()? },
            tag => return Err(RecordFault::UnknownTag(tag)),
        };
        from.finish()?;
        Ok(record)
    }
}

fn write_hold(hold: &Hold, out: &mut Draft<'_>) {
    out.byte(HOLD);
    out.byte(switches([(KEY_LIMITED, hold.key_limited), (FREE_REQUEST, hold.free_request)]));
    out.varint(hold.key.0);
    out.amount(hold.amount);
    out.varint(u64::from(hold.offer.0));
    out.varint(u64::from(hold.output_cap));
    out.varint(hold.at.0);
    out.account(hold.account);
}

#[inline]
fn read_hold(from: &mut Reader<'_>) -> Result<Hold, RecordFault> {
    let switches = read_switches(from, KEY_LIMITED | FREE_REQUEST)?;
    Ok(Hold {
        key_limited: switches & KEY_LIMITED != 0,
        free_request: switches & FREE_REQUEST != 0,
        key: KeyId(from.varint()?),
        amount: from.amount()?,
        offer: OfferId(from.narrow("offer")?),
        output_cap: from.narrow("output cap")?,
        at: UnixMillis(from.varint()?),
        account: from.account()?,
    })
}

fn write_post(post: &Post, out: &mut Draft<'_>) {
    let [flags, more_flags] = post.flags.0.to_le_bytes();
    let small = [
        POST,
        switches([
            (KEY_LIMITED, post.key_limited),
            (STREAM, post.stream),
            (HASHED, post.hashes.is_some()),
            (FREE_REQUEST, post.free_request),
            (OWN_KEY, post.own_key),
        ]),
        post.source as u8,
        post.outcome as u8,
        flags,
        more_flags,
        post.service_tier,
        post.finish as u8,
    ];
    out.put(&small);
    out.varint(post.hold_seq);
    out.varint(post.key.0);
    out.amount(post.held);
    out.amount(post.charge);
    out.amount(post.excess.from_free);
    out.amount(post.excess.written_off);
    out.amount(post.list_cost);
    out.varint(u64::from(post.offer.0));
    out.tokens(&post.tokens);
    out.string(post.upstream_id.as_bytes());
    write_attempts(&post.attempts, out);
    out.varint(post.created_at.0);
    out.varint(u64::from(post.first_byte_ms));
    out.varint(u64::from(post.total_ms));
    out.varint(u64::from(post.output_cap));
    out.varint(u64::from(post.status));
    if let Some(BodyHashes { request, response }) = &post.hashes {
        out.put(request);
        out.put(response);
    }
    out.account(post.account);
}

#[inline]
fn read_post(from: &mut Reader<'_>) -> Result<Post, RecordFault> {
    let known = KEY_LIMITED | STREAM | HASHED | FREE_REQUEST | OWN_KEY;
    let switches = read_switches(from, known)?;
    let [source, outcome, flags, more_flags, service_tier, finish] = from.array()?;
    Ok(Post {
        key_limited: switches & KEY_LIMITED != 0,
        free_request: switches & FREE_REQUEST != 0,
        own_key: switches & OWN_KEY != 0,
        stream: switches & STREAM != 0,
        source: UsageSource::from_byte(source)?,
        outcome: Outcome::from_byte(outcome)?,
        flags: Flags(u16::from_le_bytes([flags, more_flags])),
        service_tier,
        finish: FinishCode::from_byte(finish)?,
        hold_seq: from.varint()?,
        key: KeyId(from.varint()?),
        held: from.amount()?,
        charge: from.amount()?,
        excess: Excess { from_free: from.amount()?, written_off: from.amount()? },
        list_cost: from.amount()?,
        offer: OfferId(from.narrow("offer")?),
        tokens: from.tokens()?,
        upstream_id: read_upstream_id(from)?,
        attempts: read_attempts(from)?,
        created_at: UnixMillis(from.varint()?),
        first_byte_ms: from.narrow("first byte")?,
        total_ms: from.narrow("total time")?,
        output_cap: from.narrow("output cap")?,
        status: from.narrow("status")?,
        hashes: read_hashes(from, switches & HASHED != 0)?,
        account: from.account()?,
    })
}

#[inline]
fn read_hashes(from: &mut Reader<'_>, is_hashed: bool) -> Result<Option<BodyHashes>, RecordFault> {
    if !is_hashed {
        return Ok(None);
    }
    Ok(Some(BodyHashes { request: from.array()?, response: from.array()? }))
}

fn write_void(void: &Void, out: &mut Draft<'_>) {
    let switches = switches([
        (KEY_LIMITED, void.key_limited),
        (STREAM, void.stream),
        (FREE_REQUEST, void.free_request),
    ]);
    out.put(&[VOID, switches, void.reason as u8]);
    out.varint(void.hold_seq);
    out.varint(void.key.0);
    out.amount(void.held);
    out.varint(u64::from(void.offer.0));
    out.varint(u64::from(void.status));
    write_attempts(&void.attempts, out);
    out.varint(void.created_at.0);
    out.varint(u64::from(void.total_ms));
    out.account(void.account);
}

#[inline]
fn read_void(from: &mut Reader<'_>) -> Result<Void, RecordFault> {
    let switches = read_switches(from, KEY_LIMITED | STREAM | FREE_REQUEST)?;
    Ok(Void {
        key_limited: switches & KEY_LIMITED != 0,
        free_request: switches & FREE_REQUEST != 0,
        stream: switches & STREAM != 0,
        reason: VoidReason::from_byte(from.byte()?)?,
        hold_seq: from.varint()?,
        key: KeyId(from.varint()?),
        held: from.amount()?,
        offer: OfferId(from.narrow("offer")?),
        status: from.narrow("status")?,
        attempts: read_attempts(from)?,
        created_at: UnixMillis(from.varint()?),
        total_ms: from.narrow("total time")?,
        account: from.account()?,
    })
}

#[inline]
fn switches<const COUNT: usize>(named: [(u8, bool); COUNT]) -> u8 {
    named.iter().fold(0, |set, (bit, is_on)| if *is_on { set | bit } else { set })
}

#[inline]
fn read_switches(from: &mut Reader<'_>, allowed: u8) -> Result<u8, RecordFault> {
    let switches = from.byte()?;
    if switches & !allowed != 0 {
        return Err(RecordFault::BadValue("switches"));
    }
    Ok(switches)
}

#[inline]
fn read_upstream_id(from: &mut Reader<'_>) -> Result<UpstreamId, RecordFault> {
    let id = from.string()?;
    if id.len() > UpstreamId::MOST {
        return Err(RecordFault::BadValue("upstream id"));
    }
    Ok(UpstreamId::new(id))
}

fn write_attempts(attempts: &Attempts, out: &mut Draft<'_>) {
    out.byte(attempts.as_slice().len() as u8);
    for attempt in attempts.as_slice() {
        out.varint(u64::from(attempt.offer.0));
        out.varint(u64::from(attempt.status));
        out.varint(u64::from(attempt.ms));
    }
}

#[inline]
fn read_attempts(from: &mut Reader<'_>) -> Result<Attempts, RecordFault> {
    let count = from.byte()?;
    if usize::from(count) > Attempts::MOST {
        return Err(RecordFault::BadValue("attempts"));
    }
    let mut attempts = Attempts::new();
    for _ in 0..count {
        attempts.push(Attempt {
            offer: OfferId(from.narrow("offer")?),
            status: from.narrow("status")?,
            ms: from.narrow("attempt time")?,
        });
    }
    Ok(attempts)
}
