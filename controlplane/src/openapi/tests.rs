//! The document and the route table agree.

use std::collections::BTreeSet;

use super::*;

/// `method path` of every route in the source of the route table.
fn routed() -> BTreeSet<String> {
    let source = include_str!("../server.rs").replace(char::is_whitespace, "");
    let table = source.split("pub(crate)fnroutes").nth(1).unwrap();
    let mut routes = BTreeSet::new();
    for route in table.split(".route(\"").skip(1) {
        let (path, methods) = route.split_once('"').unwrap();
        let path = path.replace("{*", "{");
        for method in ["get", "put", "post", "patch", "delete"] {
            let named = [format!(",{method}("), format!(").{method}(")];
            if named.iter().any(|call| methods.contains(call.as_str())) {
                routes.insert(format!("{method} {path}"));
            }
        }
    }
    routes
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let lines: Vec<Operation> = serde_json::from_str(OPERATIONS).unwrap();
    let named = lines.iter().map(|operation| format!("{} {}", operation.0, operation.1));
    let described: BTreeSet<String> = named.collect();
    assert_eq!(described.len(), lines.len(), "an operation stands twice");
    assert_eq!(described, routed());
}

#[test]
fn every_shape_that_is_named_exists_and_is_used() {
    let schemas: Map<String, Value> = serde_json::from_str(SCHEMAS).unwrap();
    let text = described().to_string();
    let marker = "#/components/schemas/";
    let named: BTreeSet<&str> =
        text.split(marker).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(named, schemas.keys().map(String::as_str).collect());
}
