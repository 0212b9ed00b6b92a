//! What an epoch's journal cannot say by itself once its oldest segments are gone.
//!
//! A start without the ledger goes on with the newest dead epoch, whose leases are all there is to
//! spend. For that it must know what was left of them, and which rings are used: no number is ever
//! used twice, also where its record was lost with a crash.
//! Invariants: written before the rings that it reserves are used, and before the segments go that
//! it stands for; one that cannot be read costs the going on, and no money.

use std::path::{Path, PathBuf};
use std::{fs, io};

use ledger::Purse;
use ledger::run::LEASE_RING;
use serde::{Deserialize, Serialize};
use units::{Epoch, Usd};

use crate::kept;

/// How an epoch stood when a batch was durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The batch.
    pub batch: u64,
    /// The first ring that no process has used.
    pub next_ring: u16,
    /// Where the lease ring ended.
    pub lease_seq: u64,
    /// What of each purse was granted in all, and what was left of that.
    pub leases: Vec<(Purse, Usd, Usd)>,
}

/// With what a process begins to write an epoch.
#[derive(Clone, Debug, Default)]
pub struct Beginning {
    /// How the epoch stands, the rings of this process reserved.
    pub standing: Standing,
    /// The ring of the first core.
    pub first_ring: u16,
    /// Where the rings of earlier processes end.
    pub older: Vec<(u16, u64)>,
}

impl Standing {
    /// What was written last of an epoch; `None` where nothing was, or nothing that can be used.
    pub fn read(folder: &Path, epoch: Epoch) -> Option<Self> {
        let path = path_of(folder, epoch);
        let content = kept::read(&path).and_then(|content| {
            content.map(|json| serde_json::from_slice(&json)).transpose().map_err(io::Error::other)
        });
        content.unwrap_or_else(|fault| {
            notice::warn!("{} is not used: {fault}", path.display());
            None
        })
    }

    /// Writes it down. Durable when it returns.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, folder: &Path, epoch: Epoch) -> io::Result<()> {
        let json = serde_json::to_vec(self).map_err(io::Error::other)?;
        kept::write(&path_of(folder, epoch), &json)
    }

    /// Reserves the rings of a process with so many cores; `None` if there are not as many left.
    pub fn reserve(mut self, cores: usize, older: Vec<(u16, u64)>) -> Option<Beginning> {
        let first_ring = self.next_ring;
        let next = usize::from(first_ring) + cores;
        self.next_ring = u16::try_from(next).ok().filter(|next| *next < LEASE_RING)?;
        Some(Beginning { standing: self, first_ring, older })
    }
}

/// Removes what was written of an epoch that is settled. Durable when it returns.
pub fn forget(folder: &Path, epoch: Epoch) {
    let removed = fs::remove_file(path_of(folder, epoch));
    let synced = removed.and_then(|()| fs::File::open(folder)?.sync_all());
    if let Err(fault) = synced
        && fault.kind() != io::ErrorKind::NotFound
    {
        notice::warn!("{} stays: {fault}", path_of(folder, epoch).display());
    }
}

fn path_of(folder: &Path, epoch: Epoch) -> PathBuf {
    folder.join(format!("epoch-{:010}", epoch.0))
}

#[cfg(test)]
mod tests {
    use units::AccountId;

    use super::*;

    #[test]
    fn rings_are_reserved_once_and_a_damaged_file_is_none() {
        let folder = std::env::temp_dir().join(format!("tollgate-stand-{}", std::process::id()));
        assert_eq!(Standing::read(&folder, Epoch(3)), None);
        let usd = Usd::from_pico;
        let leases = vec![(Purse::Account(AccountId(1)), usd(9), usd(4))];
        let standing = Standing { batch: 7, next_ring: 5, lease_seq: 8, leases };
        let begun = standing.reserve(4, vec![(2, 6)]).unwrap();
        assert_eq!((begun.first_ring, begun.standing.next_ring), (5, 9));
        begun.standing.write(&folder, Epoch(3)).unwrap();
        assert_eq!(Standing::read(&folder, Epoch(3)), Some(begun.standing.clone()));
        assert!(begun.standing.reserve(usize::from(LEASE_RING), Vec::new()).is_none());
        fs::write(path_of(&folder, Epoch(3)), b"x").unwrap();
        assert_eq!(Standing::read(&folder, Epoch(3)), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
