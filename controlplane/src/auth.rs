//! Who is calling: the operator by the admin token, a customer by a key.
//!
//! Invariants: tokens and keys are compared and looked up by digest, the token in constant time;
//! neither is ever logged or repeated. A customer's key may stand in any of the places that the
//! three families of SDKs use. Rule of classes: a management key manages, a live key spends.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use catalog::keys::{KeyClass, KeyRow};
use sha2::{Digest, Sha256};

use crate::books::Commands;
use crate::clock;
use crate::mint;
use crate::plans::Plans;
use crate::receipt::Signer;
use crate::refuse::Refusal;
use crate::settings::{Secret, Settings, StartError};
use crate::terms::Terms;

/// What every call may use.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) commands: Commands,
    pub(crate) token: Arc<AdminToken>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) terms: Arc<Terms>,
    /// Whether a customer's errors repeat their message as `detail`.
    pub(crate) error_detail: bool,
    pub(crate) plans: Arc<Plans>,
}

/// The file of a token that we made ourselves.
const TOKEN_FILE: &str = "admin.token";
const NO_KEY: &str = "no API key: send it as Authorization: Bearer, X-Api-Key or x-goog-api-key";
const BAD_KEY: &str = "this API key is not valid: unknown, disabled or expired";

/// The admin token, as its digest.
pub(crate) struct AdminToken([u8; 32]);

impl AdminToken {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.reveal().as_bytes()).into())
    }

    /// Compares digests byte by byte without leaving early.
    fn matches(&self, text: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let differing = self.0.iter().zip(given).fold(0, |seen, (a, b)| seen | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

/// The token of the settings, else of the data directory, where it is made on the first start.
pub(crate) fn admin_token(settings: &Settings) -> Result<AdminToken, StartError> {
    if let Some(secret) = &settings.admin_token {
        return Ok(AdminToken::new(secret));
    }
    let path = settings.data.join(TOKEN_FILE);
    let secret = match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Secret::new(text.trim()),
        Ok(_) => {
            let why = "the file is empty; remove it, and a token is made".into();
            return Err(StartError::Data { path, why });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_token(&path)?,
        Err(error) => return Err(StartError::Data { path, why: error.to_string() }),
    };
    Ok(AdminToken::new(&secret))
}

fn make_token(path: &Path) -> Result<Secret, StartError> {
    let minted = mint::mint("tg-admin-")
        .map_err(|error| StartError::System(format!("no randomness: {error}")))?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{}", minted.text)?;
        file.sync_all()
    };
    write().map_err(|error| StartError::Data { path: path.into(), why: error.to_string() })?;
    Ok(Secret::new(minted.text.clone()))
}

/// Lets only the operator pass.
pub(crate) async fn operator(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    match bearer(request.headers()) {
        Some(token) if shared.token.matches(token) => next.run(request).await,
        Some(_) => Refusal::Unauthorized("this is not the admin token").into_response(),
        None => {
            Refusal::Unauthorized("send the admin token as Authorization: Bearer").into_response()
        }
    }
}

/// The customer of an account API call: a key that is valid now, of either class.
pub(crate) struct Customer(pub(crate) KeyRow);

/// A customer whose key may manage keys.
pub(crate) struct KeyKeeper(pub(crate) KeyRow);

impl FromRequestParts<Shared> for Customer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Refusal> {
        let text = customer_key(parts).ok_or(Refusal::Unauthorized(NO_KEY))?;
        if !mint::is_well_formed(&text) {
            return Err(Refusal::Unauthorized(BAD_KEY));
        }
        let key = shared.commands.valid_key(mint::digest(&text), clock::now()).await?;
        key.map(Self).ok_or(Refusal::Unauthorized(BAD_KEY))
    }
}

impl FromRequestParts<Shared> for KeyKeeper {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Refusal> {
        let Customer(key) = Customer::from_request_parts(parts, shared).await?;
        match key.class {
            KeyClass::Management => Ok(Self(key)),
            KeyClass::Live | KeyClass::Guest => {
                Err(Refusal::Forbidden("keys are managed with a management key"))
            }
        }
    }
}

/// The key, wherever an SDK puts it; the query string last.
fn customer_key(parts: &Parts) -> Option<String> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let named = || header("x-api-key").or_else(|| header("x-goog-api-key"));
    if let Some(key) = bearer(&parts.headers).or_else(named) {
        return Some(key.trim().to_owned());
    }
    let query = parts.uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("key=")).map(str::to_owned)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
