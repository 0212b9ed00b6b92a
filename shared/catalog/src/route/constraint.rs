//! Every reason for which an endpoint is left out, as a set in one word.
//!
//! Invariants: each reason stands here once, the most fundamental first: where several would do,
//! the first is told. What each says is about the endpoint that it kept out.

use std::fmt;

macro_rules! constraints {
    ($($constraint:ident: $name:literal, $says:literal;)*) => {
        /// Why an endpoint cannot serve a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Constraint {
            $(#[doc = concat!("It ", $says, ".")] $constraint,)*
        }

        impl Constraint {
            /// Every constraint, the most fundamental first.
            pub const ALL: &'static [Self] = &[$(Self::$constraint,)*];

            /// Its name in explanations.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$constraint => $name,)* }
            }

            /// What is told of an endpoint that it keeps out: "it ...".
            pub const fn says(self) -> &'static str {
                match self { $(Self::$constraint => $says,)* }
            }
        }
    };
}

constraints! {
    Kind: "kind", "is of a model of another kind";
    Dialect: "dialect", "is of a provider that does not take such requests";
    KeyModels: "allowed_models", "is of a model that this key may not use";
    KeyProviders: "allowed_providers", "is of a provider that this key may not use";
    Unreachable: "unreachable", "has no API key here, or its name does not resolve";
    Context: "context_length", "has too little context for the input";
    ServiceTier: "service_tier", "has no price for the service tier asked for";
    Search: "web_search", "has no price for web searches";
    ForeignTools: "tools", "has no price for tools that its provider runs";
    Countable: "size", "would cost more than can be counted";
    Region: "region", "runs in a region that is not allowed";
    Collection: "data_collection", "may keep or train on what it is sent";
    Zdr: "zdr", "does not promise zero data retention";
    Only: "provider.only", "is not among the providers of `only`";
    Ignore: "provider.ignore", "is among the providers of `ignore`";
    Order: "provider.allow_fallbacks", "is not in `order`, and fallbacks are not allowed";
    Quantization: "provider.quantizations", "is not quantized as asked for";
    Parameters: "provider.require_parameters", "does not understand every parameter";
    Reasoning: "thinking", "is of a model that does not reason";
    Free: "free", "is not free";
    MaxPrice: "provider.max_price", "costs more than `max_price`";
    CapInput: "routing.max_input_per_1m", "costs more than `max_input_per_1m` for its input";
    CapOutput: "routing.max_output_per_1m", "costs more than `max_output_per_1m` for its output";
    CapTotal: "routing.max_total_per_1m", "costs more than `max_total_per_1m` in sum";
    Floor: "routing.min_total_per_1m", "costs less than `min_total_per_1m` in sum";
    Auto: "auto-router", "is of a model that `auto` may not choose";
    FreeUsed: "free_limit", "is free, and this account has used up its free requests";
}

impl Constraint {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
}

/// A set of constraints that an endpoint violates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Violations(u32);

impl Violations {
    /// None.
    pub const NONE: Self = Self(0);
    /// The caps that a request may be allowed to go above.
    pub const ESCALATED: Self =
        Self::of(Constraint::CapInput).and(Constraint::CapOutput).and(Constraint::CapTotal);

    /// The set of one.
    pub const fn of(constraint: Constraint) -> Self {
        Self(1 << constraint as u8)
    }

    /// The set with one more.
    #[must_use]
    pub const fn and(self, constraint: Constraint) -> Self {
        Self(self.0 | 1 << constraint as u8)
    }

    /// The set with one more, if it is violated.
    #[must_use]
    pub const fn and_if(self, is_violated: bool, constraint: Constraint) -> Self {
        if is_violated { self.and(constraint) } else { self }
    }

    /// The set without the others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether nothing is violated.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether one of them is.
    pub const fn has(self, constraint: Constraint) -> bool {
        self.0 & 1 << constraint as u8 != 0
    }

    /// Whether all of them are among the others.
    pub const fn is_within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// The most fundamental one.
    pub fn first(self) -> Option<Constraint> {
        self.iter().next()
    }

    /// All of them, the most fundamental first.
    pub fn iter(self) -> impl Iterator<Item = Constraint> {
        Constraint::ALL.iter().copied().filter(move |one| self.has(*one))
    }
}

impl fmt::Display for Violations {
    /// `it ... and ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it")?;
        for (number, one) in self.iter().enumerate() {
            write!(f, "{} {}", if number == 0 { "" } else { " and" }, one.says())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_tells_its_members_the_most_fundamental_first() {
        const { assert!(Constraint::COUNT <= 32) };
        let set = Violations::of(Constraint::CapInput).and(Constraint::Zdr);
        assert_eq!((set.len(), set.first()), (2, Some(Constraint::Zdr)));
        assert!(!set.is_within(Violations::ESCALATED));
        let told = "it does not promise zero data retention and costs more than \
                    `max_input_per_1m` for its input";
        assert_eq!(set.to_string(), told);
        assert!(Violations::NONE.is_within(set) && Violations::NONE.first().is_none());
    }
}
