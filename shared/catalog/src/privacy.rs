//! Who may see what a request holds: the rules of a key and of its account.
//!
//! Invariants: rules only add up. Two of them together allow what both allow and nothing else, so
//! that no key loosens what its account demands, and no request what both do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which endpoints may be sent anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Only those that neither keep nor train on what they are sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deny_collection: bool,
    /// Only those that promise zero data retention.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub zdr: bool,
    /// Only those of these regions; any, also an unknown one, where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<Vec<String>>,
}

impl Privacy {
    /// Whether every endpoint may be asked.
    pub fn allows_all(&self) -> bool {
        *self == Self::default()
    }

    /// What both allow.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let regions = match (&self.regions, &other.regions) {
            (Some(own), Some(others)) => {
                Some(own.iter().filter(|region| others.contains(region)).cloned().collect())
            }
            (one, None) | (None, one) => one.clone(),
        };
        Self {
            deny_collection: self.deny_collection || other.deny_collection,
            zdr: self.zdr || other.zdr,
            regions,
        }
    }
}

impl fmt::Display for Privacy {
    /// The rules by their names in the API, as `zdr and allowed_regions`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = [
            (self.deny_collection, "data_collection"),
            (self.zdr, "zdr"),
            (self.regions.is_some(), "allowed_regions"),
        ];
        let named = rules.into_iter().filter(|(is_set, _)| *is_set);
        for (number, (_, name)) in named.enumerate() {
            write!(f, "{}{name}", if number == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(deny_collection: bool, zdr: bool, regions: Option<&[&str]>) -> Privacy {
        let named = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Privacy { deny_collection, zdr, regions: regions.map(named) }
    }

    #[test]
    fn two_rules_together_allow_what_both_allow() {
        let lists: [Option<&[&str]>; 5] =
            [None, Some(&[]), Some(&["eu"]), Some(&["us", "eu"]), Some(&["us"])];
        let switches = [false, true];
        let all = || {
            let regions = lists.into_iter();
            let zdr = regions.flat_map(|list| switches.map(|zdr| (zdr, list)));
            zdr.flat_map(|(zdr, list)| switches.map(|deny| of(deny, zdr, list)))
        };
        let allows = |rules: &Privacy, region: &str| {
            rules.regions.as_ref().is_none_or(|list| list.iter().any(|one| one == region))
        };
        for (one, other) in all().flat_map(|one| all().map(move |other| (one.clone(), other))) {
            let both = one.and(&other);
            assert_eq!(both.zdr, one.zdr || other.zdr);
            assert_eq!(both.deny_collection, one.deny_collection || other.deny_collection);
            for region in ["eu", "us", "elsewhere"] {
                let expected = allows(&one, region) && allows(&other, region);
                assert_eq!(allows(&both, region), expected, "{one:?} {other:?} {region}");
            }
        }
    }

    #[test]
    fn what_is_not_set_is_not_written() {
        assert_eq!(serde_json::to_string(&Privacy::default()).unwrap(), "{}");
        let rules = of(true, false, Some(&["eu"]));
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Privacy>(&text).unwrap(), rules);
        assert_eq!(rules.to_string(), "data_collection and allowed_regions");
        assert!(Privacy::default().allows_all() && !rules.allows_all());
    }
}
