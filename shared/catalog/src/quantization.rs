//! How finely an endpoint keeps a model's weights, as far as it says so.
//!
//! Source: the levels that OpenRouter's `provider.quantizations` names.

use serde::{Deserialize, Serialize};

macro_rules! levels {
    ($($level:ident = $name:literal,)*) => {
        /// A level of quantization.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Quantization {
            $(
                #[doc = concat!("`", $name, "`")]
                $level,
            )*
            /// Nothing is said about it.
            #[default]
            Unknown,
        }

        impl Quantization {
            /// Every level.
            pub const ALL: &'static [Self] = &[$(Self::$level,)* Self::Unknown];

            /// The name in catalogs and requests.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$level => $name,)* Self::Unknown => "unknown" }
            }
        }
    };
}

levels! {
    Int4 = "int4",
    Int8 = "int8",
    Fp4 = "fp4",
    Mxfp4 = "mxfp4",
    Nvfp4 = "nvfp4",
    Fp6 = "fp6",
    Fp8 = "fp8",
    Mxfp8 = "mxfp8",
    Fp16 = "fp16",
    Bf16 = "bf16",
    Fp32 = "fp32",
}

impl Quantization {
    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|level| level.name() == name)
    }
}

/// A set of levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quantizations(u16);

impl Quantizations {
    /// The set with `level` in it too.
    #[must_use]
    pub const fn with(self, level: Quantization) -> Self {
        Self(self.0 | 1 << level as u16)
    }

    /// Whether a level is in it.
    pub const fn has(self, level: Quantization) -> bool {
        self.0 & 1 << level as u16 != 0
    }

    /// Whether none is.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_found_by_the_name_that_it_is_written_with() {
        for level in Quantization::ALL.iter().copied() {
            assert_eq!(Quantization::from_name(level.name()), Some(level));
            let written = serde_json::to_value(level).unwrap();
            assert_eq!(written, level.name());
            let set = Quantizations::default().with(level);
            assert!(Quantization::ALL.iter().all(|one| set.has(*one) == (*one == level)));
        }
        assert_eq!(Quantization::from_name("fp7"), None);
    }
}
