//! Prices as people write them: USD per million tokens, as decimal texts.
//!
//! Purpose: the serde forms of a price: every class, prices above an input size, and prices of a
//! service tier. `search` and `request` are USD per million of them: a cent a search is "10000".
//! Invariants: `input` and `output` are required in a price, so unknown is never free; conditional
//! rows hold only what differs. What absent classes cost is `price`'s part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Price, TokenClass};

/// A whole price: of the provider (`list`) or to the customer (`price`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    /// Text input.
    pub input: Price,
    /// Text output.
    pub output: Price,
    /// Input read from the provider's cache; as `input` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Price>,
    /// Input written to the cache for five minutes; as `input` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Price>,
    /// Input written to the cache for an hour; as `cache_write` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Price>,
    /// Hidden reasoning; as `output` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Price>,
    /// Image input; as `input` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_input: Option<Price>,
    /// Image output; required where the model makes images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_output: Option<Price>,
    /// Audio input; required where the model hears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<Price>,
    /// Audio output; required where the model speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<Price>,
    /// A million web searches; free where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Price>,
    /// A million requests; free where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Price>,
    /// What differs where a request's input is strictly more than a size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<AboveRow>,
    /// What differs where the provider served at another tier than its default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_tier: BTreeMap<String, TierPriceRow>,
}

impl PriceRow {
    /// The price of a class as it was written; `None` where it was not.
    pub fn class(&self, class: TokenClass) -> Option<Price> {
        match class {
            TokenClass::Input => Some(self.input),
            TokenClass::Output => Some(self.output),
            TokenClass::CacheRead => self.cache_read,
            TokenClass::CacheWrite => self.cache_write,
            TokenClass::CacheWrite1h => self.cache_write_1h,
            TokenClass::Reasoning => self.reasoning,
            TokenClass::ImageInput => self.image_input,
            TokenClass::ImageOutput => self.image_output,
            TokenClass::AudioInput => self.audio_input,
            TokenClass::AudioOutput => self.audio_output,
            TokenClass::Search => self.search,
            TokenClass::Request => self.request,
        }
    }

    /// Writes the price of a class.
    pub fn set(&mut self, class: TokenClass, price: Price) {
        match class {
            TokenClass::Input => self.input = price,
            TokenClass::Output => self.output = price,
            TokenClass::CacheRead => self.cache_read = Some(price),
            TokenClass::CacheWrite => self.cache_write = Some(price),
            TokenClass::CacheWrite1h => self.cache_write_1h = Some(price),
            TokenClass::Reasoning => self.reasoning = Some(price),
            TokenClass::ImageInput => self.image_input = Some(price),
            TokenClass::ImageOutput => self.image_output = Some(price),
            TokenClass::AudioInput => self.audio_input = Some(price),
            TokenClass::AudioOutput => self.audio_output = Some(price),
            TokenClass::Search => self.search = Some(price),
            TokenClass::Request => self.request = Some(price),
        }
    }

    /// Every price times `numerator / denominator`, each rounded up once; `None` on overflow.
    pub fn scaled(&self, numerator: u64, denominator: u64) -> Option<Self> {
        let mut scaled = self.clone();
        for class in TokenClass::ALL {
            if let Some(price) = self.class(class) {
                scaled.set(class, price.mul_ratio_up(numerator, denominator)?);
            }
        }
        for above in &mut scaled.above {
            above.scale(numerator, denominator)?;
        }
        for tier in scaled.service_tier.values_mut() {
            tier.scale(numerator, denominator)?;
            for above in &mut tier.above {
                above.scale(numerator, denominator)?;
            }
        }
        Some(scaled)
    }
}

/// A table that holds only the prices that differ under a condition, beside fields of its own.
macro_rules! conditional_prices {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* } $($class:ident => $field:ident),+ $(,)?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            $(
                #[doc = concat!("`", stringify!($field), "`, where it differs.")]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<Price>,
            )*
        }

        impl $name {
            /// The price of a class, where it differs.
            pub fn class(&self, class: TokenClass) -> Option<Price> {
                match class { $(TokenClass::$class => self.$field,)* }
            }

            /// Writes the price of a class.
            pub fn set(&mut self, class: TokenClass, price: Price) {
                match class { $(TokenClass::$class => self.$field = Some(price),)* }
            }

            fn scale(&mut self, numerator: u64, denominator: u64) -> Option<()> {
                for class in TokenClass::ALL {
                    if let Some(price) = self.class(class) {
                        self.set(class, price.mul_ratio_up(numerator, denominator)?);
                    }
                }
                Some(())
            }
        }
    };
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        conditional_prices! {
            $(#[$meta])* $name { $($own)* }
            Input => input, Output => output,
            CacheRead => cache_read, CacheWrite => cache_write, CacheWrite1h => cache_write_1h,
            Reasoning => reasoning,
            ImageInput => image_input, ImageOutput => image_output,
            AudioInput => audio_input, AudioOutput => audio_output,
            Search => search, Request => request,
        }
    };
}

conditional_prices! {
    /// What differs where the total input (every class, cached or not) is strictly more than
    /// `input_tokens`. It applies to the whole request, not to the tokens past the size.
    AboveRow {
        /// The size.
        pub input_tokens: u64,
    }
}

conditional_prices! {
    /// What differs where the provider served the request at this tier.
    TierPriceRow {
        /// What differs above a size within this tier.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub above: Vec<AboveRow>,
    }
}
