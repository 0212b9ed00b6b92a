//! Exactness against a slow reading of the written rows, and the bounds that holds rely on.

use super::*;

/// A small deterministic generator (splitmix64), so that a failure repeats.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn price(&mut self) -> Price {
        Price::from_pico(self.below(60_000_000))
    }

    fn above(&mut self, input_tokens: u64) -> AboveRow {
        let mut row = AboveRow { input_tokens, ..AboveRow::default() };
        for class in TokenClass::ALL {
            if self.below(3) == 0 {
                row.set(class, self.price());
            }
        }
        row
    }

    fn row(&mut self) -> PriceRow {
        let mut row = PriceRow { input: self.price(), output: self.price(), ..PriceRow::default() };
        for class in TokenClass::ALL {
            if self.below(2) == 0 {
                row.set(class, self.price());
            }
        }
        for size in [32_000, 128_000, 272_000] {
            if self.below(2) == 0 {
                row.above.push(self.above(size));
            }
        }
        for tier in &ServiceTier::ALL[1..] {
            if self.below(2) == 0 {
                let mut written = TierPriceRow::default();
                for class in TokenClass::ALL {
                    if self.below(2) == 0 {
                        written.set(class, self.price());
                    }
                }
                if self.below(2) == 0 {
                    written.above = vec![self.above(128_000)];
                }
                row.service_tier.insert(tier.name().to_owned(), written);
            }
        }
        row
    }

    fn tokens(&mut self) -> Tokens {
        let mut counts = [0; CLASSES];
        for count in &mut counts {
            *count =
                [0, self.below(5), self.below(40_000), self.below(300_000)][self.below(4) as usize];
        }
        Tokens::from_counts(counts)
    }
}

/// The price of one class, read from the written row each time, in the words of the rules.
fn slow_price(row: &PriceRow, class: TokenClass, input: u64, tier: ServiceTier) -> u64 {
    let written = |rows: &[&AboveRow], tier: Option<&TierPriceRow>, class| {
        let above = rows.iter().rev().find_map(|above| above.class(class));
        above.or_else(|| tier.and_then(|tier| tier.class(class))).or_else(|| row.class(class))
    };
    let filled = |rows: &[&AboveRow], tier: Option<&TierPriceRow>| {
        let chain: &[TokenClass] = match class {
            TokenClass::CacheWrite1h => &[class, TokenClass::CacheWrite, TokenClass::Input],
            TokenClass::Search | TokenClass::Request => &[class],
            class if class.is_input() => &[class, TokenClass::Input],
            _ => &[class, TokenClass::Output],
        };
        chain.iter().find_map(|class| written(rows, tier, *class)).map_or(0, Price::pico)
    };
    let reached = |rows: &'_ [AboveRow]| rows.iter().filter(|r| input > r.input_tokens).count();
    let base: Vec<&AboveRow> = row.above[..reached(&row.above)].iter().collect();
    match row.service_tier.get(tier.name()) {
        None => filled(&base, None),
        Some(own) if own.above.is_empty() && !base.is_empty() => {
            filled(&[], Some(own)).max(filled(&base, None))
        }
        Some(own) => {
            filled(&own.above[..reached(&own.above)].iter().collect::<Vec<_>>(), Some(own))
        }
    }
}

fn slow_cost(row: &PriceRow, tokens: &Tokens, tier: ServiceTier) -> i128 {
    let input = tokens.input_total();
    tokens.used().fold(0, |sum, (class, count)| {
        sum + i128::from(slow_price(row, class, input, tier)) * i128::from(count)
    })
}

#[test]
fn a_cost_is_exact_for_any_usage() {
    let mut rng = Rng(1);
    for _ in 0..400 {
        let row = rng.row();
        let table = PriceTable::from_row(&row);
        for _ in 0..40 {
            let tokens = rng.tokens();
            for tier in ServiceTier::ALL {
                let cost = table.cost(&tokens, tier).map(Usd::pico);
                assert_eq!(cost, Some(slow_cost(&row, &tokens, tier)), "{row:?} {tokens:?}");
            }
        }
    }
}

#[test]
fn no_token_and_no_pair_of_them_costs_more_than_its_cap() {
    const INPUTS: [TokenClass; 4] = [
        TokenClass::Input,
        TokenClass::CacheRead,
        TokenClass::CacheWrite,
        TokenClass::CacheWrite1h,
    ];
    const OUTPUTS: [TokenClass; 2] = [TokenClass::Output, TokenClass::Reasoning];
    let mut rng = Rng(4);
    for _ in 0..4_000 {
        let table = PriceTable::from_row(&rng.row());
        let (tokens, tier) = (rng.tokens(), ServiceTier::ALL[rng.below(6) as usize]);
        let caps = [0; 3].map(|_| (rng.below(2) == 0).then(|| rng.price()));
        let ceiling = Ceiling { input: caps[0], output: caps[1], total: caps[2] };
        let size = tokens.input_total();
        let own = |class| table.price(class, size, tier);
        let within = |class| table.price_within(class, size, tier, &ceiling);
        let is_kept = |price: Price, cap: Option<Price>| cap.is_none_or(|cap| price <= cap);
        for input in INPUTS {
            assert!(is_kept(within(input), ceiling.input), "{input:?} {ceiling:?} {table:?}");
            for output in OUTPUTS {
                let sum = within(input).pico() + within(output).pico();
                assert!(is_kept(Price::from_pico(sum), ceiling.total), "{ceiling:?} {table:?}");
                assert!(is_kept(within(output), ceiling.output));
            }
        }
        let cost = table.cost_within(&tokens, tier, &ceiling).unwrap();
        let sum = tokens.used().filter_map(|(class, count)| within(class).times(count)).sum();
        assert_eq!(cost, sum);
        assert!(TokenClass::ALL.into_iter().all(|class| within(class) <= own(class)));
        let is_within = TokenClass::ALL.into_iter().all(|class| within(class) == own(class));
        let whole = table.cost(&tokens, tier).unwrap();
        assert!(cost <= whole && (!is_within || cost == whole));
        let none = table.cost_within(&tokens, tier, &Ceiling::default());
        assert_eq!(none, Some(whole));
    }
}

#[test]
fn no_cost_is_above_the_worst_of_its_reach() {
    let mut rng = Rng(2);
    for _ in 0..400 {
        let table = PriceTable::from_row(&rng.row());
        for _ in 0..20 {
            let tokens = rng.tokens();
            let tier = ServiceTier::ALL[rng.below(6) as usize];
            let reach = Reach {
                inputs: media(&tokens, TokenClass::ImageInput, TokenClass::AudioInput),
                outputs: media(&tokens, TokenClass::ImageOutput, TokenClass::AudioOutput),
                input_tokens: tokens.input_total(),
                hour_cache: tokens[TokenClass::CacheWrite1h] > 0,
                tiers: TierSet::DEFAULT.with(tier),
            };
            let bound = |worst: Worst| {
                worst.input.times(tokens.input_total()).unwrap().pico()
                    + worst.output.times(tokens.output_total()).unwrap().pico()
                    + worst.request.pico() * i128::from(tokens[TokenClass::Request])
                    + worst.search.pico() * i128::from(tokens[TokenClass::Search])
            };
            let cost = table.cost(&tokens, tier).unwrap().pico();
            let (narrow, whole) = (bound(table.worst(&reach)), bound(table.worst(&Reach::ALL)));
            assert!(cost <= narrow && narrow <= whole, "{cost} {narrow} {whole}");
        }
    }
}

fn media(tokens: &Tokens, image: TokenClass, audio: TokenClass) -> Modalities {
    let image = if tokens[image] > 0 { Modalities::IMAGE } else { Modalities::TEXT };
    image.with(if tokens[audio] > 0 { Modalities::AUDIO } else { Modalities::TEXT })
}

#[test]
fn a_table_reads_back_from_its_full_row() {
    let mut rng = Rng(3);
    for _ in 0..400 {
        let table = PriceTable::from_row(&rng.row());
        assert_eq!(PriceTable::from_row(&table.to_row()), table);
    }
}

#[test]
fn a_size_is_passed_only_by_more() {
    let row: PriceRow = serde_json::from_str(
        r#"{"input":"1","output":"10","above":[{"input_tokens":1000,"input":"2"}]}"#,
    )
    .unwrap();
    let table = PriceTable::from_row(&row);
    let cost = |input, cached| {
        let mut tokens = Tokens::ZERO;
        (tokens[TokenClass::Input], tokens[TokenClass::CacheRead]) = (input, cached);
        table.cost(&tokens, ServiceTier::Default).unwrap().pico()
    };
    assert_eq!(cost(1000, 0), 1_000_000_000);
    assert_eq!(cost(1000, 1), 2_002_000_000);
    assert_eq!(table.sizes().collect::<Vec<_>>(), [1000]);
}

#[test]
fn a_cost_too_large_to_count_is_none() {
    let row = PriceRow { input: Price::from_pico(u64::MAX), ..PriceRow::default() };
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = u64::MAX;
    assert_eq!(PriceTable::from_row(&row).cost(&tokens, ServiceTier::Default), None);
}

#[test]
fn a_scaled_price_rounds_each_class_up_once() {
    let row: PriceRow = serde_json::from_str(
        r#"{"input":"0.000001","output":"10","service_tier":{"flex":{"input":"0.000004",
            "above":[{"input_tokens":5,"output":"0.000006"}]}}}"#,
    )
    .unwrap();
    let scaled = row.scaled(1, 5).unwrap();
    let flex = &scaled.service_tier["flex"];
    assert_eq!((scaled.input.pico(), scaled.output.pico()), (1, 2_000_000));
    assert_eq!(flex.input.map(Price::pico), Some(1));
    assert_eq!(flex.above[0].output.map(Price::pico), Some(2));
    assert_eq!(row.scaled(u64::MAX, 1), None);
}
