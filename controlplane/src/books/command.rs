//! The closed list of what may be asked of the ledger thread, and the handle that asks.
//!
//! A command crosses to the ledger thread with the sender of its answer. Invariant: an answer is
//! sent after the disk has what it tells, and a write's after every attached data plane has it
//! (at most a second). A caller that goes away changes nothing: the command is done all the same.

use std::sync::mpsc;

use catalog::keys::KeyRow;
use catalog::rows::CatalogRows;
use ledger::books::{AccountView, Lot};
use ledger::event::TransactionId;
use tokio::sync::oneshot;
use units::{AccountId, DataPlaneId, Epoch, GenerationId, KeyDigest, UnixMillis};

use super::catalog_edit::{CatalogChange, CatalogEdit};
use super::credits::Refunder;
use super::order::{
    AccountChange, AccountOrder, CreditOrder, KeyOrder, KeyPatch, Page, PayBackOrder,
};
use super::own_key_order::{OwnKeyOrder, OwnKeyPatch};
use super::shown::{GenerationView, KeyMade, KeyView, Listed, OwnKeyView};
use super::shown_money::TransactionView;
use super::shown_state::{AuditView, PlaneView, StatusView};
use super::shown_usage::{InvoiceSums, InvoiceView, UsageView};
use super::thread::Input;
use super::usage::UsageOrder;
use crate::refuse::Refusal;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Whose things a call may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The operator: everybody's.
    Anyone,
    /// A customer: those of this account.
    Account(AccountId),
}

impl Owner {
    /// Whether things of `account` may be seen.
    pub(crate) fn sees(self, account: AccountId) -> bool {
        self == Self::Anyone || self == Self::Account(account)
    }
}

macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $method:ident($($field:ident: $kind:ty),*) -> $answer:ty;
    )*) => {
        /// Everything that can be asked.
        pub(crate) enum Command {
            $($(#[$doc])* $variant { $($field: $kind,)* reply: Reply<$answer> },)*
        }

        impl Commands {
            $(
                $(#[$doc])*
                pub async fn $method(&self, $($field: $kind),*) -> Result<$answer, Refusal> {
                    self.ask(|reply| Command::$variant { $($field,)* reply }).await
                }
            )*
        }

        /// The same calls for threads that are not asynchronous.
        impl Blocking<'_> {
            $(
                $(#[$doc])*
                pub fn $method(&self, $($field: $kind),*) -> Result<$answer, Refusal> {
                    self.0.ask_blocking(|reply| Command::$variant { $($field,)* reply })
                }
            )*
        }
    };
}

commands! {
    /// The key of a digest, if it may be used at this instant.
    ValidKey = valid_key(digest: KeyDigest, now: UnixMillis) -> Option<KeyRow>;
    /// The catalog as it stands, secrets included.
    Catalog = catalog() -> CatalogRows;
    /// Changes the catalog, whole or not at all.
    EditCatalog = edit_catalog(edit: CatalogEdit, dry_run: bool) -> CatalogChange;
    /// Opens an account.
    OpenAccount = open_account(order: AccountOrder) -> AccountView;
    /// Renames, disables or enables an account.
    ChangeAccount = change_account(account: AccountId, change: AccountChange) -> AccountView;
    /// One account.
    Account = account(account: AccountId) -> AccountView;
    /// All accounts, oldest first.
    Accounts = accounts(page: Page) -> Listed<AccountView>;
    /// Books a credit.
    Credit = credit(account: AccountId, order: CreditOrder) -> TransactionView;
    /// Makes a key; its text is in this answer and nowhere else.
    MakeKey = make_key(account: AccountId, owner: Owner, order: KeyOrder) -> KeyMade;
    /// The keys of an account.
    Keys = keys(account: AccountId) -> Vec<KeyView>;
    /// One key.
    Key = key(digest: KeyDigest, owner: Owner) -> KeyView;
    /// Changes a key.
    ChangeKey = change_key(digest: KeyDigest, owner: Owner, patch: KeyPatch) -> KeyView;
    /// Deletes a key.
    DeleteKey = delete_key(digest: KeyDigest, owner: Owner) -> ();
    /// The own provider keys of an account.
    OwnKeys = own_keys(account: AccountId) -> Vec<OwnKeyView>;
    /// One of them.
    OwnKey = own_key(account: AccountId, id: String) -> OwnKeyView;
    /// Makes one; its text is in no answer.
    MakeOwnKey = make_own_key(account: AccountId, order: OwnKeyOrder) -> OwnKeyView;
    /// Changes one.
    ChangeOwnKey =
        change_own_key(account: AccountId, id: String, patch: OwnKeyPatch) -> OwnKeyView;
    /// Deletes one.
    DeleteOwnKey = delete_own_key(account: AccountId, id: String) -> ();
    /// What is left of a top-up goes back to who paid it.
    PayBack = pay_back(lot: TransactionId, owner: Owner, order: PayBackOrder) -> TransactionView;
    /// The credits of an account in spending order: those with something left, or all.
    Lots = lots(account: AccountId, all: bool) -> Vec<Lot>;
    /// What moved an account's money, newest first: transactions, and usage by the day.
    Statement = statement(account: AccountId, page: Page) -> Listed<TransactionView>;
    /// What was used, by time and offer, oldest first.
    Usage = usage(account: AccountId, order: UsageOrder) -> Vec<UsageView>;
    /// The months of an account in sums, newest first.
    Invoices = invoices(account: AccountId) -> Vec<InvoiceSums>;
    /// One month of an account, written `2026-11`.
    Invoice = invoice(account: AccountId, month: String) -> InvoiceView;
    /// Generations of an account, newest first.
    Generations = generations(account: AccountId, page: Page) -> Listed<GenerationView>;
    /// One generation.
    Generation = generation(id: GenerationId, owner: Owner) -> GenerationView;
    /// Gives back what a generation cost.
    Refund = refund(id: GenerationId, by: Refunder, reason: String) -> TransactionView;
    /// Every identity of the books; `full` recomputes all from the journal.
    Audit = audit(full: bool) -> AuditView;
    /// Drops the view and builds it again from the journal.
    Rebuild = rebuild() -> AuditView;
    /// How the planes are doing.
    Status = status() -> StatusView;
    /// The data planes that ever linked.
    DataPlanes = data_planes() -> Vec<PlaneView>;
    /// Closes the epochs of a data plane that is gone.
    Fence = fence(dataplane: DataPlaneId) -> PlaneView;
    /// The epoch that a data plane may open next.
    NextEpoch = next_epoch(dataplane: DataPlaneId) -> Epoch;
    /// Whether the journal can be written and the books can answer.
    Ready = ready() -> ();
}

/// The handle that asks; one for each caller.
#[derive(Clone)]
pub struct Commands {
    queue: mpsc::Sender<Input>,
}

/// [`Commands`] for a thread that waits.
pub struct Blocking<'a>(&'a Commands);

impl Commands {
    pub(crate) fn new(queue: mpsc::Sender<Input>) -> Self {
        Self { queue }
    }

    /// The calls as a plain thread makes them; never from inside a runtime.
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking(self)
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Input::Command(command(reply))).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    fn ask_blocking<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Input::Command(command(reply))).map_err(|_| stopped())?;
        answer.blocking_recv().map_err(|_| stopped())?
    }
}

fn stopped() -> Refusal {
    Refusal::Unavailable("it is stopping".into())
}
