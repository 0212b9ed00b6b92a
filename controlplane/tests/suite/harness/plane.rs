//! A data plane that does as it is told: it says hello, borrows, and settles what a test writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use controlplane::Running;
use ledger::record::{
    Attempt, Attempts, Excess, FinishCode, Flags, Hold, Outcome, Post, UpstreamId, UsageSource,
    Void, VoidReason,
};
use ledger::run::LEASE_RING;
use ledger::{Purse, Record, Run};
use link::{EpochMark, Hello, LinkDown, Outbox, Publication, ToControl, ToData, VERSION};
use units::{AccountId, DataPlaneId, Epoch, KeyId, OfferId, TokenClass, Tokens, UnixMillis, Usd};

const WAIT: Duration = Duration::from_secs(5);

/// A linked data plane.
pub(crate) struct Plane {
    pub(crate) inbox: Receiver<ToData>,
    pub(crate) out: Outbox<ToControl>,
    /// Whether it confirms publications by itself.
    pub(crate) confirms: Arc<AtomicBool>,
    pub(crate) epoch: Epoch,
}

impl Plane {
    /// Links and says hello.
    pub(crate) fn link(running: &Running, dataplane: u16, epoch: u32) -> Self {
        let (sender, inbox) = mpsc::channel();
        let confirms = Arc::new(AtomicBool::new(true));
        let back: Arc<OnceLock<Outbox<ToControl>>> = Arc::default();
        let (confirming, answer) = (Arc::clone(&confirms), Arc::clone(&back));
        let out = running.attach(Outbox::new(move |message: ToData| {
            if let ToData::Publish(publication) = &message
                && confirming.load(Ordering::Relaxed)
                && let Some(out) = answer.get()
            {
                let _ = out.send(ToControl::Applied { generation: publication.generation });
            }
            sender.send(message).map_err(|_| LinkDown)
        }));
        back.set(out.clone()).unwrap();
        let plane = Self { inbox, out, confirms, epoch: Epoch(epoch) };
        plane.say(ToControl::Hello(Hello {
            version: VERSION,
            dataplane: DataPlaneId(dataplane),
            epoch: plane.epoch,
            directory: u64::from(dataplane),
            process: 1,
            beside: (1..epoch).map(Epoch).collect(),
        }));
        plane
    }

    pub(crate) fn say(&self, message: ToControl) {
        self.out.send(message).unwrap();
    }

    /// The next message that `wanted` picks; others are passed over.
    #[track_caller]
    pub(crate) fn hear<T>(&self, wanted: impl Fn(ToData) -> Option<T>) -> T {
        loop {
            let message = self.inbox.recv_timeout(WAIT).expect("nothing more was said");
            if let Some(found) = wanted(message) {
                return found;
            }
        }
    }

    #[track_caller]
    pub(crate) fn welcome(&self) -> Vec<EpochMark> {
        self.hear(|message| match message {
            ToData::Welcome { open_epochs, .. } => Some(open_epochs),
            _ => None,
        })
    }

    #[track_caller]
    pub(crate) fn publication(&self) -> Publication {
        self.hear(|message| match message {
            ToData::Publish(publication) => Some(publication),
            _ => None,
        })
    }

    #[track_caller]
    pub(crate) fn granted(&self) -> Usd {
        self.hear(|message| match message {
            ToData::Granted { amount, .. } => Some(amount),
            _ => None,
        })
    }

    #[track_caller]
    pub(crate) fn acknowledged(&self, wanted: u16) -> u64 {
        self.hear(|message| match message {
            ToData::Acknowledged { ring, seq, .. } if ring == wanted => Some(seq),
            _ => None,
        })
    }

    /// Borrows for a purse, and writes down that it has.
    #[track_caller]
    pub(crate) fn borrow(&self, purse: Purse, seq: u64) -> Usd {
        self.say(ToControl::Need { purse, amount: Usd::from_pico(1) });
        let amount = self.granted();
        self.settle(Run::of(LEASE_RING, seq, &[Record::Grant { purse, amount }]));
        assert_eq!(self.acknowledged(LEASE_RING), seq + 1);
        amount
    }

    pub(crate) fn settle(&self, run: Run) {
        self.say(ToControl::Settlement { epoch: self.epoch, runs: vec![run] });
    }
}

/// Who asks, and on which terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) account: AccountId,
    pub(crate) key: KeyId,
    pub(crate) offer: OfferId,
}

impl Asker {
    /// The first key of an account, on the first offer.
    pub(crate) fn of(account: &str) -> Self {
        Self { account: account.parse().unwrap(), key: KeyId(1), offer: OfferId(0) }
    }

    pub(crate) fn hold(self, amount: Usd) -> Record {
        Record::Hold(Hold {
            account: self.account,
            key: self.key,
            key_limited: false,
            free_request: false,
            amount,
            offer: self.offer,
            output_cap: 100,
            at: now(),
        })
    }

    pub(crate) fn post(self, hold_seq: u64, held: Usd, charge: Usd) -> Record {
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = 10;
        tokens[TokenClass::Output] = 20;
        let mut attempts = Attempts::new();
        attempts.push(Attempt { offer: self.offer, status: 200, ms: 40 });
        Record::Post(Post {
            hold_seq,
            account: self.account,
            key: self.key,
            key_limited: false,
            free_request: false,
            held,
            charge,
            excess: Excess::default(),
            list_cost: charge.mul_ratio_up(1, 2).unwrap(),
            own_key: false,
            offer: self.offer,
            tokens,
            source: UsageSource::Reported,
            outcome: Outcome::Complete,
            flags: Flags::NONE,
            service_tier: 0,
            stream: true,
            finish: FinishCode::Stop,
            upstream_id: UpstreamId::new(b"chatcmpl-1"),
            attempts,
            created_at: now(),
            first_byte_ms: 12,
            total_ms: 50,
            output_cap: 100,
            status: 200,
            hashes: None,
        })
    }

    pub(crate) fn void(self, hold_seq: u64, held: Usd) -> Record {
        Record::Void(Void {
            hold_seq,
            account: self.account,
            key: self.key,
            key_limited: false,
            free_request: false,
            held,
            offer: self.offer,
            reason: VoidReason::Timeout,
            status: 504,
            attempts: Attempts::new(),
            created_at: now(),
            total_ms: 900,
            stream: false,
        })
    }
}

pub(crate) fn now() -> UnixMillis {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    UnixMillis(since.as_millis() as u64)
}
