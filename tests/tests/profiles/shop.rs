//! A gateway under a shipped profile with a provider behind it, and what its customers, its
//! operator and its documents' examples do there.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_tests::admin::Customer;
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::client::{Answer, ask, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::{TokenClass, Usd};

use crate::brand::Brand;
use crate::examples::Example;

/// How long a charge may take to show.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(5);
/// What customers have, so that no check runs short.
const CREDIT: &str = "1000";

/// Everything from the provider to the customer.
pub(crate) struct Shop {
    /// The gateway; it ends before its provider.
    pub(crate) gateway: Gateway,
    /// The provider behind it.
    pub(crate) upstream: Upstream,
    /// Who asks.
    pub(crate) customer: Customer,
    /// The customer's management key.
    pub(crate) keeper: String,
    /// Where the service takes chats, and the model of an example that names none.
    usual: (&'static str, &'static str),
}

/// A model for sale: its id and what its provider charges, by class. Its price is the profile's.
pub(crate) type Sold = (&'static str, &'static [(TokenClass, &'static str)]);

impl Shop {
    /// The shop of a brand.
    pub(crate) fn open(brand: &Brand) -> Self {
        let upstream = Upstream::start();
        let config = Config { profile: brand.profile.to_owned(), ..Config::new() };
        let usual = (brand.chat, brand.model);
        Self::on(upstream, usual, |base| (brand.catalog)(config, base))
    }

    /// The shop of a brand that keeps customers' own provider keys, and the customer's one for a
    /// provider.
    pub(crate) fn with_own_key(brand: &Brand, provider: &str) -> Self {
        let upstream = Upstream::start();
        let config = Config { profile: brand.profile.to_owned(), ..Config::new() }.sealed();
        let usual = (brand.chat, brand.model);
        let shop = Self::on(upstream, usual, |base| (brand.catalog)(config, base));
        let order = json!({ "provider": provider, "key": "sk-own-4f1c9a7e5b3d2086QrSt",
                            "always_use": true });
        let kept = shop.call(&shop.keeper, "POST", "/api/v1/byok", &order);
        assert_eq!(kept.status(), 201, "{}", kept.text());
        shop
    }

    /// A shop whose catalog is made for the provider's address.
    pub(crate) fn on(
        upstream: Upstream,
        usual: (&'static str, &'static str),
        config: impl FnOnce(&str) -> Config,
    ) -> Self {
        let gateway = Gateway::start(config(&upstream.base_url()));
        let customer = gateway.admin.customer("customer", CREDIT);
        let keeper = gateway.admin.make_key(&customer.account, &json!({ "class": "management" }));
        Self { gateway, upstream, customer, keeper, usual }
    }

    /// Sends what an example shows, with what it leaves open filled in: the host, the key, and
    /// what is asked.
    pub(crate) fn send(&self, example: &Example) -> Answer {
        let keyed = |value: &str| match value.strip_prefix("Bearer ") {
            Some(_) => format!("Bearer {}", self.customer.key),
            None => value.to_owned(),
        };
        let mut headers: Vec<_> =
            example.headers.iter().map(|(name, value)| (name.as_str(), keyed(value))).collect();
        let body = example.body.as_ref().map(|body| self.filled(body)).map(|body| body.to_string());
        if body.is_some() && !headers.iter().any(|(name, _)| is_type(name)) {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = body.unwrap_or_default();
        let author = self.usual.1.split('/').next().unwrap_or_default();
        let path = example.path.replace("{model}", self.usual.1).replace("{provider}", author);
        let path = path.replace("{path}", "chat/completions");
        self.ask(&request(&example.method, &path, &headers, body.as_bytes()))
    }

    /// A body with a model and messages, where it has none of its own.
    fn filled(&self, body: &Value) -> Value {
        let mut body = body.clone();
        let is_empty = body["messages"].as_array().is_none_or(Vec::is_empty);
        if is_empty && body.get("input").is_none() {
            body["messages"] = json!([{ "role": "user", "content": "ship it" }]);
        }
        if body.get("model").is_none() && body.get("models").is_none() {
            body["model"] = self.usual.1.into();
        }
        body
    }

    /// Bytes on a connection of their own.
    pub(crate) fn ask(&self, bytes: &[u8]) -> Answer {
        ask(self.gateway.config.data_addr, bytes)
    }

    /// One call with a key; a body of null is none.
    pub(crate) fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(&request(method, path, &headers, text.as_bytes()))
    }

    /// One GET of the customer; panics unless it succeeds.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.call(&self.customer.key, "GET", path, &Value::Null);
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// One chat of the customer with a model; `more` are further members of the body.
    pub(crate) fn chat(&self, model: &str, more: &Value) -> Answer {
        self.chat_with(&self.customer.key, model, more)
    }

    /// The same with another key.
    pub(crate) fn chat_with(&self, key: &str, model: &str, more: &Value) -> Answer {
        let mut body = json!({ "model": model, "max_tokens": 16 });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.call(key, "POST", self.usual.0, &self.filled(&body))
    }

    /// The model as the list shows it.
    #[track_caller]
    pub(crate) fn listed(&self, model: &str) -> Value {
        let list = self.get("/api/v1/models");
        let found = list["data"].as_array().unwrap().iter().find(|item| item["id"] == model);
        found.unwrap_or_else(|| panic!("{model} is not listed: {list}")).clone()
    }

    /// The generation of an answer, once it is booked.
    pub(crate) fn booked(&self, answer: &Answer) -> Generation {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let id = answer.head.header("x-generation-id").expect("the answer names its generation");
        let path = format!("/admin/v1/generations/{id}");
        let told = wait_for("the generation is booked", SETTLE, || {
            let told = self.gateway.admin.call("GET", &path, &Value::Null);
            (told.status() == 200).then(|| told.json())
        });
        Generation::read(&told)
    }

    /// A new account, with the profile's signup credit if it is wished.
    pub(crate) fn sign_up(&self, name: &str) -> (String, Usd) {
        let order = json!({ "name": name, "signup": true });
        let opened = self.gateway.admin.post("/admin/v1/accounts", &order);
        let account = opened["id"].as_str().unwrap().to_owned();
        (account, usd(&opened["balance"]))
    }

    /// A top-up paid by a method.
    pub(crate) fn top_up(&self, account: &str, amount: &str, method: &str) -> Answer {
        let reference = format!("{amount} by {method}");
        let order = json!({
            "amount": amount, "kind": "top_up", "reference": reference, "method": method,
        });
        let path = format!("/admin/v1/accounts/{account}/credits");
        self.gateway.admin.call("POST", &path, &order)
    }

    /// The fee of a top-up that is not the account's first.
    #[track_caller]
    pub(crate) fn fee(&self, amount: &str, method: &str) -> String {
        let booked = self.top_up(&self.customer.account, amount, method);
        assert_eq!(booked.status(), 200, "{}", booked.text());
        assert_eq!(booked.json()["amount"], amount, "the fee comes on top");
        booked.json()["fee"].as_str().unwrap().to_owned()
    }

    /// Holds every charge so far against the provider's truth and the prices of the service.
    pub(crate) fn check_books(&self) {
        let accounts = self.gateway.admin.list("/admin/v1/accounts");
        let ids: Vec<_> = accounts.iter().filter_map(|account| account["id"].as_str()).collect();
        check(&self.gateway, &[&self.upstream], &ids);
    }
}

/// Adds a model of a provider to a catalog. Its price is left to the profile; `shown` is what it
/// must come to.
pub(crate) fn sell(
    mut config: Config,
    (id, list): (&str, &[(TokenClass, &str)]),
    (providers, more): (&[&str], &str),
    shown: Prices,
) -> Config {
    let text = "name = \"A model\"\nkind = \"chat\"\ninput_modalities = [\"text\", \"image\", \
                \"file\"]\noutput_modalities = [\"text\"]\nparameters = [\"tools\", \
                \"tool_choice\", \"response_format\", \"structured_outputs\", \"reasoning\"]\n";
    config.catalog.push_str(&format!("[[model]]\nid = \"{id}\"\n{text}{more}\n"));
    let list: Vec<_> =
        list.iter().map(|(class, price)| format!("{} = \"{price}\"", class.name())).collect();
    let list = list.join(", ");
    for provider in providers {
        let endpoint = format!("  [[model.endpoint]]\n  provider = \"{provider}\"\n");
        config.catalog.push_str(&format!("{endpoint}  model = \"chat\"\n  list = {{ {list} }}\n"));
    }
    config.prices.push((id.to_owned(), shown));
    config
}

/// The amount of a JSON string.
#[track_caller]
pub(crate) fn usd(value: &Value) -> Usd {
    value.as_str().unwrap_or_else(|| panic!("{value} is no amount")).parse().unwrap()
}

fn is_type(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-type")
}

/// Reads every file below a folder.
fn each_file(folder: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, look);
        } else if path.is_file() {
            look(&path, &fs::read(&path).unwrap());
        }
    }
}

/// The milliseconds between two instants of JSON, as RFC 3339 writes them in UTC.
#[track_caller]
pub(crate) fn milliseconds(from: &Value, to: &Value) -> i64 {
    instant(to) - instant(from)
}

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

#[track_caller]
fn instant(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no instant"));
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // March begins the year, so that a leap day ends it.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let seconds = (part(11, 13) * 60 + part(14, 16)) * 60 + part(17, 19);
    let rest = text[19..].trim_end_matches('Z').trim_start_matches('.');
    let thousandths = format!("{rest:0<3}")[..3].parse::<i64>().unwrap();
    days * DAY_MS + seconds * 1000 + thousandths
}

/// No prompt is left behind by a shop, whatever becomes of the request.
pub(crate) fn keeps_no_prompt(shop: &Shop) {
    let model = shop.usual.1;
    let canary = "heliotrope-velocipede-4711";
    let asked = json!({ "messages": [{ "role": "user", "content": canary }] });
    shop.booked(&shop.chat(model, &asked));
    shop.upstream.fault("status:500");
    let failed = shop.chat(model, &asked);
    shop.upstream.fault("");
    assert!(failed.status() >= 500);
    assert!(!shop.gateway.log().contains(canary));
    let folder = shop.gateway.config.data_folder();
    each_file(&folder, &mut |path, bytes| {
        let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{} keeps a prompt", path.display());
    });
}
