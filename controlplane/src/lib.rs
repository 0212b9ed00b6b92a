//! The control plane: the operator's and the customers' APIs over one ledger thread.
//!
//! ```text
//!   server ─▶ auth ─▶ admin/*, api/* ─▶ books (the ledger thread) ─▶ store (journal, view)
//!                            │                 ▲ │
//!                            ▼                 │ ▼
//!                          refuse           link to data planes
//! ```
//!
//! Contents: `settings` what it is started with, `terms` what credit costs, `plans` what accounts
//! may send; `running` start and
//! stop; `link` where other processes' data planes connect; `server` the route table; `auth` who
//! calls; `receive` what a call carries; `admin`, `api` the calls; `refuse` every refusal; `books`
//! the ledger thread; `store` its disk; `mint` keys; `receipt` what is signed; `csv` files;
//! `backup` a copy of it all; `metrics`, `openapi` what describes the whole; `demo` the sandbox's
//! first customer.
//! Invariants: handlers hold no state and change nothing themselves; money is `units::Usd`
//! throughout. Left out on purpose: inference, which is the data plane's, and command lines.

mod admin;
mod api;
mod auth;
pub mod backup;
mod books;
mod clock;
pub mod csv;
mod demo;
mod link;
mod metrics;
mod mint;
mod openapi;
mod plans;
pub mod receipt;
mod receive;
mod refuse;
mod running;
mod server;
mod settings;
mod store;
mod terms;

pub use books::{
    AccountChange, AccountOrder, AccountView, AttemptView, AuditView, Blocking, CatalogChange,
    CatalogEdit, ClassOrder, Collection, Commands, CoreView, CreditOrder, CreditReason,
    EndpointView, GenerationView, HealthView, IdentityView, InvoiceClass, InvoiceLine, InvoiceSums,
    InvoiceView, JournalView, KeyMade, KeyOrder, KeyPatch, KeyText, KeyUsage, KeyView, Listed, Lot,
    OwnKeyOrder, OwnKeyPatch, OwnKeyView, Owner, Page, PayBackOrder, PercentilesView, PhasesView,
    PlaneJournalView, PlaneReport, PlaneView, PrivacyChange, RecomputedView, Refunder, RowChange,
    Span, StatusView, TransactionKind, TransactionView, UsageOrder, UsageView,
};
pub use demo::{Demo, demo};
pub use ledger::cell::{PaceLimits, TPM_MAX};
pub use plans::{FreeTerms, Plans, Playground};
pub use receive::Change;
pub use refuse::Refusal;
pub use running::{Running, start};
pub use settings::{Profile, Secret, Settings, StartError};
pub use terms::{Budget, ByokTerms, Checkout, Fee, Terms};
