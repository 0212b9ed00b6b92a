//! A gateway between a provider and a customer: what most outside tests begin with.
//!
//! Left out on purpose: judging money; the customer has more than enough of it.

use serde_json::{Value, json};

use crate::admin::Customer;
use crate::client::{Answer, ask, request};
use crate::config::Config;
use crate::gateway::Gateway;
use crate::upstream::Upstream;

/// Where OpenAI's rules hold.
pub const CHAT: &str = "/v1/chat/completions";
/// Where OpenRouter's rules hold.
pub const ROUTED_CHAT: &str = "/api/v1/chat/completions";

/// Everything from the provider to the customer.
#[derive(Debug)]
pub struct Stand {
    /// The gateway; it ends before its provider.
    pub gateway: Gateway,
    /// The provider behind it.
    pub upstream: Upstream,
    /// Who asks, with $100.
    pub customer: Customer,
}

impl Stand {
    /// One provider, one model.
    pub fn start() -> Self {
        Self::with(|config| config)
    }

    /// The same with the configuration changed.
    pub fn with(change: impl FnOnce(Config) -> Config) -> Self {
        Self::on(Upstream::start(), change)
    }

    /// The same with limits of its own: lines of `[limits]`.
    pub fn limited(limits: &str) -> Self {
        Self::with(|config| Config { limits: limits.to_owned(), ..config })
    }

    /// The same with this provider.
    pub fn on(upstream: Upstream, change: impl FnOnce(Config) -> Config) -> Self {
        let gateway = Gateway::start(change(Config::simple(&upstream.base_url())));
        let customer = gateway.admin.customer("customer", "100");
        Self { gateway, upstream, customer }
    }

    /// One chat request under OpenAI's rules.
    pub fn chat(&self, body: &Value) -> Answer {
        self.post(CHAT, body.to_string().as_bytes())
    }

    /// One POST of JSON bytes, with the customer's key.
    pub fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.send(&self.request("POST", path, body))
    }

    /// One GET with the customer's key.
    pub fn get(&self, path: &str) -> Answer {
        self.send(&self.request("GET", path, b""))
    }

    /// One call of the account API with another of the customer's keys; a body of null is none.
    pub fn call(&self, key: &str, (method, path): (&str, &str), body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        self.send(&request(method, path, &headers, text.as_bytes()))
    }

    /// A key of the customer's that manages its others.
    pub fn management_key(&self) -> String {
        self.gateway.admin.make_key(&self.customer.account, &json!({ "class": "management" }))
    }

    /// Has the customer keep a key of its own for the provider `up`; `more` are further members.
    pub fn keep_own_key(&self, text: &str, more: &Value) -> Value {
        let mut order = json!({ "provider": "up", "key": text });
        if let (Some(order), Some(more)) = (order.as_object_mut(), more.as_object()) {
            order.extend(more.clone());
        }
        let kept = self.call(&self.management_key(), ("POST", "/api/v1/byok"), &order);
        assert_eq!(kept.status(), 201, "{}", kept.text());
        kept.json()["data"].clone()
    }

    /// Bytes on a connection of their own.
    pub fn send(&self, bytes: &[u8]) -> Answer {
        ask(self.gateway.config.data_addr, bytes)
    }

    /// A request's bytes, with the customer's key.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let bearer = format!("Bearer {}", self.customer.key);
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        request(method, path, &headers, body)
    }
}

/// A short chat request whose answer is the same each time.
pub fn hello() -> Value {
    json!({
        "model": "up/chat",
        "messages": [{ "role": "user", "content": "hello" }],
        "seed": 7,
        "max_tokens": 12,
    })
}

/// The same, streamed.
pub fn hello_stream() -> Value {
    let mut body = hello();
    body["stream"] = true.into();
    body
}
