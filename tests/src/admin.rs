//! The operator's side: the admin port, as a client of JSON with the calls that tests need.

use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::{Value, json};
use units::Usd;

use crate::client::{Answer, Client, ask, request};

/// An account with its money, as the admin port tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Credit in less settled charges.
    pub balance: Usd,
    /// Open holds.
    pub held: Usd,
    /// `balance` less `held`.
    pub available: Usd,
    /// Settled charges.
    pub spent: Usd,
    /// Paid in.
    pub topped_up: Usd,
    /// Given.
    pub granted: Usd,
    /// Corrections; where they are not told, none.
    #[serde(default)]
    pub adjusted: Usd,
    /// Charges given back.
    pub refunded: Usd,
    /// Lapsed.
    pub expired: Usd,
    /// Gone back to who paid it; where it is not told, none.
    #[serde(default)]
    pub paid_back: Usd,
}

/// An account with a key: what a customer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The account's id.
    pub account: String,
    /// The key.
    pub key: String,
}

/// A client of the admin port.
#[derive(Clone, Debug)]
pub struct Admin {
    addr: SocketAddr,
    bearer: String,
}

impl Admin {
    /// A client with this token.
    pub fn new(addr: SocketAddr, token: &str) -> Self {
        Self { addr, bearer: format!("Bearer {token}") }
    }

    /// One call; a body of null is none.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        ask(self.addr, &self.request(method, path, body))
    }

    /// One call to a process that may end meanwhile; its answer, if that came whole.
    pub fn try_call(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let mut client = Client::try_connect(self.addr).ok()?;
        client.try_send(&self.request(method, path, body)).ok()?;
        client.read_answer().ok().filter(|answer| answer.cut.is_none())
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Vec<u8> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [
            ("authorization", self.bearer.as_str()),
            ("content-type", "application/json"),
            ("connection", "close"),
        ];
        request(method, path, &headers, text.as_bytes())
    }

    /// Reads; panics unless it succeeds.
    pub fn get(&self, path: &str) -> Value {
        self.good("GET", path, &Value::Null)
    }

    /// Writes; panics unless it succeeds.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.good("POST", path, body)
    }

    /// Replaces; panics unless it succeeds.
    pub fn put(&self, path: &str, body: &Value) -> Value {
        self.good("PUT", path, body)
    }

    /// Changes; panics unless it succeeds.
    pub fn patch(&self, path: &str, body: &Value) -> Value {
        self.good("PATCH", path, body)
    }

    /// Removes; panics unless it succeeds.
    pub fn delete(&self, path: &str) -> Value {
        self.good("DELETE", path, &Value::Null)
    }

    fn good(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.call(method, path, body);
        let status = answer.status();
        assert!((200..300).contains(&status), "{method} {path}: {status} {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Opens an account; answers its id.
    pub fn open_account(&self, name: &str) -> String {
        let account = self.post("/admin/v1/accounts", &json!({ "name": name }));
        account["id"].as_str().expect("an id").to_owned()
    }

    /// Tops an account up under a reference.
    pub fn credit(&self, account: &str, amount: &str, reference: &str) -> Value {
        let body = json!({ "amount": amount, "kind": "top_up", "reference": reference });
        self.post(&format!("/admin/v1/accounts/{account}/credits"), &body)
    }

    /// Makes a key; `more` are further members of the request.
    pub fn make_key(&self, account: &str, more: &Value) -> String {
        let mut body = json!({ "name": "test", "class": "live" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let made = self.post(&format!("/admin/v1/accounts/{account}/keys"), &body);
        made["key"].as_str().expect("a key").to_owned()
    }

    /// A customer with so much credit.
    pub fn customer(&self, name: &str, amount: &str) -> Customer {
        let account = self.open_account(name);
        self.credit(&account, amount, &format!("first-{name}"));
        let key = self.make_key(&account, &Value::Null);
        Customer { account, key }
    }

    /// An account with its money.
    pub fn account(&self, id: &str) -> Account {
        let told = self.get(&format!("/admin/v1/accounts/{id}"));
        serde_json::from_value(told.clone()).unwrap_or_else(|error| panic!("{error} in {told}"))
    }

    /// All entries of a list, page after page, newest first.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=100{cursor}"));
            entries.extend(page["data"].as_array().expect("a page").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return entries,
            }
        }
    }

    /// All generations of an account, newest first.
    pub fn generations(&self, account: &str) -> Vec<Value> {
        self.list(&format!("/admin/v1/accounts/{account}/generations"))
    }

    /// A metric's value, all of its labels added up; 0 where it is not told.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.call("GET", "/metrics", &Value::Null);
        let lines = page.text().lines().filter(|line| !line.starts_with('#'));
        let named = lines.filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        named.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}
