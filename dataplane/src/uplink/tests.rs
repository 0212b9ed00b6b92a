//! What a welcome changes: the journal hears where the ledger stands, and the ledger is told again
//! how this data plane is. Left out on purpose: how messages travel.

use std::sync::mpsc;

use link::VERSION;
use units::{DataPlaneId, Epoch, UnixMillis};

use super::*;
use crate::uplink::adopt::Found;

const EPOCH: Epoch = Epoch(5);

#[test]
fn the_journal_hears_at_each_welcome_where_the_ledger_stands_and_the_ledger_hears_back() {
    let folder = std::env::temp_dir().join(format!("tollgate-uplink-{}", std::process::id()));
    let (orders, told) = mpsc::channel();
    let (_, waker) = channel::parker();
    let (said, control) = mpsc::channel();
    let (publisher, _reader) = channel::latest();
    let (process, beside) = (1, Vec::new());
    let dataplane = DataPlaneId(1);
    let found = Found { adopted: Vec::new(), locked: Vec::new(), newest: EPOCH };
    let parts = Parts {
        hello: Hello { version: VERSION, dataplane, epoch: EPOCH, directory: 1, process, beside },
        control: Outbox::new(move |message| said.send(message).map_err(|_| link::LinkDown)),
        cores: Cores { publisher, applied: Vec::new(), doorbells: Vec::new() },
        journal: ToJournal { orders, waker },
        resolver: mpsc::channel().0,
        outbound: Outbound::new(EPOCH, folder.join("journal"), &[]),
        dead: Dead::new(folder.clone(), folder, found),
        saver: None,
        fallback: None,
        leases: Vec::new(),
        heard: UnixMillis(0),
        master_keys: None,
        status: Box::new(StatusReport::default),
        notices: mpsc::channel().0,
        gauge: Arc::default(),
    };
    let mut uplink = Uplink::new(parts, mpsc::channel().1);
    for seq in [3, 9] {
        let mark = EpochMark { epoch: EPOCH, watermarks: vec![(0, seq), (2, 1)], fenced: false };
        uplink.obey(ToData::Welcome { open_epochs: vec![mark], lent: Vec::new() });
        let marks = told.try_iter().filter_map(|order| match order {
            ToCommitter::Acknowledged(ring, seq) => Some((ring, seq)),
            _ => None,
        });
        assert_eq!(marks.collect::<Vec<_>>(), [(0, seq), (2, 1)]);
        // The answer to this says from when on leases may be spent.
        let reported = |message: &ToControl| matches!(message, ToControl::Status { .. });
        assert!(control.try_iter().any(|message| reported(&message)));
    }
}
