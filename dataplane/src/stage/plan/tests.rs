//! What is held covers whatever the limits allow: for any prices, at whichever tier serves, by
//! whichever candidate.

use catalog::route::InputShape;
use catalog::rows::{
    AboveRow, CatalogRows, Dialect, EndpointRow, ModelRow, PriceRow, ProviderRow, TierPriceRow,
};
use catalog::{Endpoint, PartTokens};
use units::{Price, TokenClass, Tokens};

use super::*;
use crate::for_benches::Planner;

/// Seeded (splitmix64), so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % (most + 1)
    }

    fn is(&mut self, in_so_many: u64) -> bool {
        self.up_to(in_so_many - 1) == 0
    }

    fn price(&mut self) -> Price {
        Price::from_pico(self.up_to(60_000_000))
    }

    fn above(&mut self) -> AboveRow {
        let mut row = AboveRow { input_tokens: 1 + self.up_to(3_000), ..AboveRow::default() };
        TokenClass::ALL.into_iter().for_each(|class| row.set(class, self.price()));
        row
    }

    fn row(&mut self) -> PriceRow {
        let mut row = PriceRow { input: self.price(), output: self.price(), ..PriceRow::default() };
        // What makes sound and images has prices of its own.
        for class in TokenClass::ALL {
            if class.is_output() || class == TokenClass::AudioInput || self.is(2) {
                row.set(class, self.price());
            }
        }
        if self.is(2) {
            row.above.push(self.above());
        }
        for tier in ["flex", "priority"] {
            let mut written = TierPriceRow::default();
            for class in TokenClass::ALL {
                if self.is(2) {
                    written.set(class, self.price());
                }
            }
            if self.is(3) {
                written.above.push(self.above());
            }
            row.service_tier.insert(tier.to_owned(), written);
        }
        row
    }

    fn rows(&mut self) -> CatalogRows {
        let mut rows = CatalogRows::default();
        let mut model = ModelRow::new("a/model", 20_000);
        model.max_output = Some(4_000);
        let all = ["text", "image", "audio"].map(str::to_owned);
        (model.input_modalities, model.output_modalities) = (all.to_vec(), all.to_vec());
        for number in 0..1 + self.up_to(2) {
            let id = format!("p{number}");
            let mut provider =
                ProviderRow::new(id.clone(), Dialect::OpenAi, "https://p.example/v1");
            provider.api_keys = vec!["env:KEY".to_owned()];
            provider.input_overhead = self.up_to(90);
            let tokens = (self.up_to(900), self.up_to(900));
            provider.part_tokens =
                PartTokens { image: Some(tokens.0), audio: Some(tokens.1), file: None };
            rows.provider.push(provider);
            let list = Some(self.row());
            model.endpoint.push(EndpointRow { list, ..EndpointRow::new(id, "m") });
        }
        rows.model.push(model);
        rows
    }

    fn body(&mut self) -> String {
        let text = "x".repeat(self.up_to(5_000) as usize);
        let mut parts = format!(r#"{{"type":"text","text":"{text}"}}"#);
        for part in [r#"{"type":"image_url"}"#, r#"{"type":"input_audio"}"#] {
            (0..self.up_to(2)).for_each(|_| parts.push_str(&format!(",{part}")));
        }
        let n = 1 + self.up_to(2);
        let mut body = format!(
            r#"{{"model":"a/model","n":{n},"messages":[{{"role":"user","content":[{parts}]}}]"#
        );
        for (more, is_there) in [
            (r#","service_tier":"priority""#, self.is(3)),
            (r#","modalities":["text","audio"]"#, self.is(2)),
        ] {
            body.push_str(if is_there { more } else { "" });
        }
        if self.is(4) {
            let text = "y".repeat(self.up_to(3_000) as usize);
            body.push_str(&format!(r#","prediction":{{"content":"{text}"}}"#));
        }
        if self.is(2) {
            body.push_str(&format!(r#","max_tokens":{}"#, 1 + self.up_to(5_000)));
        }
        body + "}"
    }

    /// The most of a total, spread over classes.
    fn spread(&mut self, mut total: u64, classes: &[TokenClass], tokens: &mut Tokens) {
        while total > 0 {
            let part = if self.is(3) { total } else { self.up_to(total) };
            let place = self.up_to(classes.len() as u64 - 1) as usize;
            tokens[classes[place]] += part;
            total -= part;
        }
    }
}

/// The most that one endpoint may count for a request's input.
fn input_max(endpoint: &Endpoint, planner: &Planner, intent: &Intent) -> u64 {
    let provider = planner.catalog().provider(endpoint.provider);
    let most = |count: u64, each: Option<u64>| count * each.unwrap_or(endpoint.context);
    let InputShape { text_bytes, images, audios, .. } = intent.input;
    let parts = most(images, provider.part_tokens.image) + most(audios, provider.part_tokens.audio);
    (text_bytes + provider.input_overhead + parts).min(endpoint.context)
}

fn uses(dice: &mut Dice, intent: &Intent, input: u64, output: u64) -> Tokens {
    use TokenClass::{
        AudioInput, AudioOutput, CacheRead, CacheWrite, ImageInput, ImageOutput, Input, Output,
        Reasoning, Request,
    };
    let mut inputs = vec![Input, CacheRead, CacheWrite];
    inputs.extend((intent.input.images > 0).then_some(ImageInput));
    inputs.extend((intent.input.audios > 0).then_some(AudioInput));
    let mut outputs = vec![Output, Reasoning, ImageOutput];
    outputs.extend(intent.audio_output.then_some(AudioOutput));
    let mut tokens = Tokens::ZERO;
    let input = if dice.is(2) { input } else { dice.up_to(input) };
    dice.spread(input, &inputs, &mut tokens);
    dice.spread(output, &outputs, &mut tokens);
    tokens[Request] = 1;
    tokens
}

#[test]
fn what_is_held_covers_whatever_the_limits_allow() {
    let mut dice = Dice(7);
    let mut closest = 0;
    for _ in 0..300 {
        let planner = Planner::new(&dice.rows()).expect("the rows compile");
        for _ in 0..8 {
            let intent = planner.intent(dice.body().as_bytes()).expect("it is a request");
            let plan = planner.whole(&intent).expect("it can be planned");
            let cap =
                if dice.is(2) { plan.output_cap } else { 1 + dice.up_to(plan.output_cap - 1) };
            let held = plan.worst_cost(cap).expect("it can be counted");
            for candidate in plan.candidates.iter() {
                let endpoint = &planner.catalog().endpoints[candidate.endpoint as usize];
                let input = input_max(endpoint, &planner, &intent);
                let cap = cap.min(candidate.output_max);
                // Each choice may be told another thing than was predicted.
                let most = cap + intent.input.predicted_bytes;
                let tokens = uses(&mut dice, &intent, input, most * intent.choices);
                for tier in [ServiceTier::Default, plan.tier] {
                    let cost = endpoint.price.cost(&tokens, tier).expect("it can be counted");
                    assert!(
                        cost <= held,
                        "{cost} of {held}: {tokens:?} at {tier:?} for {intent:?}"
                    );
                    closest = closest.max(cost.pico() * 1000 / held.pico().max(1));
                }
            }
        }
    }
    assert!(closest > 900, "a hold so large would prove nothing: {closest} in a thousand");
}
