//! How an endpoint does, as whoever measures it says.
//!
//! Left out on purpose: measuring. What was not measured is not known, and never held against an
//! endpoint.

/// How an endpoint answers lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Well, as far as is known.
    #[default]
    Well,
    /// With failures now and then: others are asked first where the customer has no order.
    Degraded,
    /// It has as many requests as it is known to take at once: others are asked first whatever the
    /// order.
    Full,
    /// Hardly: others are asked first whatever the order.
    Ejected,
}

/// How much a plan asks of an endpoint's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// How it answers.
    Condition,
    /// How fast as well: latency and throughput.
    Pace,
}

/// Four points of a distribution; `None` where not known, or not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: Option<u64>,
    /// Three quarters.
    pub p75: Option<u64>,
    /// Nine tenths.
    pub p90: Option<u64>,
    /// All but one in a hundred.
    pub p99: Option<u64>,
}

impl Percentiles {
    /// Nothing known.
    pub const NONE: Self = Self { p50: None, p75: None, p90: None, p99: None };

    /// The four of them.
    pub const fn points(&self) -> [Option<u64>; 4] {
        [self.p50, self.p75, self.p90, self.p99]
    }

    /// Whether some measured point is above the bound's.
    pub fn exceeds(&self, bound: &Self) -> bool {
        let points = self.points().into_iter().zip(bound.points());
        points.filter_map(|(own, bound)| own.zip(bound)).any(|(own, bound)| own > bound)
    }
}

/// What is known of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How it answers.
    pub condition: Condition,
    /// Failures in a thousand of its latest requests.
    pub failures_permille: u16,
    /// Microseconds to the first token.
    pub latency: Percentiles,
    /// Thousandths of a token a second; a percentile is what that share of requests gets at least.
    pub throughput: Percentiles,
}

impl Health {
    /// Of which nothing was measured.
    pub const UNKNOWN: Self = Self {
        condition: Condition::Well,
        failures_permille: 0,
        latency: Percentiles::NONE,
        throughput: Percentiles::NONE,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_can_be_too_much() {
        let measured = Percentiles { p50: Some(5), p99: Some(50), ..Percentiles::NONE };
        assert!(measured.exceeds(&Percentiles { p50: Some(4), ..Percentiles::NONE }));
        assert!(!measured.exceeds(&Percentiles { p50: Some(5), ..Percentiles::NONE }));
        assert!(!measured.exceeds(&Percentiles { p90: Some(1), ..Percentiles::NONE }));
        assert!(measured.exceeds(&Percentiles {
            p50: Some(9),
            p99: Some(49),
            ..Percentiles::NONE
        }));
        assert!(!Percentiles::NONE.exceeds(&measured));
    }
}
