//! Price caps at settlement: what a request names as the most for a token is the most that it is
//! charged, whatever the provider counts and whatever is published meanwhile.

use serde_json::{Value, json};
use tollgate_tests::admin::Customer;
use tollgate_tests::checker::Generation;
use tollgate_tests::client::{Answer, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::upstream::Upstream;
use units::TokenClass::{CacheWrite, Input, Output};
use units::Usd;

/// Input and output at 1 and 10; what is written to a cache costs more than any other input.
const INPUT: i128 = 1_000_000;
const OUTPUT: i128 = 10_000_000;

struct Scene {
    upstream: Upstream,
    spare: Upstream,
    gateway: Gateway,
    customer: Customer,
}

impl Scene {
    /// `up/chat` writes to a cache; `up/pair` is also had from `spare`, at twice the price.
    fn start() -> Self {
        let (upstream, spare) = (Upstream::start(), Upstream::start());
        let prices = Prices::new("1", "10").and(CacheWrite, "2.5");
        let mut config = Config::new()
            .provider("up", &upstream.base_url(), "")
            .provider("spare", &spare.base_url(), "")
            .model("up/chat", &[("up", "fault/cache-write+rate:100+tokens:40")], &prices, "")
            .model("up/pair", &[("up", "chat")], &Prices::new("1", "10"), "");
        config.catalog.push_str(
            "  [[model.endpoint]]\n  provider = \"spare\"\n  model = \"chat\"\n  \
             list = { input = \"2\", output = \"20\" }\n",
        );
        let gateway = Gateway::start(config);
        let customer = gateway.admin.customer("careful", "10");
        Self { upstream, spare, gateway, customer }
    }

    fn body(model: &str, routing: &Value) -> Value {
        json!({
            "model": model, "max_tokens": 40, "routing": routing,
            "messages": [{ "role": "user", "content": "how dear is a piece of string? ".repeat(9) }],
        })
    }

    fn ask(&self, model: &str, routing: &Value) -> Answer {
        self.gateway.chat(&self.customer.key, &Self::body(model, routing))
    }

    /// The newest generation, once there are so many.
    fn booked(&self, count: usize) -> Value {
        let (admin, account) = (&self.gateway.admin, &self.customer.account);
        self.gateway.settled(account, |_| admin.generations(account).len() == count);
        admin.generations(account).remove(0)
    }
}

fn charged(told: &Value) -> i128 {
    told["charged"].as_str().unwrap().parse::<Usd>().unwrap().pico()
}

#[test]
fn no_token_is_charged_above_the_cap_that_its_request_names() {
    let scene = Scene::start();
    let counted = |told: &Value| {
        let usage = Generation::read(told).usage;
        let count = |class| i128::from(usage[class]);
        assert!(count(CacheWrite) > 0 && count(Input) > 0, "{told}");
        (count(Input), count(CacheWrite), count(Output))
    };
    assert_eq!(scene.ask("up/chat", &json!({})).status(), 200);
    let told = scene.booked(1);
    let (input, written, output) = counted(&told);
    assert_eq!(charged(&told), input * INPUT + written * INPUT * 5 / 2 + output * OUTPUT);
    for (place, caps) in [
        json!({ "max_input_per_1m": "1" }),
        json!({ "max_input_per_1m": "1", "max_output_per_1m": "10" }),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(scene.ask("up/chat", caps).status(), 200);
        let told = scene.booked(place + 2);
        let (input, written, output) = counted(&told);
        assert_eq!(charged(&told), (input + written) * INPUT + output * OUTPUT, "{told}");
        assert_eq!(told["flags"], json!(["price_capped"]));
    }
    let audit = scene.gateway.admin.get("/admin/v1/ledger/audit?full=1");
    assert_eq!(audit["ok"], true, "{audit}");
    assert_eq!(scene.upstream.requests().len(), 3);
}

#[test]
fn a_price_that_is_raised_while_the_answer_runs_is_not_what_a_capped_request_pays() {
    let scene = Scene::start();
    let mut body = Scene::body("up/chat", &json!({ "max_total_per_1m": "11" }));
    body["stream"] = true.into();
    let mut client = scene.gateway.connect();
    client.send(&chat_request(&scene.customer.key, &body));
    assert_eq!(client.read_head().unwrap().status, 200);
    assert!(client.read_event().unwrap().is_some());
    let price = json!({ "input": "3", "output": "50" });
    let model = json!({
        "name": "Chat", "kind": "chat", "context": 128_000, "max_output": 16_384,
        "endpoint": [{ "provider": "up", "model": "chat", "list": price, "price": price }],
    });
    scene.gateway.admin.put("/admin/v1/models/up/chat", &model);
    while client.read_event().unwrap().is_some() {}
    let told = scene.booked(1);
    let usage = Generation::read(&told).usage;
    let tokens = i128::from(usage.input_total()) * INPUT + i128::from(usage[Output]) * OUTPUT;
    assert_eq!(charged(&told), tokens, "each at its cap: {told}");
    assert_eq!(
        (&told["price"]["output"], &told["flags"]),
        (&json!("10"), &json!(["price_capped"]))
    );
    let refused = scene.ask("up/chat", &json!({ "max_total_per_1m": "11" }));
    check_refusal(&refused, Form::OpenAi, 402, "no_route_under_cap");
}

#[test]
fn where_the_first_route_fails_none_above_the_cap_is_tried() {
    let scene = Scene::start();
    scene.upstream.fault("status:500");
    let answer = scene.ask("up/pair", &json!({ "max_input_per_1m": "1.5" }));
    check_refusal(&answer, Form::OpenAi, 502, "provider_error");
    assert_eq!((scene.upstream.requests().len(), scene.spare.requests().len()), (1, 0));
    assert_eq!(scene.ask("up/pair", &json!({ "max_input_per_1m": "2" })).status(), 200);
    assert_eq!((scene.upstream.requests().len(), scene.spare.requests().len()), (2, 1));
}

#[test]
fn a_request_above_its_caps_says_so_in_its_head_and_in_the_books() {
    let scene = Scene::start();
    let routing = json!({
        "max_input_per_1m": "0.5", "continuity_mode": "temporary_escalation",
        "allow_temporary_high_price": true,
    });
    let answer = scene.ask("up/pair", &routing);
    assert_eq!((answer.status(), answer.head.header("x-route-escalated")), (200, Some("true")));
    let told = scene.booked(1);
    assert_eq!(told["flags"], json!(["escalated"]));
    let usage = Generation::read(&told).usage;
    let tokens = i128::from(usage[Input]) * INPUT + i128::from(usage[Output]) * OUTPUT;
    assert_eq!(charged(&told), tokens);
    let within = scene.ask("up/pair", &json!({ "max_input_per_1m": "1" }));
    assert_eq!((within.status(), within.head.header("x-route-escalated")), (200, None));
    assert_eq!(scene.booked(2)["flags"], json!([]));
}
