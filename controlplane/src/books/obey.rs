//! Which command is done where.
//!
//! One match over the closed list; each arm calls one function of one part. What only reads is
//! answered with the next commit, so that it never tells what is not yet on disk. Commands that
//! need the view wait while it is being built.

use std::time::Instant;

use super::command::{Command, Reply};
use super::thread::{After, Answer, Ledger};
use crate::refuse::Refusal;

impl Ledger {
    /// Does a command, or puts it aside until the view is there.
    pub(crate) fn obey(&mut self, command: Command) {
        if command.needs_view() && !self.view.is_live() {
            self.view.park(command);
            return;
        }
        match command {
            Command::EditCatalog { .. }
            | Command::OpenAccount { .. }
            | Command::ChangeAccount { .. }
            | Command::Credit { .. }
            | Command::MakeKey { .. }
            | Command::ChangeKey { .. }
            | Command::DeleteKey { .. }
            | Command::MakeOwnKey { .. }
            | Command::ChangeOwnKey { .. }
            | Command::DeleteOwnKey { .. }
            | Command::PayBack { .. }
            | Command::Refund { .. }
            | Command::Fence { .. } => self.obey_write(command, Instant::now()),
            read => self.obey_read(read),
        }
    }

    /// A write; `since` is when it was first tried.
    pub(crate) fn obey_write(&mut self, command: Command, since: Instant) {
        let before = self.register.generation;
        match command {
            Command::EditCatalog { edit, dry_run, reply } => {
                let result = self.edit_catalog(edit, dry_run);
                self.answer_write(before, reply, result);
            }
            Command::OpenAccount { order, reply } => {
                let result = self.open_account(order);
                self.answer_write(before, reply, result);
            }
            Command::ChangeAccount { account, change, reply } => {
                let result = self.change_account(account, change);
                self.answer_write(before, reply, result);
            }
            Command::Credit { account, order, reply } => {
                self.credit(account, order, reply, since);
            }
            Command::MakeKey { account, owner, order, reply } => {
                let result = self.make_key(account, owner, order);
                self.answer_write(before, reply, result);
            }
            Command::ChangeKey { digest, owner, patch, reply } => {
                let result = self.change_key(digest, owner, patch);
                self.answer_write(before, reply, result);
            }
            Command::DeleteKey { digest, owner, reply } => {
                let result = self.delete_key(digest, owner);
                self.answer_write(before, reply, result);
            }
            Command::MakeOwnKey { .. }
            | Command::ChangeOwnKey { .. }
            | Command::DeleteOwnKey { .. } => self.obey_own_key(command, before),
            Command::PayBack { lot, owner, order, reply } => {
                self.pay_back(lot, owner, order, reply, since);
            }
            Command::Refund { id, by, reason, reply } => {
                let result = self.refund(id, by, reason);
                self.answer_write(before, reply, result);
            }
            Command::Fence { dataplane, reply } => {
                let result = self.fence(dataplane).map(|()| self.data_plane(dataplane));
                self.answer_write(before, reply, result);
            }
            read => self.obey_read(read),
        }
    }

    fn obey_own_key(&mut self, command: Command, before: u64) {
        match command {
            Command::MakeOwnKey { account, order, reply } => {
                let result = self.make_own_key(account, order);
                self.answer_write(before, reply, result);
            }
            Command::ChangeOwnKey { account, id, patch, reply } => {
                let result = self.change_own_key(account, &id, patch);
                self.answer_write(before, reply, result);
            }
            Command::DeleteOwnKey { account, id, reply } => {
                let result = self.delete_own_key(account, &id);
                self.answer_write(before, reply, result);
            }
            read => self.obey_read(read),
        }
    }

    fn obey_read(&mut self, command: Command) {
        match command {
            Command::ValidKey { digest, now, reply } => {
                let result = Ok(self.valid_key(&digest, now));
                self.answer(reply, result);
            }
            Command::Catalog { reply } => {
                let result = Ok(self.opened_rows());
                self.answer(reply, result);
            }
            Command::Account { account, reply } => {
                let result = self.account(account);
                self.answer(reply, result);
            }
            Command::Accounts { page, reply } => {
                let result = self.accounts(&page);
                self.answer(reply, result);
            }
            Command::Keys { account, reply } => {
                let result = self.keys(account);
                self.answer(reply, result);
            }
            Command::Key { digest, owner, reply } => {
                let result = self.key(digest, owner);
                self.answer(reply, result);
            }
            Command::OwnKeys { account, reply } => {
                let result = Ok(self.own_keys(account));
                self.answer(reply, result);
            }
            Command::OwnKey { account, id, reply } => {
                let result = self.own_key(account, &id);
                self.answer(reply, result);
            }
            listing => self.obey_listing(listing),
        }
    }

    fn obey_listing(&mut self, command: Command) {
        match command {
            Command::Lots { account, all, reply } => {
                let result = self.lots(account, all);
                self.answer(reply, result);
            }
            Command::Statement { account, page, reply } => {
                let result = self.statement(account, &page);
                self.answer(reply, result);
            }
            Command::Usage { account, order, reply } => {
                let result = self.usage(account, &order);
                self.answer(reply, result);
            }
            Command::Invoices { account, reply } => {
                let result = self.invoices(account);
                self.answer(reply, result);
            }
            Command::Invoice { account, month, reply } => {
                let result = self.invoice(account, &month);
                self.answer(reply, result);
            }
            Command::Generations { account, page, reply } => {
                let result = self.generations(account, &page);
                self.answer(reply, result);
            }
            Command::Generation { id, owner, reply } => {
                let result = self.generation(id, owner);
                self.answer(reply, result);
            }
            state => self.obey_state(state),
        }
    }

    fn obey_state(&mut self, command: Command) {
        match command {
            Command::Audit { full: false, reply } => {
                let result = Ok(self.audit());
                self.answer(reply, result);
            }
            Command::Audit { full: true, reply } => self.audit_fully(reply),
            Command::Rebuild { reply } => self.rebuild(reply),
            Command::Status { reply } => {
                let result = Ok(self.status());
                self.answer(reply, result);
            }
            Command::DataPlanes { reply } => {
                let result = Ok(self.data_planes());
                self.answer(reply, result);
            }
            Command::NextEpoch { dataplane, reply } => {
                let result = Ok(self.books.next_epoch(dataplane));
                self.answer(reply, result);
            }
            Command::Ready { reply } => {
                let result = self.ready();
                self.answer(reply, result);
            }
            // The writes went another way, and a reply that is dropped is a refusal.
            _ => {}
        }
    }

    /// Answers once what was booked so far is on disk.
    pub(crate) fn answer<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        result: Result<T, Refusal>,
    ) {
        self.after(After::Answer(sending(reply, result)));
    }

    /// Answers a write: where it made a new generation, once data planes have that.
    pub(crate) fn answer_write<T: Send + 'static>(
        &mut self,
        before: u64,
        reply: Reply<T>,
        result: Result<T, Refusal>,
    ) {
        let (generation, answer) = (self.register.generation, sending(reply, result));
        self.after(if generation == before {
            After::Answer(answer)
        } else {
            After::AnswerWhenApplied { generation, answer }
        });
    }
}

/// A caller that has gone away needs no answer.
fn sending<T: Send + 'static>(reply: Reply<T>, result: Result<T, Refusal>) -> Answer {
    Box::new(move || drop(reply.send(result)))
}

impl Command {
    /// Whether it reads what only the view has.
    fn needs_view(&self) -> bool {
        matches!(
            self,
            Self::Usage { .. }
                | Self::Generations { .. }
                | Self::Generation { .. }
                | Self::Refund { .. }
                | Self::Keys { .. }
                | Self::Key { .. }
                | Self::MakeKey { .. }
                | Self::ChangeKey { .. }
                | Self::Audit { .. }
                | Self::Rebuild { .. }
        )
    }
}
