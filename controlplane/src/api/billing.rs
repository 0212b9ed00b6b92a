//! `GET /v1/billing/status`: what credit is offered in, and where it is bought.
//!
//! Open to everyone, and the same for all; the terms behind it are `GET /api/v1/terms`.
//! Left out on purpose: balances, which are a customer's own, and asking whoever takes the money.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use units::Usd;

use crate::auth::Shared;
use crate::terms::Terms;

/// What credit is offered in, and where.
#[derive(Serialize)]
pub(crate) struct BillingStatus {
    object: &'static str,
    currency: &'static str,
    credit_packs: Vec<Pack>,
    minimum_top_up: Usd,
    checkout: CheckoutState,
}

/// An amount of credit, with what each way to pay adds to its price.
#[derive(Serialize)]
struct Pack {
    credit: Usd,
    fees: BTreeMap<String, Usd>,
}

/// Where credit is bought.
#[derive(Serialize)]
struct CheckoutState {
    state: &'static str,
    provider: Option<String>,
    url: Option<String>,
    methods: Vec<String>,
}

impl BillingStatus {
    fn of(terms: &Terms) -> Self {
        let pack = |credit: &Usd| {
            let fees = terms.fees.iter().filter_map(|(method, fee)| {
                let fee = fee.of(*credit)?;
                Some((method.clone(), fee))
            });
            Pack { credit: *credit, fees: fees.collect() }
        };
        let (provider, url) = match terms.checkout.clone() {
            Some(checkout) => (Some(checkout.provider), Some(checkout.url)),
            None => (None, None),
        };
        let state = if provider.is_some() { "available" } else { "unavailable" };
        let methods = terms.fees.keys().cloned().collect();
        Self {
            object: "billing.status",
            currency: "USD",
            credit_packs: terms.packs.iter().map(pack).collect(),
            minimum_top_up: terms.minimum_top_up,
            checkout: CheckoutState { state, provider, url, methods },
        }
    }
}

pub(crate) async fn status(State(shared): State<Shared>) -> Json<BillingStatus> {
    Json(BillingStatus::of(&shared.terms))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terms::{Checkout, Fee};

    #[test]
    fn packs_are_told_with_their_fees_and_who_takes_the_money() {
        let minimum = "0.80".parse().unwrap();
        let card = Fee { rate: (55, 1000), fixed: Usd::ZERO, minimum, refundable: true };
        let checkout = Checkout { provider: "p".into(), url: "https://pay.test".into() };
        let terms = Terms {
            fees: [("card".to_owned(), card)].into(),
            packs: [5, 100].map(Usd::from_dollars).to_vec(),
            checkout: Some(checkout),
            ..Terms::default()
        };
        let told = serde_json::to_value(BillingStatus::of(&terms)).unwrap();
        let packs = json!([
            {"credit": "5", "fees": {"card": "0.8"}}, {"credit": "100", "fees": {"card": "5.5"}},
        ]);
        assert_eq!(told["credit_packs"], packs);
        assert_eq!(told["checkout"]["state"], "available");
        let plain = serde_json::to_value(BillingStatus::of(&Terms::default())).unwrap();
        assert_eq!(plain["checkout"]["state"], "unavailable");
        assert_eq!((&plain["credit_packs"], &plain["minimum_top_up"]), (&json!([]), &json!("0")));
    }
}
