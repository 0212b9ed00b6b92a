//! Service tiers by what was served, and the classes that are neither text nor cache.

use serde_json::{Value, json};
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::TokenClass::{AudioInput, AudioOutput, ImageInput, ImageOutput, Input, Output, Request};
use units::{Price, Tokens, Usd};

/// Tier asked for, model and so the tier served, tier charged, and whether the price was capped.
const CASES: [(Option<&str>, &str, Option<&str>, bool); 10] = [
    (None, "up/silent", None, false),
    (None, "up/default", None, false),
    (None, "up/flex", Some("flex"), false),
    (None, "up/priority", None, true),
    (Some("auto"), "up/priority", None, true),
    (Some("priority"), "up/silent", Some("priority"), false),
    (Some("priority"), "up/priority", Some("priority"), false),
    (Some("priority"), "up/default", None, false),
    (Some("priority"), "up/flex", Some("flex"), false),
    (Some("flex"), "up/priority", None, true),
];

fn question(model: &str, more: &Value) -> Value {
    let mut body = json!({
        "model": model, "messages": [{ "role": "user", "content": "which one of all these, if it must be one?" }],
        "max_tokens": 40,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Asks for each, streamed and whole; answers the generations in that order.
fn charged(
    gateway: &Gateway,
    upstream: &Upstream,
    questions: &[Value],
) -> Vec<(Generation, usize)> {
    let customer = gateway.admin.customer("exact", "5");
    let mut ids = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        for is_stream in [false, true] {
            let mut question = question.clone();
            question["stream"] = is_stream.into();
            let answer = gateway.chat(&customer.key, &question);
            assert_eq!(answer.status(), 200, "{question}: {}", answer.text());
            ids.push((answer.head.header("x-generation-id").unwrap().to_owned(), number));
        }
    }
    let generations = check(gateway, &[upstream], &[&customer.account]);
    let of = |id: &str| generations.iter().find(|it| it.id == id).expect("it is booked").clone();
    ids.into_iter().map(|(id, number)| (of(&id), number)).collect()
}

#[test]
fn the_tier_that_served_is_charged_and_never_a_dearer_one_than_was_asked_for() {
    let upstream = Upstream::start();
    let table = |input, output| Prices::new(input, output);
    let prices =
        table("1", "10").at_tier("flex", table("0.5", "5")).at_tier("priority", table("2", "20"));
    let mut config = Config::new().provider("up", &upstream.base_url(), "");
    for served in ["default", "flex", "priority"] {
        let wished = format!("fault/served-tier:{served}");
        config = config.model(&format!("up/{served}"), &[("up", &wished)], &prices, "");
    }
    config = config.model("up/silent", &[("up", "chat")], &prices, "");
    let gateway = Gateway::start(config);
    let questions = CASES.map(|(asked, model, ..)| match asked {
        Some(tier) => question(model, &json!({ "service_tier": tier })),
        None => question(model, &json!({})),
    });
    for (generation, number) in charged(&gateway, &upstream, &questions) {
        let (asked, model, tier, is_capped) = CASES[number];
        let told = format!("{asked:?} {model}: {generation:?}");
        assert_eq!(generation.tier.as_deref(), tier, "{told}");
        let prices = prices.for_request(&generation.usage, tier);
        assert_eq!(generation.charged, prices.cost(&generation.usage), "{told}");
        let flags: &[&str] = if is_capped { &["tier_capped"] } else { &[] };
        assert_eq!(generation.flags, flags, "{told}");
        let is_loss = generation.list_cost > Some(generation.charged);
        assert_eq!(is_loss, is_capped, "what the cap spared is the operator's: {told}");
    }
}

const MEDIA: [(units::TokenClass, &str, u64); 5] = [
    (AudioInput, "40", 5),
    (ImageInput, "0.6", 7),
    (AudioOutput, "80", 9),
    (ImageOutput, "30", 4),
    (Request, "1500", 1),
];

#[test]
fn audio_images_and_the_request_itself_have_their_own_prices() {
    let upstream = Upstream::start();
    let prices = MEDIA
        .iter()
        .fold(Prices::new("1", "10"), |prices, (class, price, _)| prices.and(*class, price));
    let wished = "fault/audio-in:5+image-in:7+audio-out:9+image-out:4";
    let modalities = "input_modalities = [\"text\", \"image\", \"audio\"]\n\
                      output_modalities = [\"text\", \"image\", \"audio\"]";
    let config = Config::new()
        .provider("up", &upstream.base_url(), "part_tokens = { image = 256, audio = 256 }")
        .model("up/media", &[("up", wished)], &prices, modalities);
    let gateway = Gateway::start(config);
    let speaking = json!({ "modalities": ["text", "audio"] });
    let questions = [question("up/media", &json!({})), question("up/media", &speaking)];
    for (generation, _) in charged(&gateway, &upstream, &questions) {
        let usage = &generation.usage;
        let special: Usd = MEDIA
            .iter()
            .map(|(class, price, count)| {
                assert_eq!(usage[*class], *count, "{class:?}: {generation:?}");
                let price: Price = price.parse().unwrap();
                price.times(*count).unwrap()
            })
            .sum();
        let pico = |tokens: &Tokens| tokens[Input] * 1_000_000 + tokens[Output] * 10_000_000;
        let text = Usd::from_pico(i128::from(pico(usage)));
        let expected: Usd = [special, text].into_iter().sum();
        assert_eq!(generation.charged, expected, "{generation:?}");
    }
}
