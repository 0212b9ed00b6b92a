//! The whole route table on one screen, and the server around it.
//!
//! One port serves the operator (`/admin/v1`, by the admin token) and the customers' account API
//! (`/api/v1`, by their keys; the data plane forwards it here). Every answer carries
//! `x-request-id`; what no route takes is refused in the same form as any other mistake.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::sync::watch;

use crate::auth::{self, Shared};
use crate::refuse::{Form, Refusal};
use crate::{admin, api, openapi};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every path of this port.
pub(crate) fn routes(shared: Shared) -> Router {
    let operator = Router::new()
        .route("/admin/v1/providers", get(admin::catalog::providers))
        .route(
            "/admin/v1/providers/{id}",
            get(admin::catalog::provider)
                .put(admin::catalog::put_provider)
                .delete(admin::catalog::delete_provider),
        )
        .route("/admin/v1/models", get(admin::catalog::models))
        .route(
            "/admin/v1/models/{*id}",
            get(admin::catalog::model)
                .put(admin::catalog::put_model)
                .delete(admin::catalog::delete_model),
        )
        .route("/admin/v1/tiers", get(admin::catalog::tiers))
        .route(
            "/admin/v1/tiers/{*id}",
            get(admin::catalog::tier)
                .put(admin::catalog::put_tier)
                .delete(admin::catalog::delete_tier),
        )
        .route("/admin/v1/catalog", get(admin::catalog::whole).post(admin::catalog::apply))
        .route("/admin/v1/accounts", get(admin::accounts::list).post(admin::accounts::open))
        .route("/admin/v1/accounts/{id}", get(admin::accounts::one).patch(admin::accounts::change))
        .route(
            "/admin/v1/accounts/{id}/credits",
            get(admin::accounts::lots).post(admin::accounts::credit),
        )
        .route("/admin/v1/accounts/{id}/keys", get(admin::keys::list).post(admin::keys::make))
        .route("/admin/v1/accounts/{id}/transactions", get(admin::accounts::transactions))
        .route("/admin/v1/accounts/{id}/generations", get(admin::generations::list))
        .route("/admin/v1/accounts/{id}/invoices", get(api::invoices::list))
        .route("/admin/v1/accounts/{id}/invoices/{month}", get(api::invoices::month))
        .route("/admin/v1/transactions/{id}/refund", post(admin::accounts::pay_back))
        .route(
            "/admin/v1/keys/{hash}",
            get(admin::keys::one).patch(admin::keys::change).delete(admin::keys::delete),
        )
        .route("/admin/v1/generations/{id}", get(admin::generations::one))
        .route("/admin/v1/generations/{id}/receipt", get(admin::generations::receipt))
        .route("/admin/v1/generations/{id}/refund", post(admin::generations::refund))
        .route("/admin/v1/ledger/audit", get(admin::state::audit))
        .route("/admin/v1/ledger/rebuild", post(admin::state::rebuild))
        .route("/admin/v1/status", get(admin::state::status))
        .route("/admin/v1/dataplanes", get(admin::state::dataplanes))
        .route("/admin/v1/dataplanes/{id}/fence", post(admin::state::fence))
        .route_layer(middleware::from_fn_with_state(shared.clone(), auth::operator));
    Router::new()
        .merge(operator)
        .merge(customer())
        .merge(open())
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(shared.clone(), speak_as_asked))
        .layer(middleware::from_fn(name_the_request))
        .with_state(shared)
}

/// The account API: each call looks for a customer's key.
fn customer() -> Router<Shared> {
    Router::new()
        .route("/api/v1/balance", get(api::money::balance))
        .route("/api/v1/transactions", get(api::money::transactions))
        .route("/api/v1/transactions/{id}/refund", post(api::money::pay_back))
        .route("/api/v1/credits", get(api::money::credits))
        .route("/api/v1/invoices", get(api::invoices::mine))
        .route("/api/v1/invoices/{month}", get(api::invoices::my_month))
        .route("/api/v1/activity", get(api::usage::activity))
        .route("/api/usage/summary", get(api::usage::summary))
        .route("/api/usage/timeseries", get(api::usage::timeseries))
        .route("/api/v1/export", get(api::export::export))
        .route("/api/v1/key", get(api::keys::mine))
        .route("/api/v1/generation", get(api::generation::one))
        .route("/api/v1/generation/{id}/refund", post(api::generation::refund))
        .route("/api/v1/generation/{id}/receipt", get(api::generation::receipt))
        .route("/api/v1/byok", get(api::byok::list).post(api::byok::make))
        .route(
            "/api/v1/byok/{id}",
            get(api::byok::one).patch(api::byok::change).delete(api::byok::delete),
        )
        .route("/api/v1/privacy", get(api::privacy::one).patch(api::privacy::change))
        .route("/api/v1/keys", get(api::keys::list).post(api::keys::make))
        .route(
            "/api/v1/keys/{hash}",
            get(api::keys::one).patch(api::keys::change).delete(api::keys::delete),
        )
}

/// What anyone may ask.
fn open() -> Router<Shared> {
    Router::new()
        .route("/v1/billing/status", get(api::billing::status))
        .route("/api/v1/terms", get(api::money::terms))
        .route("/api/v1/receipt-key", get(api::generation::receipt_key))
        .route("/metrics", get(admin::state::metrics))
        .route("/livez", get(admin::state::live))
        .route("/readyz", get(admin::state::ready))
        .route("/openapi.json", get(openapi::document))
}

async fn no_such_path(request: Request) -> Refusal {
    Refusal::NoSuchPath(request.uri().path().to_owned())
}

async fn no_such_method(request: Request) -> Refusal {
    Refusal::MethodNotAllowed(request.method().to_string())
}

/// Refuses customers in the form of the service that they come from.
async fn speak_as_asked(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let form = Form {
        integer_code: path.starts_with("/api/v1/"),
        detail: shared.error_detail && !path.starts_with("/admin/"),
    };
    Refusal::told(next.run(request).await, form)
}

/// Keeps the caller's (or the data plane's) request id, or makes one.
async fn name_the_request(request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).filter(|id| id.len() <= 128).cloned();
    let mut response = next.run(request).await;
    let made = || HeaderValue::from_str(&format!("req-{:016x}", getrandom::u64().ok()?)).ok();
    if let Some(id) = given.or_else(made) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Serves until `stop` turns true; requests that run are finished.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    shared: Shared,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let stopped = async move {
        // A sender that is gone means the same as a stop.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, routes(shared)).with_graceful_shutdown(stopped).await
}
