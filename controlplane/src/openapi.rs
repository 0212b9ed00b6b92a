//! `GET /openapi.json`: what this port offers, as OpenAPI 3.1.
//!
//! One line per operation in `openapi/operations.json`, the shapes in `openapi/schemas.json`. A
//! test holds the lines to the route table of `server.rs` in both directions, another the shapes to
//! what is really answered. What the data port has of its own stands in `openapi/data_port.json`.
//! Left out on purpose: the data port's inference dialects, which their owners publish.

use axum::Json;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Caller {
    Operator,
    Customer,
    KeyKeeper,
    Anyone,
}

use Caller::{Anyone, Customer, KeyKeeper, Operator};

/// Method, path, caller, body, answer, and what it does; no body and no answer are empty.
#[derive(Clone, Debug, Deserialize)]
struct Operation(String, String, Caller, String, String, String);

/// One operation in each line.
const OPERATIONS: &str = include_str!("openapi/operations.json");
const DATA_PORT: &str = include_str!("openapi/data_port.json");
const SCHEMAS: &str = include_str!("openapi/schemas.json");

pub(crate) async fn document() -> Json<Value> {
    Json(described())
}

fn described() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let data_port = lines(DATA_PORT);
    for operation in operations().into_iter().chain(data_port) {
        let path = paths.entry(&operation.1).or_insert_with(|| json!({}));
        path[&operation.0] = operation_json(&operation);
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

/// The lines; a test reads them all.
fn operations() -> Vec<Operation> {
    lines(OPERATIONS)
}

fn lines(text: &str) -> Vec<Operation> {
    serde_json::from_str(text).unwrap_or_default()
}

fn operation_json(operation: &Operation) -> Value {
    let Operation(method, path, caller, body, answer, summary) = operation;
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
        "responses": responses(method, *caller, answer),
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
