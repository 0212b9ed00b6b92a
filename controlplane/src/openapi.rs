//! `GET /openapi.json`: what this port offers, as OpenAPI 3.1.
//!
//! One line per operation here, the shapes in `openapi/schemas.json`. A test holds the lines to
//! the route table of `server.rs` in both directions, another the shapes to what is really
//! answered. Left out on purpose: the data port's inference dialects, which their owners publish.

use axum::Json;
use serde_json::{Map, Value, json};

/// Who may call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Operator,
    Customer,
    KeyKeeper,
    Anyone,
}

use Caller::{Anyone, Customer, KeyKeeper, Operator};

/// Method, path, caller, body, answer, and what it does.
type Operation = (&'static str, &'static str, Caller, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const OPERATIONS: &[Operation] = &[
    ("get", "/admin/v1/providers", Operator, "", "Providers", "Every provider; literal keys are masked"),
    ("get", "/admin/v1/providers/{id}", Operator, "", "Provider", "One provider"),
    ("put", "/admin/v1/providers/{id}", Operator, "Provider", "Provider", "Put a provider; x-generation says which configuration holds it"),
    ("delete", "/admin/v1/providers/{id}", Operator, "", "Deleted", "Remove a provider that no model uses"),
    ("get", "/admin/v1/models", Operator, "", "Models", "Every model"),
    ("get", "/admin/v1/models/{id}", Operator, "", "Model", "One model; its id may hold slashes"),
    ("put", "/admin/v1/models/{id}", Operator, "Model", "Model", "Put a model"),
    ("delete", "/admin/v1/models/{id}", Operator, "", "Deleted", "Remove a model"),
    ("get", "/admin/v1/tiers", Operator, "", "Tiers", "Every tier"),
    ("get", "/admin/v1/tiers/{id}", Operator, "", "Tier", "One tier; its id may hold slashes"),
    ("put", "/admin/v1/tiers/{id}", Operator, "Tier", "Tier", "Put a tier"),
    ("delete", "/admin/v1/tiers/{id}", Operator, "", "Deleted", "Remove a tier"),
    ("get", "/admin/v1/catalog", Operator, "", "Catalog", "The catalog as a whole"),
    ("post", "/admin/v1/catalog", Operator, "Catalog", "CatalogChange", "Replace the catalog, whole or not at all; ?dry_run=1 only tells the difference"),
    ("get", "/admin/v1/accounts", Operator, "", "Accounts", "Accounts, oldest first; ?cursor=&limit="),
    ("post", "/admin/v1/accounts", Operator, "AccountOrder", "Account", "Open an account"),
    ("get", "/admin/v1/accounts/{id}", Operator, "", "Account", "One account with its money"),
    ("patch", "/admin/v1/accounts/{id}", Operator, "AccountChange", "Account", "Rename, disable or enable an account"),
    ("post", "/admin/v1/accounts/{id}/credits", Operator, "CreditOrder", "Transaction", "Credit an account; the same reference again changes nothing"),
    ("get", "/admin/v1/accounts/{id}/keys", Operator, "", "Keys", "The keys of an account"),
    ("post", "/admin/v1/accounts/{id}/keys", Operator, "KeyOrder", "KeyTold", "Make a key; its text is told this once"),
    ("get", "/admin/v1/accounts/{id}/transactions", Operator, "", "Transactions", "Credits, refunds and adjustments, newest first; ?cursor=&limit="),
    ("get", "/admin/v1/accounts/{id}/generations", Operator, "", "Generations", "Generations, newest first; ?cursor=&limit="),
    ("get", "/admin/v1/keys/{hash}", Operator, "", "Key", "One key"),
    ("patch", "/admin/v1/keys/{hash}", Operator, "KeyPatch", "Key", "Change a key: left out keeps, null clears"),
    ("delete", "/admin/v1/keys/{hash}", Operator, "", "Deleted", "Delete a key"),
    ("get", "/admin/v1/generations/{id}", Operator, "", "Generation", "One generation: usage, price, charge, attempts"),
    ("post", "/admin/v1/generations/{id}/refund", Operator, "RefundOrder", "Transaction", "Give back what a generation cost, once"),
    ("get", "/admin/v1/ledger/audit", Operator, "", "Audit", "Every identity with its two sides; ?full=1 recomputes all from the journal"),
    ("post", "/admin/v1/ledger/rebuild", Operator, "", "Audit", "Drop the view and build it again from the journal"),
    ("get", "/admin/v1/status", Operator, "", "Status", "How both planes are doing"),
    ("get", "/admin/v1/dataplanes", Operator, "", "DataPlanes", "The data planes that ever linked"),
    ("post", "/admin/v1/dataplanes/{id}/fence", Operator, "", "DataPlane", "Close the epochs of a data plane that is gone for good"),
    ("get", "/api/v1/balance", Customer, "", "Balance", "The account's balance"),
    ("get", "/api/v1/transactions", Customer, "", "Statement", "What moved the account's money, newest first; ?cursor=&limit="),
    ("get", "/api/v1/credits", Customer, "", "Credits", "Credit in and usage out since ever"),
    ("get", "/api/v1/key", Customer, "", "OwnKeyAnswer", "The key that asks"),
    ("get", "/api/v1/generation", Customer, "", "Receipt", "One generation of the account; ?id="),
    ("get", "/api/v1/keys", KeyKeeper, "", "OwnKeys", "The account's keys"),
    ("post", "/api/v1/keys", KeyKeeper, "KeyOrder", "OwnKeyTold", "Make a key; its text is told this once"),
    ("get", "/api/v1/keys/{hash}", KeyKeeper, "", "OwnKeyAnswer", "One key of the account"),
    ("patch", "/api/v1/keys/{hash}", KeyKeeper, "KeyPatch", "OwnKeyAnswer", "Change a key: left out keeps, null clears"),
    ("delete", "/api/v1/keys/{hash}", KeyKeeper, "", "Deleted", "Delete a key"),
    ("get", "/metrics", Anyone, "", "", "Prometheus text"),
    ("get", "/livez", Anyone, "", "", "The process runs"),
    ("get", "/readyz", Anyone, "", "", "The books answer and the journal can be written"),
    ("get", "/openapi.json", Anyone, "", "", "This document"),
];

const SCHEMAS: &str = include_str!("openapi/schemas.json");

pub(crate) async fn document() -> Json<Value> {
    Json(described())
}

fn described() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.1).or_insert_with(|| json!({}));
        path[operation.0] = operation_json(operation);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate control plane",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Amounts are USD, exact: decimal strings for the operator, JSON \
                numbers with the exact text beside them for customers.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "operator": {"type": "http", "scheme": "bearer", "description": "The admin token"},
                "customer": {"type": "http", "scheme": "bearer", "description": "An API key"},
                "customer_header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
            "schemas": schemas,
        },
    })
}

fn operation_json(&(method, path, caller, body, answer, summary): &Operation) -> Value {
    let security = match caller {
        Operator => json!([{"operator": []}]),
        Customer | KeyKeeper => json!([{"customer": []}, {"customer_header": []}]),
        Anyone => json!([]),
    };
    let parameters: Vec<Value> = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|name| {
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
        })
        .chain(query_parameters(summary))
        .collect();
    let mut operation = json!({
        "summary": summary,
        "operationId": format!("{method}{}", path.replace(['/', '{', '}', '.'], "_")),
        "security": security,
        "parameters": parameters,
        "responses": responses(method, caller, answer),
    });
    if !body.is_empty() {
        let content = content(body);
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

/// The query parameters that a summary names as `?name=` and `&name=`.
fn query_parameters(summary: &str) -> impl Iterator<Item = Value> + '_ {
    let query = summary.split_once('?').map_or("", |(_, query)| query);
    let query = query.split(' ').next().unwrap_or_default();
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| {
        json!({"name": name, "in": "query", "required": name == "id", "schema": {"type": "string"}})
    })
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

fn responses(method: &str, caller: Caller, answer: &str) -> Value {
    let made = method == "post" && matches!(answer, "Account" | "KeyTold" | "OwnKeyTold");
    let good = if answer.is_empty() {
        json!({"description": "Done"})
    } else {
        json!({"description": "Done", "content": content(answer)})
    };
    let refused = json!({"description": "Refused", "content": content("Error")});
    let mut responses = Map::new();
    responses.insert(if made { "201" } else { "200" }.into(), good);
    if caller != Anyone {
        responses.insert("4XX".into(), refused.clone());
    }
    responses.insert("503".into(), refused);
    Value::Object(responses)
}

#[cfg(test)]
mod tests;
