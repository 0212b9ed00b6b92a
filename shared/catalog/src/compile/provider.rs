//! Checks of a provider: its id, its address, its keys.

use super::Compiler;
use crate::catalog::{Provider, ProviderIndex};
use crate::complaint::Place;
use crate::rows::ProviderRow;
use crate::url::BaseUrl;

/// First path segments that are ours, so that no provider can hide one behind `/{provider}/`.
const OWN_SEGMENTS: [&str; 32] = [
    "v1",
    "v1beta",
    "v1alpha",
    "v2",
    "api",
    "admin",
    "health",
    "healthz",
    "livez",
    "readyz",
    "metrics",
    "console",
    "playground",
    "docs",
    "auth",
    "oauth",
    "login",
    "logout",
    "signup",
    "status",
    "static",
    "assets",
    "billing",
    "account",
    "keys",
    "openapi.json",
    "openapi.yaml",
    "llms.txt",
    "llms-full.txt",
    "robots.txt",
    "favicon.ico",
    "auto",
];

/// The longest id of a provider.
const ID_MAX: usize = 64;

/// Whether a first path segment is ours, in whatever case: none of a provider's.
pub fn is_own_segment(segment: &[u8]) -> bool {
    OWN_SEGMENTS.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(segment))
}

impl Compiler<'_> {
    /// Checks a provider and enters it.
    pub(super) fn provider(&mut self, place: &Place, row: &ProviderRow) {
        self.check_provider_id(place, &row.id);
        self.check_keys(place, row);
        let index = ProviderIndex(self.catalog.providers.len() as u32);
        if self.catalog.provider_names.contains_key(row.id.as_str()) {
            let what = format!("the provider {:?} is there twice", row.id);
            self.complain(place.key("id"), what, "give each provider its own id");
        } else {
            self.catalog.provider_names.insert(row.id.as_str().into(), index);
        }
        let base_url = self.base_url(place, row);
        self.catalog.providers.push(Provider {
            id: row.id.as_str().into(),
            dialect: row.dialect,
            base_url,
            api_keys: row.api_keys.clone(),
            allow_private: row.allow_private,
            on_client_abort: row.on_client_abort,
            output_cap_field: row.output_cap_field,
            stream_usage: row.stream_usage,
            cache_included: row.cache_included,
            input_overhead: row.input_overhead,
            part_tokens: row.part_tokens,
            data_collection: row.data_collection,
            zdr: row.zdr,
            region: row.region.as_deref().map(Into::into),
        });
    }

    fn check_provider_id(&mut self, place: &Place, id: &str) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let segment = (1..=ID_MAX).contains(&id.len())
            && id.bytes().all(allowed)
            && id.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !segment {
            let what = format!("the provider id {id:?} cannot stand in a path");
            let remedy =
                "use at most 64 letters, digits, '-', '_' and '.', a letter or digit first";
            self.complain(place.key("id"), what, remedy);
        } else if is_own_segment(id.as_bytes()) {
            let what = format!("the provider id {id:?} is one of our own paths");
            self.complain(place.key("id"), what, "choose another id");
        }
    }

    /// The address; a broken one is complained of and stands in as an unreachable one.
    fn base_url(&mut self, place: &Place, row: &ProviderRow) -> BaseUrl {
        let at = place.key("base_url");
        let (id, text) = (&row.id, &row.base_url);
        match text.parse::<BaseUrl>() {
            Ok(url) => {
                if !row.allow_private && url.is_private() {
                    let what = format!("provider {id:?}: {text:?} is a private address");
                    self.complain(at, what, "set allow_private = true if it is meant");
                } else if !row.allow_private && !url.tls {
                    let what = format!("provider {id:?}: {text:?} is not encrypted");
                    let remedy = "use https, or set allow_private = true if it is meant";
                    self.complain(at, what, remedy);
                }
                url
            }
            Err(fault) => {
                let what = format!("provider {id:?}: {text:?} is not an address: {fault}");
                self.complain(at, what, "write it like \"https://api.example.com/v1\"");
                BaseUrl { tls: true, host: "invalid".into(), port: 443, path: "".into() }
            }
        }
    }

    fn check_keys(&mut self, place: &Place, row: &ProviderRow) {
        let id = &row.id;
        for (index, key) in row.api_keys.iter().enumerate() {
            let reference = key.strip_prefix("env:").or_else(|| key.strip_prefix("file:"));
            let at = place.key("api_keys").item(index);
            if key.is_empty() || reference == Some("") {
                let what = format!("provider {id:?}: the API key is empty");
                self.complain(at, what, "name it as \"env:NAME\" or \"file:PATH\"");
            } else if reference.is_none() {
                let what = format!("provider {id:?}: the API key is written out");
                let remedy = "name it as \"env:NAME\" or \"file:PATH\" to keep it out of backups";
                self.warn(at, what, remedy);
            }
        }
        let private =
            row.allow_private && row.base_url.parse::<BaseUrl>().is_ok_and(|url| url.is_private());
        if row.api_keys.is_empty() && !private {
            let what = format!("provider {id:?} has no api_keys: it is listed, but not planned");
            self.warn(place.clone(), what, "add api_keys = [\"env:NAME\"]");
        }
    }
}
