//! A data plane that only settles: it borrows once, and then tells of holds and their ends.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use ledger::record::Record;
use ledger::{Purse, Run};
use link::frame::{self, LENGTH_BYTES, Message};
use link::{Hello, ToControl, ToData, VERSION};
use units::{AccountId, DataPlaneId, Epoch, OfferId, Usd};

use crate::SILENCE;
use crate::ledger_records::{hold, post};

const EPOCH: Epoch = Epoch(1);
const RING: u16 = 0;
/// Holds in a run, and then as many posts.
const RUN: u64 = 512;
/// Records that may wait for their acknowledgement.
const WINDOW: u64 = 1 << 16;
const CREDIT: Usd = Usd::from_dollars(90_000);

/// The data plane's end of the link.
pub(crate) struct Plane {
    socket: UnixStream,
    heard: Receiver<ToData>,
    accounts: u64,
    next_seq: u64,
    acknowledged: u64,
    offer: OfferId,
}

impl Plane {
    /// Links to a control plane.
    pub(crate) fn link(path: &Path) -> io::Result<Self> {
        let socket = UnixStream::connect(path)?;
        let (sender, heard) = channel();
        let reader = socket.try_clone()?;
        thread::spawn(move || hear(reader, &sender));
        let mut plane =
            Self { socket, heard, accounts: 0, next_seq: 0, acknowledged: 0, offer: OfferId(0) };
        plane.say(&ToControl::Hello(Hello {
            version: VERSION,
            dataplane: DataPlaneId(1),
            epoch: EPOCH,
            directory: 1,
            process: 1,
            beside: Vec::new(),
        }))?;
        loop {
            if let ToData::Publish(publication) = plane.next()? {
                let offers = publication.catalog.as_ref().map(|catalog| &catalog.offers);
                plane.offer = offers.and_then(|offers| offers.first()).copied().unwrap_or_default();
                return Ok(plane);
            }
        }
    }

    /// Borrows of each account, and says that the loans have arrived.
    pub(crate) fn borrow(&mut self, accounts: u64) -> io::Result<()> {
        let mut grants = Vec::new();
        for number in 1..=accounts {
            let purse = Purse::Account(AccountId(number));
            self.say(&ToControl::Need { purse, amount: CREDIT })?;
            let amount = loop {
                match self.next()? {
                    ToData::Granted { amount, .. } => break amount,
                    ToData::Denied { .. } => return Err(io::Error::other("no credit was lent")),
                    _ => {}
                }
            };
            grants.push(Record::Grant { purse, amount });
        }
        self.accounts = accounts;
        self.tell(&grants)
    }

    /// Settles so many records, and waits until the ledger has all of them on disk.
    pub(crate) fn settle(&mut self, records: u64) -> io::Result<()> {
        let end = self.next_seq + records;
        while self.next_seq < end {
            let (first, accounts, offer) = (self.next_seq, self.accounts, self.offer.0);
            let account = |place: u64| 1 + place * 7919 % accounts;
            let holds: Vec<_> = (first..first + RUN).map(|seq| hold(account(seq), offer)).collect();
            let posts: Vec<_> =
                (first..first + RUN).map(|seq| post(account(seq), offer, seq)).collect();
            self.tell(&holds)?;
            self.tell(&posts)?;
            self.wait_for(self.next_seq.saturating_sub(WINDOW))?;
        }
        self.wait_for(self.next_seq)
    }

    fn tell(&mut self, records: &[Record]) -> io::Result<()> {
        let run = Run::of(RING, self.next_seq, records);
        self.next_seq += u64::from(run.count);
        self.say(&ToControl::Settlement { epoch: EPOCH, runs: vec![run] })
    }

    fn wait_for(&mut self, seq: u64) -> io::Result<()> {
        while self.acknowledged < seq {
            if let ToData::Acknowledged { seq, .. } = self.next()? {
                self.acknowledged = seq;
            }
        }
        Ok(())
    }

    fn say(&mut self, message: &ToControl) -> io::Result<()> {
        let bytes = frame::encode(message).map_err(io::Error::other)?;
        self.socket.write_all(&bytes)
    }

    fn next(&self) -> io::Result<ToData> {
        self.heard.recv_timeout(SILENCE).map_err(io::Error::other)
    }
}

/// Hands on what the control plane says until the link ends.
fn hear(mut socket: UnixStream, sender: &Sender<ToData>) {
    let mut next = || -> io::Result<ToData> {
        let mut head = [0; LENGTH_BYTES];
        socket.read_exact(&mut head)?;
        let mut bytes = vec![0; frame::length::<ToData>(head).map_err(io::Error::other)?];
        socket.read_exact(&mut bytes)?;
        ToData::read(&bytes).map_err(io::Error::other)
    };
    while let Ok(message) = next() {
        if sender.send(message).is_err() {
            return;
        }
    }
}
