//! The `routing` object: price caps in USD per million tokens, and how to choose within them.
//!
//! `strategy: "split"` with `weights` shares requests out among `model` and `models`.

use catalog::route::{Budget, Continuity, Strategy, Wishes};
use units::Price;

use crate::intent::RequestFault;
use crate::wishes::value::{Round, Value, unknown};

/// Picodollars a token, from USD per million tokens.
const PER_MILLION: i64 = 6;
/// Most weights: of `model` and of each of `models`.
const WEIGHTS_MAX: usize = 17;

/// Reads the object.
pub(super) fn read(value: Value<'_>, wishes: &mut Wishes) -> Result<(), RequestFault> {
    let mut budget = Budget::default();
    let mut weights = None;
    let mut may_be_high = false;
    for (key, value) in value.members("routing")? {
        match &*key {
            "currency" => value.one_of("routing.currency", &[("USD", ())])?,
            "max_input_per_1m" => {
                budget.max_input = Some(price(value, "routing.max_input_per_1m", Round::Down)?);
            }
            "max_output_per_1m" => {
                budget.max_output = Some(price(value, "routing.max_output_per_1m", Round::Down)?);
            }
            "max_total_per_1m" => {
                budget.max_total = Some(price(value, "routing.max_total_per_1m", Round::Down)?);
            }
            "min_total_per_1m" => {
                budget.min_total = Some(price(value, "routing.min_total_per_1m", Round::Up)?);
            }
            "rpm_cap" => budget.rpm_cap = Some(read_rpm(value)?),
            "strategy" => budget.strategy = read_strategy(value)?,
            "weights" => weights = Some(read_weights(value)?),
            "continuity_mode" => {
                let modes = [Continuity::StayWithinCap, Continuity::TemporaryEscalation];
                let choices = modes.map(|mode| (mode.name(), mode));
                budget.continuity = value.one_of("routing.continuity_mode", &choices)?;
            }
            "allow_temporary_high_price" => {
                may_be_high = value.flag("routing.allow_temporary_high_price")?;
            }
            _ => return Err(unknown("routing", &key)),
        }
    }
    budget.may_escalate = may_be_high && budget.continuity == Continuity::TemporaryEscalation;
    check_band(&budget)?;
    join_weights(&mut budget, weights)?;
    wishes.budget = Some(budget);
    Ok(())
}

fn price(value: Value<'_>, param: &'static str, round: Round) -> Result<Price, RequestFault> {
    value.decimal(param, PER_MILLION, round).map(Price::from_pico)
}

fn read_rpm(value: Value<'_>) -> Result<u32, RequestFault> {
    match value.whole("routing.rpm_cap")? {
        0 => {
            let message = "`routing.rpm_cap` must be at least 1";
            Err(RequestFault::invalid("routing.rpm_cap", message))
        }
        rpm => Ok(rpm),
    }
}

fn read_strategy(value: Value<'_>) -> Result<Strategy, RequestFault> {
    let choices = [
        ("cheapest", Strategy::Cheapest),
        ("balanced", Strategy::Balanced),
        ("continuity", Strategy::Continuity),
        ("split", Strategy::Split(Vec::new())),
    ];
    value.one_of("routing.strategy", &choices)
}

fn read_weights(value: Value<'_>) -> Result<Vec<u32>, RequestFault> {
    let mut weights = Vec::new();
    for item in value.items("routing.weights")?.take(WEIGHTS_MAX + 1) {
        weights.push(item.whole("routing.weights")?);
    }
    Ok(weights)
}

fn check_band(budget: &Budget) -> Result<(), RequestFault> {
    if budget.min_total.zip(budget.max_total).is_some_and(|(least, most)| least > most) {
        let message = "`routing.min_total_per_1m` is above `max_total_per_1m`: nothing fits both";
        return Err(RequestFault::invalid("routing.min_total_per_1m", message));
    }
    Ok(())
}

/// Weights belong to `split`, and it to them.
fn join_weights(budget: &mut Budget, weights: Option<Vec<u32>>) -> Result<(), RequestFault> {
    match (&mut budget.strategy, weights) {
        (Strategy::Split(own), Some(weights)) if weights.iter().any(|weight| *weight > 0) => {
            *own = weights;
            Ok(())
        }
        (Strategy::Split(_), _) => {
            let message = "`routing.strategy` `split` needs `weights`, one of them above zero";
            Err(RequestFault::invalid("routing.weights", message))
        }
        (_, Some(_)) => {
            let message = "`routing.weights` belong to the `routing.strategy` `split`";
            Err(RequestFault::invalid("routing.weights", message))
        }
        (_, None) => Ok(()),
    }
}
