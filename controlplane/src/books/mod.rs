//! The ledger thread and everything it does.
//!
//! ```text
//!   commands (axum) ─┐                     ┌─▶ answers
//!                    ├─▶ thread: fold ─ journal ─ sync ─┼─▶ link messages
//!   link messages ───┘         │           └─▶ view
//!                        books + register
//! ```
//!
//! Contents, in the order in which a command meets them: `command` the closed list and the handle;
//! `order` what writes ask for; `thread` the loop; `answer` which command is done where; then the
//! parts by subject, and `shown`, what is answered. Invariant: this thread alone touches books,
//! register, journal and view; all others send it messages.

mod accounts;
mod audit;
mod catalog;
mod catalog_edit;
mod command;
mod commit;
mod counters;
mod credits;
mod expiry;
mod generations;
mod invoices;
mod keys;
mod lending;
mod links;
mod obey;
mod order;
mod own_key_order;
mod own_keys;
mod period;
mod playground;
mod publish;
mod register;
mod retention;
mod settle;
mod shown;
mod shown_money;
mod shown_state;
mod shown_usage;
mod start;
mod state;
mod statement;
mod thread;
mod usage;
mod view;
mod waiting;

pub(crate) use catalog_edit::masked;
pub use catalog_edit::{CatalogChange, CatalogEdit, RowChange};
pub use command::{Blocking, Commands, Owner};
pub use credits::Refunder;
pub use ledger::books::{AccountView, Lot};
pub(crate) use order::Place;
pub use order::{
    AccountChange, AccountOrder, ClassOrder, Collection, CreditOrder, CreditReason, KeyOrder,
    KeyPatch, Page, PayBackOrder, PrivacyChange,
};
pub use own_key_order::{KeyText, OwnKeyOrder, OwnKeyPatch};
pub(crate) use period::month_start;
pub use shown::{
    AttemptView, EndpointView, GenerationView, KeyMade, KeyUsage, KeyView, Listed, OwnKeyView,
};
pub use shown_money::{TransactionKind, TransactionView};
pub use shown_state::{
    AuditView, CoreView, HealthView, IdentityView, JournalView, PercentilesView, PhasesView,
    PlaneJournalView, PlaneReport, PlaneView, RecomputedView, StatusView,
};
pub use shown_usage::{InvoiceClass, InvoiceLine, InvoiceSums, InvoiceView, UsageView};
pub(crate) use start::{LedgerThread, read_payload, start};
pub(crate) use thread::Input;
pub use usage::{Span, UsageOrder};
