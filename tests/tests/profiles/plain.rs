//! The profile that sets nothing: the list price, no fee, no minimum, nothing given, nothing taken
//! back. No document tells of it but our own.

use serde_json::Value;
use tollgate_tests::config::{Config, Prices};
use units::TokenClass::{Input, Output};
use units::Usd;

use crate::answers;
use crate::brand::Brand;
use crate::shop::{Shop, sell};

const BRAND: Brand = Brand {
    profile: "plain",
    host: "",
    chat: "/v1/chat/completions",
    model: "up/chat",
    shown: 0,
    catalog,
    claims: &[],
    not_yet: &[],
    judge: answers::judge,
};

fn catalog(config: Config, base_url: &str) -> Config {
    let config = config.provider("up", base_url, "");
    let size = "context = 64000\nmax_output = 8000";
    let list = [(Input, "1.23"), (Output, "4.56")];
    sell(config, ("up/chat", &list), (&["up"], size), Prices::new("1.23", "4.56"))
}

#[test]
fn the_plain_profile_adds_nothing() {
    let shop = Shop::open(&BRAND);
    let (account, balance) = shop.sign_up("new");
    assert_eq!(balance, Usd::ZERO);
    for (amount, method) in [("0.01", "card"), ("3", "cowries")] {
        let booked = shop.top_up(&account, amount, method);
        assert_eq!(booked.status(), 200, "{}", booked.text());
        let told = booked.json();
        assert_eq!((&told["fee"], &told["amount"]), (&"0".into(), &amount.into()));
        assert_eq!((&told["expires_at"], &told["refund_until"]), (&Value::Null, &Value::Null));
    }
    let booked = shop.booked(&shop.chat("up/chat", &Value::Null));
    assert_eq!(Some(booked.charged), booked.list_cost);
    let refused = shop.chat("up/none", &Value::Null);
    assert!(refused.status() == 400 && refused.json().get("detail").is_none());
    let path = format!("/api/v1/generation/{}/refund", booked.id);
    let flagged = shop.call(&shop.customer.key, "POST", &path, &Value::Null);
    assert_eq!(flagged.status(), 403, "{}", flagged.text());
    assert!(shop.customer.key.starts_with("sk-tg-"));
    shop.check_books();
}
