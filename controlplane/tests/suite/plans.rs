//! Plans, privacy and the playground: what is set, what each key has by it, and what data planes
//! are told.

use catalog::keys::{FreeLimits, KeyClass, KeyRow};
use controlplane::{FreeTerms, PaceLimits, Plans, Playground, Terms};
use link::KeyChanges;
use serde_json::{Value, json};
use units::Usd;

use crate::harness::plane::Plane;
use crate::harness::{Control, catalog};

fn plans() -> Plans {
    let usual = PaceLimits { rpm: Some(60), tpm: Some(1000), ..PaceLimits::default() };
    let big = PaceLimits { rpm: Some(600), ..PaceLimits::default() };
    let ten = Usd::from_dollars(10);
    let free = FreeTerms { rpm: Some(20), per_day: 50, bought: ten, per_day_bought: 1000 };
    let named = [("big".to_owned(), big)].into();
    Plans { usual, named, free: Some(free), playground: None }
}

fn playground(spend: &str) -> Plans {
    let models = vec!["sandbox/chat".to_owned()];
    let spend_per_day = spend.parse().unwrap();
    let open = Playground { models, rpm: 2, per_day: Some(9), spend_per_day };
    Plans { playground: Some(open), ..Plans::default() }
}

/// A catalog whose one provider is in Europe.
fn in_europe() -> Value {
    let mut rows = catalog();
    rows["provider"][0]["region"] = "eu".into();
    rows
}

struct Scene {
    control: Control,
    account: String,
}

impl Scene {
    fn open() -> Self {
        let control = Control::with_plans(Control::folder(), plans());
        control.post("/admin/v1/catalog", in_europe()).ok(200);
        let account = control.account("5");
        Self { control, account }
    }

    fn path(&self) -> String {
        format!("/admin/v1/accounts/{}", self.account)
    }

    fn effective(&self, hash: &str) -> Value {
        self.control.get(&format!("/admin/v1/keys/{hash}")).ok(200)["effective"].clone()
    }
}

#[test]
fn a_plan_limits_each_key_and_only_the_operator_goes_above_it() {
    let scene = Scene::open();
    let Scene { control, account } = &scene;
    let (_, hash) = control.key(account, json!({}));
    assert_eq!(scene.effective(&hash)["rpm"], 60);
    assert_eq!(scene.effective(&hash)["rpd"], Value::Null);
    let told = control.patch(&scene.path(), json!({"plan": "big"})).ok(200);
    assert_eq!((&told["plan"], &told["limits"]["rpm"]), (&json!("big"), &json!(600)));
    assert_eq!(scene.effective(&hash)["rpm"], 600);
    assert_eq!(scene.effective(&hash)["tpm"], Value::Null, "a plan says all of its limits");
    let said =
        control.patch(&scene.path(), json!({"plan": "huge"})).refused(400, "invalid_request");
    assert!(said.contains("big"), "{said}");
    control.patch(&scene.path(), json!({"plan": null})).ok(200);

    let (keeper, _) = control.key(account, json!({"class": "management"}));
    let keys = "/api/v1/keys";
    let own = |method: &str, path: &str, body: Value| {
        control.call(method, path, &keeper, &body.to_string())
    };
    let said = own("POST", keys, json!({"name": "k", "rpm": 61})).refused(400, "invalid_request");
    assert!(said.contains("at most 60"), "{said}");
    let made = own("POST", keys, json!({"name": "k", "rpm": 30})).ok(201);
    let path = format!("{keys}/{}", made["data"]["hash"].as_str().unwrap());
    assert_eq!(made["data"]["effective"]["rpm"], 30);
    own("PATCH", &path, json!({"rpm": 61})).refused(400, "invalid_request");
    assert_eq!(own("PATCH", &path, json!({"rpm": 60})).ok(200)["data"]["rpm"], 60);

    let (_, raised) = control.key(account, json!({"rpm": 90}));
    assert_eq!(scene.effective(&raised)["rpm"], 90, "the operator may");
    assert_eq!(scene.effective(&raised)["tpm"], 1000);
    let path = format!("{keys}/{raised}");
    own("PATCH", &path, json!({"rpm": 91})).refused(400, "invalid_request");
    assert_eq!(own("PATCH", &path, json!({"rpm": 80})).ok(200)["data"]["effective"]["rpm"], 80);
}

#[test]
fn what_an_account_sets_binds_its_keys_and_a_key_only_adds_to_it() {
    let scene = Scene::open();
    let Scene { control, account } = &scene;
    let plane = Plane::link(control.running(), 1, 1);
    let served = |hash: &str| -> KeyRow {
        let wanted = hash.to_owned();
        let found = |keys: KeyChanges| match keys {
            KeyChanges::Delta(rows) => rows
                .into_iter()
                .find_map(|(_, row)| row.filter(|row| row.digest.to_string() == wanted)),
            KeyChanges::Full(_) => None,
        };
        loop {
            if let Some(row) = found(plane.publication().keys) {
                return row;
            }
        }
    };
    let (live, hash) = control.key(account, json!({"zdr": true, "allowed_regions": ["eu"]}));
    let row = served(&hash);
    assert!(row.privacy.zdr && !row.privacy.deny_collection);
    let told = control.patch(&scene.path(), json!({"data_collection": "deny"})).ok(200);
    assert_eq!((&told["data_collection"], &told["zdr"]), (&json!("deny"), &json!(false)));
    let row = served(&hash);
    assert!(row.privacy.zdr && row.privacy.deny_collection);
    assert_eq!(row.privacy.regions, Some(vec!["eu".to_owned()]));
    let key = control.get(&format!("/admin/v1/keys/{hash}")).ok(200);
    assert_eq!(key["data_collection"], "allow", "its own rule");
    assert_eq!(key["effective"]["data_collection"], "deny");

    let said = control
        .patch(&scene.path(), json!({"allowed_regions": ["mars"]}))
        .refused(400, "invalid_request");
    assert!(said.contains("mars"), "{said}");
    let (keeper, _) = control.key(account, json!({"class": "management"}));
    let privacy = "/api/v1/privacy";
    let change = json!({"data_collection": null, "zdr": true}).to_string();
    control.call("PATCH", privacy, &live, &change).refused(403, "not_allowed");
    let told = control.call("PATCH", privacy, &keeper, &change).ok(200);
    let own = json!({"data_collection": "allow", "zdr": true, "allowed_regions": null});
    assert_eq!(told, json!({"data": own}));
    assert_eq!(control.call("GET", privacy, &live, "").ok(200), told);
    assert!(!served(&hash).privacy.deny_collection);
}

#[test]
fn what_was_set_is_there_after_a_crash_and_from_a_checkpoint() {
    let scene = Scene::open();
    let path = scene.path();
    let set = json!({"plan": "big", "zdr": true, "allowed_regions": ["eu"]});
    let set = scene.control.patch(&path, set).ok(200);
    let again = Control::with_plans(scene.control.kill(), plans());
    assert_eq!(again.get(&path).ok(200), set);
    let again = Control::with_plans(again.stop(), plans());
    assert_eq!(again.get(&path).ok(200), set);
    let without = Control::with_plans(again.stop(), Plans::default());
    let told = without.get(&path).ok(200);
    assert_eq!(told["limits"]["rpm"], Value::Null, "the plan is gone");
    assert_eq!((&told["zdr"], &told["free"]), (&json!(true), &Value::Null));
}

#[test]
fn bought_credit_raises_what_is_free_at_once_and_pay_back_lowers_it() {
    let mut plans = plans();
    plans.free.as_mut().unwrap().rpm = None;
    let terms = Terms { refund_hours: 24, ..Terms::default() };
    let control = Control::with_profile(Control::folder(), |profile| {
        (profile.plans, profile.terms) = (plans, terms);
    });
    let account = control.account("5");
    let (_, hash) = control.key(&account, json!({}));
    let free = || {
        let key = control.get(&format!("/admin/v1/keys/{hash}")).ok(200);
        key["effective"]["free"]["rpd"].clone()
    };
    assert_eq!(free(), 50);
    let plane = Plane::link(control.running(), 1, 1);
    plane.publication();
    let told = || match plane.publication().keys {
        KeyChanges::Delta(rows) => rows[0].1.as_ref().unwrap().free,
        KeyChanges::Full(_) => panic!("everything"),
    };
    let credits = format!("/admin/v1/accounts/{account}/credits");
    let buy = |kind: &str, reference: &str| {
        let order = json!({"amount": "5", "kind": kind, "reference": reference});
        control.post(&credits, order).ok(200)["id"].as_str().unwrap().to_owned()
    };
    buy("grant", "a present");
    assert_eq!(free(), 50, "what was given was not bought");
    let bought = buy("top_up", "second");
    assert_eq!((free(), told()), (json!(1000), Some(FreeLimits { rpm: None, rpd: 1000 })));
    let back = format!("/admin/v1/transactions/{bought}/refund");
    control.post(&back, json!({"reason": "not needed"})).ok(200);
    assert_eq!((free(), told().unwrap().rpd), (json!(50), 50));
}

#[test]
fn the_playground_has_a_key_that_nobody_has_and_credit_for_a_day() {
    let control = Control::with_plans(Control::folder(), playground("0.5"));
    let accounts = || control.get("/admin/v1/accounts").ok(200)["data"].clone();
    let account = accounts()[0].clone();
    assert_eq!((&account["balance"], &account["granted"]), (&json!("0.5"), &json!("0.5")));
    let id = account["id"].as_str().unwrap();
    let keys = control.get(&format!("/admin/v1/accounts/{id}/keys")).ok(200)["data"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    assert_eq!((&keys[0]["class"], &keys[0]["rpm"]), (&json!("guest"), &json!(2)));
    let lots = control.get(&format!("/admin/v1/accounts/{id}/credits")).ok(200);
    let end = lots[0]["expires_at"].as_str().unwrap();
    assert!(end.ends_with("T00:00:00.000Z") || end.ends_with("T00:00:00Z"), "{end}");
    let plane = Plane::link(control.running(), 1, 1);
    let KeyChanges::Full(rows) = plane.publication().keys else { panic!("all of them") };
    assert_eq!((rows[0].class, rows[0].free), (KeyClass::Guest, None));
    assert_eq!(rows[0].allowed_models, Some(vec!["sandbox/chat".to_owned()]));

    let again = Control::with_plans(control.stop(), playground("2"));
    let accounts = again.get("/admin/v1/accounts").ok(200)["data"].clone();
    assert_eq!(accounts.as_array().unwrap().len(), 1);
    assert_eq!(accounts[0]["balance"], "0.5", "this day has had its credit");
    let closed = Control::with_plans(again.stop(), Plans::default());
    let keys = closed.get(&format!("/admin/v1/accounts/{id}/keys")).ok(200)["data"].clone();
    assert_eq!(keys, json!([]));
}
