//! Price caps where a request is charged: no token costs more than the request itself allowed.
//!
//! A plan keeps to the caps at every price that it thinks within reach. What is beyond that (a
//! provider that counts so much input that a dearer price applies, a cache write that nobody asked
//! for) is charged at the cap, and the operator bears the rest.
//! Invariants: integers only; a cost within a ceiling is never above the cost without it. Sound and
//! pictures are not lowered: where they are within reach the plan has held the caps against them.

use units::{Price, TokenClass, Tokens, Usd};

use super::{PriceStep, PriceTable, ServiceTier};

/// The most that a request lets a token cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// An input token.
    pub input: Option<Price>,
    /// An output token.
    pub output: Option<Price>,
    /// One of each together.
    pub total: Option<Price>,
}

impl Ceiling {
    /// What a class may cost at most where these prices apply. Of a sum, what the input leaves is
    /// the output's, and what that leaves is for the input that costs more than usual.
    fn most(&self, class: TokenClass, step: &PriceStep) -> Option<u64> {
        let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        let caps = [self.input, self.output, self.total];
        let [input, output, total] = caps.map(|cap| cap.map(Price::pico));
        let shown = |class: TokenClass, most: Option<u64>| {
            most.into_iter().fold(step.prices[class as usize], u64::min)
        };
        let left = |by: u64| total.map(|total| total.saturating_sub(by));
        let most_input = least(input, total);
        let most_output = least(output, left(shown(TokenClass::Input, most_input)));
        match class {
            TokenClass::Input => most_input,
            TokenClass::CacheRead | TokenClass::CacheWrite | TokenClass::CacheWrite1h => {
                let made = [TokenClass::Output, TokenClass::Reasoning];
                let dearest = made.map(|class| shown(class, most_output)).into_iter().max();
                least(input, left(dearest.unwrap_or(0)))
            }
            TokenClass::Output | TokenClass::Reasoning => most_output,
            _ => None,
        }
    }

    fn price(&self, class: TokenClass, step: &PriceStep) -> u64 {
        let price = step.prices[class as usize];
        self.most(class, step).map_or(price, |most| price.min(most))
    }
}

impl PriceTable {
    /// As [`Self::cost`], with no token above a ceiling.
    pub fn cost_within(
        &self,
        tokens: &Tokens,
        tier: ServiceTier,
        ceiling: &Ceiling,
    ) -> Option<Usd> {
        let step = self.step(tokens.input_total(), tier);
        let mut pico = 0_u128;
        for (class, count) in TokenClass::ALL.into_iter().zip(tokens.counts()) {
            let price = u128::from(ceiling.price(class, step));
            pico = pico.checked_add(price * u128::from(*count))?;
        }
        i128::try_from(pico).ok().map(Usd::from_pico)
    }

    /// As [`Self::price`], not above a ceiling.
    pub fn price_within(
        &self,
        class: TokenClass,
        input_tokens: u64,
        tier: ServiceTier,
        ceiling: &Ceiling,
    ) -> Price {
        Price::from_pico(ceiling.price(class, self.step(input_tokens, tier)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price_rows::PriceRow;

    fn table() -> PriceTable {
        let row = serde_json::json!({
            "input": "1", "output": "10", "cache_read": "0.1", "cache_write": "1.25",
            "request": "0.5",
            "above": [{"input_tokens": 1000, "input": "2", "output": "30"}],
        });
        let row: PriceRow = serde_json::from_value(row).unwrap();
        PriceTable::from_row(&row)
    }

    fn ceiling(caps: [Option<&str>; 3]) -> Ceiling {
        let [input, output, total] = caps.map(|cap| cap.map(|cap| cap.parse().unwrap()));
        Ceiling { input, output, total }
    }

    fn used(input: u64, written: u64, output: u64) -> Tokens {
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = input;
        tokens[TokenClass::CacheWrite] = written;
        tokens[TokenClass::Output] = output;
        tokens[TokenClass::Request] = 1;
        tokens
    }

    /// Micro-dollars.
    fn cost(tokens: &Tokens, caps: [Option<&str>; 3]) -> i128 {
        let cost = table().cost_within(tokens, ServiceTier::Default, &ceiling(caps)).unwrap();
        cost.pico() / 1_000_000
    }

    #[test]
    fn what_is_within_the_caps_costs_its_price() {
        let tokens = used(100, 0, 10);
        assert_eq!(cost(&tokens, [None; 3]), 200);
        assert_eq!(cost(&tokens, [Some("1"), Some("10"), Some("11")]), 200);
    }

    #[test]
    fn beyond_them_each_token_costs_its_cap() {
        let long = used(2000, 0, 10);
        assert_eq!(cost(&long, [None; 3]), 4300);
        assert_eq!(cost(&long, [Some("1"), None, None]), 2300);
        assert_eq!(cost(&long, [Some("1"), Some("10"), None]), 2100);
        assert_eq!(cost(&long, [None, None, Some("11")]), 4090, "2 of the 11 are the input's");
        assert_eq!(cost(&long, [Some("1"), None, Some("11")]), 2100);
        assert_eq!(cost(&long, [None, None, Some("0")]), 0);
        let written = used(100, 100, 0);
        assert_eq!(cost(&written, [Some("1"), None, None]), 200, "a write as an input");
        assert_eq!(cost(&written, [None, None, Some("11.1")]), 210, "and one output is 11.1");
    }
}
