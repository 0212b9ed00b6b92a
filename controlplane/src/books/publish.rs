//! What data planes serve by: sent in full when they link, as changes from then on.
//!
//! Invariants: one publication a generation, in order; who confirms the same generation twice has
//! not understood the next and gets everything again.

use std::sync::Arc;

use link::{KeyChanges, Publication, PublishedCatalog, ToData};

use super::register::News;
use super::thread::Ledger;

impl Ledger {
    /// Greets a data plane that has said who it is.
    pub(crate) fn welcome(&mut self, link: u64) {
        let Some(linked) = self.links.get(link) else { return };
        linked.applied = 0;
        self.tell_marks(link);
        self.publish_all(link);
    }

    /// Tells a data plane again where the ledger stands.
    pub(crate) fn tell_marks(&mut self, link: u64) {
        let Some(linked) = self.links.get(link) else { return };
        let (dataplane, epoch) = (linked.dataplane, linked.epoch);
        let open_epochs = self.open_epochs(dataplane);
        let leases = self.books.leases(dataplane, epoch);
        let lent = leases.map(|(purse, lease)| (purse, lease.granted)).collect();
        self.links.send(link, ToData::Welcome { open_epochs, lent });
    }

    fn publish_all(&mut self, link: u64) {
        let keys = self.register.keys().map(|row| self.register.served(row, &self.books)).collect();
        let generation = self.register.generation;
        let publication = Publication {
            generation,
            catalog: Some(self.published_catalog()),
            keys: KeyChanges::Full(keys),
            own_keys: self.register.own_keys(),
            control: self.address,
        };
        if let Some(linked) = self.links.get(link) {
            linked.published = generation;
        }
        self.links.send(link, ToData::Publish(publication));
    }

    fn published_catalog(&self) -> Arc<PublishedCatalog> {
        Arc::new(PublishedCatalog {
            rows: self.register.rows.clone(),
            offers: self.books.catalog().offers.clone(),
            multiplier: self.profile.multiplier,
            own_key_fee: self.profile.terms.byok.fee,
        })
    }

    /// Sends one generation to every data plane that does not have it in full already.
    pub(crate) fn publish(&mut self, generation: u64, news: &News) {
        let behind = self.links.iter().filter(|(_, linked)| linked.published < generation);
        let behind: Vec<u64> = behind.map(|(link, _)| link).collect();
        if behind.is_empty() {
            return;
        }
        notice::debug!("generation {generation} is published");
        let catalog = matches!(news, News::Catalog).then(|| self.published_catalog());
        for link in behind {
            if let Some(linked) = self.links.get(link) {
                linked.published = generation;
            }
            let (catalog, keys, control) = (catalog.clone(), news.keys(), self.address);
            let own_keys = news.own_keys();
            let publication = Publication { generation, catalog, keys, own_keys, control };
            self.links.send(link, ToData::Publish(publication));
        }
    }

    /// Every core of a data plane has a generation.
    pub(crate) fn applied(&mut self, link: u64, generation: u64) {
        let Some(linked) = self.links.get(link) else { return };
        let understood = generation > linked.applied || generation == linked.published;
        linked.applied = linked.applied.max(generation);
        if !understood {
            self.publish_all(link);
        }
        self.waiting.settle(&self.links, std::time::Instant::now());
    }
}
