//! How the ledger and its data planes are doing.

use ledger::Purse;
use ledger::postings::LedgerAccount;
use link::StatusReport;
use units::{DataPlaneId, Epoch};

use super::links::Linked;
use super::shown_state::{
    CoreView, HealthView, JournalView, PercentilesView, PlaneJournalView, PlaneReport, PlaneView,
    StatusView,
};
use super::thread::Ledger;
use crate::refuse::Refusal;

impl Ledger {
    pub(crate) fn status(&self) -> StatusView {
        let rows = &self.register.rows;
        StatusView {
            generation: self.register.generation,
            providers: rows.provider.len(),
            models: rows.model.len(),
            keys: self.register.keys().len(),
            accounts: self.books.account_ids().len(),
            totals: self.books.trial().named().collect(),
            written_off: -self.books.trial().total(LedgerAccount::WriteOffs),
            journal: JournalView {
                batch: self.journal.durable(),
                applied: self.view.applied(),
                since_checkpoint: self.journal.since_checkpoint,
                events: self.figures.events,
                records: self.figures.records,
                syncs: self.journal.syncs,
                sync_ns: self.journal.sync_ns,
                refused: self.figures.refused,
            },
            dataplanes: self.data_planes(),
            reports: self.links.iter().map(|(_, linked)| self.report(linked)).collect(),
        }
    }

    /// Ready: data planes are linked, serve by something and can write their journals. One that has
    /// not reported yet is taken at its word that it is linked.
    pub(crate) fn ready(&self) -> Result<(), Refusal> {
        if self.links.iter().count() < self.data_planes_min {
            return Err(Refusal::Unavailable("no data plane is linked yet".to_owned()));
        }
        for (_, linked) in self.links.iter() {
            let plane = linked.dataplane.0;
            let StatusReport { cores, journal, .. } = &linked.report;
            if linked.applied == 0 {
                let why = format!("data plane {plane} has not confirmed a configuration");
                return Err(Refusal::Unavailable(why));
            }
            if !cores.is_empty() && !journal.writable {
                let why = format!("the journal of data plane {plane} cannot be written");
                return Err(Refusal::Unavailable(why));
            }
        }
        Ok(())
    }

    pub(crate) fn data_planes(&self) -> Vec<PlaneView> {
        self.books.dataplanes().map(|dataplane| self.data_plane(dataplane)).collect()
    }

    pub(crate) fn data_plane(&self, dataplane: DataPlaneId) -> PlaneView {
        let linked: Vec<&Linked> = self.links.iter().map(|(_, linked)| linked).collect();
        let of_it = linked.iter().filter(|linked| linked.dataplane == dataplane);
        let epochs: Vec<Epoch> = self.books.open_epochs(dataplane).collect();
        let lent = epochs.iter().flat_map(|epoch| self.books.leases(dataplane, *epoch));
        let money = lent.filter(|(purse, _)| matches!(purse, Purse::Account(_)));
        PlaneView {
            id: dataplane,
            connected: of_it.clone().count() > 0,
            generation: of_it.map(|linked| linked.applied).max().unwrap_or(0),
            fenced: epochs
                .iter()
                .copied()
                .filter(|epoch| self.books.is_fenced(dataplane, *epoch))
                .collect(),
            lent: money.map(|(_, lease)| lease.outstanding()).sum(),
            epochs,
        }
    }

    fn report(&self, linked: &Linked) -> PlaneReport {
        let StatusReport { draining, cores, journal, .. } = &linked.report;
        let core = |core: &link::CoreReport| CoreView {
            core: core.core,
            connections: core.connections,
            in_flight: core.in_flight,
            requests: core.requests,
            ends: core.ends,
        };
        let endpoint = |endpoint: &link::EndpointReport| {
            let terms = self.register.offer(endpoint.offer);
            HealthView {
                provider: terms.map(|terms| terms.provider.clone()).unwrap_or_default(),
                model: terms.map(|terms| terms.model.clone()).unwrap_or_default(),
                offer: endpoint.offer,
                healthy: endpoint.state.is_healthy(),
                state: endpoint.state,
                in_flight: endpoint.in_flight,
                concurrency_limit: endpoint.bound,
                requests: endpoint.requests,
                failures: endpoint.failures.iter().sum(),
                failures_by_phase: endpoint.failures.into(),
                latency_ms: PercentilesView::of_thousandths(endpoint.paces.latency_us),
                throughput: PercentilesView::of_thousandths(endpoint.paces.throughput),
            }
        };
        PlaneReport {
            dataplane: linked.dataplane,
            epoch: linked.epoch,
            draining: *draining,
            cores: cores.iter().map(core).collect(),
            endpoints: linked.endpoints.values().map(endpoint).collect(),
            journal: PlaneJournalView {
                writable: journal.writable,
                batches: journal.batches,
                unsettled: journal.unsettled,
                slowest_commit_us: journal.slowest_commit_us,
            },
        }
    }
}
