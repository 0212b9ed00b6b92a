//! The admin API from the command line: where it is, who asks, and one call.
//!
//! Address: `--admin`, else `--config`'s, else `TOLLGATE_ADMIN`, else the default. Token:
//! `TOLLGATE_ADMIN_TOKEN`, else the data directory's file. Invariants: the token goes to that
//! address alone (no proxy, no redirect) and is never shown; every fault names a remedy. Left out
//! on purpose: TLS, which the admin port does not speak, and second tries, which are the caller's.

pub mod account;
pub mod apply;
mod export;
pub mod key;
pub mod ledger;
pub mod receipt;
mod reconcile;
mod shown;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, Response, StatusCode};

use crate::config::{Config, DATA_DIRECTORY, Listen, Mistake};
use crate::say;

/// The variable that names the admin address.
const ADDRESS: &str = "TOLLGATE_ADMIN";
/// The variable that holds the admin token.
const TOKEN: &str = "TOLLGATE_ADMIN_TOKEN";
/// The token's file in the data directory.
const TOKEN_FILE: &str = "admin.token";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an ordinary call may take.
const CALL: Duration = Duration::from_secs(60);
/// Entries of a page of a list.
const PAGE: u32 = 1000;
/// The most that an answer may be.
const ANSWER_BYTES: u64 = 256 << 20;

/// The server to ask.
#[derive(Args, Clone, Debug)]
pub struct Server {
    /// The admin port: host:port [default: --config's, TOLLGATE_ADMIN, 127.0.0.1:8081]
    #[arg(long, global = true, value_name = "ADDR")]
    admin: Option<String>,
    /// The server's configuration, for its admin address.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's data directory, for its token, unless TOLLGATE_ADMIN_TOKEN is set
    /// [default: tollgate-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print the server's JSON as it is.
    #[arg(long, global = true)]
    json: bool,
}

impl Server {
    /// Finds address and token; nothing is sent yet.
    ///
    /// # Errors
    /// The address is not one, or the configuration cannot be read.
    pub fn find(&self) -> Result<Admin, Mistake> {
        let address = match (&self.admin, &self.config, set_variable(ADDRESS)) {
            (Some(given), ..) => parse_address(given, "--admin")?,
            (None, Some(file), _) => reachable(Config::read(file)?.listen.admin).to_string(),
            (None, None, Some(given)) => parse_address(&given, ADDRESS)?,
            (None, None, None) => Listen::default().admin.to_string(),
        };
        let settings = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT));
        let token = Token::find(&self.data());
        Ok(Admin { agent: settings.build().new_agent(), address, token, json: self.json })
    }

    /// The server's data directory.
    fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from(DATA_DIRECTORY))
    }
}

fn set_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `host:port`, also as a URL.
fn parse_address(text: &str, from: &str) -> Result<String, Mistake> {
    let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let is_host = |host: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        !host.is_empty() && host.chars().all(plain)
    };
    let named = bare
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
    match bare.parse::<SocketAddr>() {
        Ok(address) => Ok(reachable(address).to_string()),
        Err(_) if named => Ok(bare.to_owned()),
        Err(_) => {
            let remedy = "give host:port, such as 127.0.0.1:8081";
            Err(Mistake(format!("{from} {text:?} is not an address of an admin port; {remedy}")))
        }
    }
}

/// Where a server that listens on every address is met.
fn reachable(mut listening: SocketAddr) -> SocketAddr {
    if listening.ip().is_unspecified() {
        listening.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    listening
}

/// A text as a value of a query.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The admin token, or why there is none; a server that is not there needs none.
enum Token {
    Known { secret: String, from: String },
    Missing { why: String },
}

impl Token {
    fn find(data: &Path) -> Self {
        if let Some(secret) = set_variable(TOKEN) {
            return Self::Known { secret, from: TOKEN.to_owned() };
        }
        let path = data.join(TOKEN_FILE);
        let from = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => {
                Self::Known { secret: text.trim().to_owned(), from }
            }
            Ok(_) => Self::Missing { why: format!("{from} is empty") },
            Err(fault) => Self::Missing { why: format!("{from}: {fault}") },
        }
    }
}

/// A server's admin port.
pub struct Admin {
    agent: Agent,
    address: String,
    token: Token,
    json: bool,
}

/// One call.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    body: Option<Vec<u8>>,
    wait: Option<Duration>,
}

/// What a server answered to a call that it did.
pub struct Answer {
    text: String,
    value: Value,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// Nothing listens there.
    Absent(String),
    /// The catalog has mistakes, each with its place and remedy.
    Complaints(Vec<String>),
    /// The server refuses, or what answers is not one.
    Told(String),
}

impl From<Fault> for Mistake {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Absent(what) | Fault::Told(what) => Self(what),
            Fault::Complaints(complaints) => Self(complaints.join("\n")),
        }
    }
}

impl Admin {
    fn get(&self, path: &str) -> Result<Answer, Fault> {
        self.call(Call { method: "GET", path, body: None, wait: Some(CALL) })
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Answer, Fault> {
        let body = Some(body.to_string().into_bytes());
        self.call(Call { method, path, body, wait: Some(CALL) })
    }

    fn delete(&self, path: &str) -> Result<Answer, Fault> {
        self.call(Call { method: "DELETE", path, body: None, wait: Some(CALL) })
    }

    /// Every page of a list, as long as there is a next one.
    fn pages(
        &self,
        path: &str,
        mut take: impl FnMut(&Answer) -> Result<(), Mistake>,
    ) -> Result<(), Mistake> {
        self.pages_while(path, |page| take(page).map(|()| true))
    }

    /// Pages of a list, as long as there is a next one and it is asked for.
    fn pages_while(
        &self,
        path: &str,
        mut take: impl FnMut(&Answer) -> Result<bool, Mistake>,
    ) -> Result<(), Mistake> {
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit={PAGE}{cursor}"))?;
            let goes_on = take(&page)?;
            match page.value["next"].as_str() {
                Some(next) if goes_on => cursor = format!("&cursor={}", escaped(next)),
                _ => return Ok(()),
            }
        }
    }

    fn call(&self, call: Call<'_>) -> Result<Answer, Fault> {
        let mut response = self.exchange(call).map_err(|fault| self.unreached(fault))?;
        let status = response.status();
        let reading = response.body_mut().with_config().limit(ANSWER_BYTES).read_to_string();
        let text = reading.map_err(|fault| self.unreached(fault))?;
        match serde_json::from_str(&text) {
            Ok(value) if status.is_success() => Ok(Answer { text, value }),
            Ok(value) => Err(self.refusal(status, &value)),
            Err(_) => Err(self.stranger(status)),
        }
    }

    fn exchange(&self, call: Call<'_>) -> Result<Response<ureq::Body>, ureq::Error> {
        let uri = format!("http://{}{}", self.address, call.path);
        let mut request = Request::builder().method(call.method).uri(uri);
        if let Token::Known { secret, .. } = &self.token {
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        match call.body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body)?;
                self.agent.run(self.timed(request, call.wait))
            }
            None => self.agent.run(self.timed(request.body(())?, call.wait)),
        }
    }

    fn timed<B: ureq::AsSendBody>(&self, call: Request<B>, wait: Option<Duration>) -> Request<B> {
        self.agent.configure_request(call).timeout_global(wait).build()
    }

    fn unreached(&self, fault: ureq::Error) -> Fault {
        let address = &self.address;
        let is_absent = match &fault {
            ureq::Error::Io(fault) => fault.kind() == io::ErrorKind::ConnectionRefused,
            ureq::Error::ConnectionFailed => true,
            _ => false,
        };
        if is_absent {
            let remedy = "start `tollgate serve`, or name its admin port with --admin";
            return Fault::Absent(format!("no server answers at {address}; {remedy}"));
        }
        let remedy = "see that it is the admin port of a running server";
        Fault::Told(format!("the call to {address} failed: {fault}; {remedy}"))
    }

    fn refusal(&self, status: StatusCode, body: &Value) -> Fault {
        let error = &body["error"];
        let Some(message) = error["message"].as_str() else { return self.stranger(status) };
        if status == StatusCode::UNAUTHORIZED {
            return self.unknown_token();
        }
        // Every path that is asked for here exists on an admin port.
        if status == StatusCode::NOT_FOUND && message.starts_with("there is nothing at") {
            return self.stranger(status);
        }
        match error["complaints"].as_array() {
            Some(complaints) => {
                let texts = complaints.iter().filter_map(Value::as_str);
                Fault::Complaints(texts.map(str::to_owned).collect())
            }
            None => Fault::Told(message.to_owned()),
        }
    }

    fn unknown_token(&self) -> Fault {
        let address = &self.address;
        Fault::Told(match &self.token {
            Token::Known { from, .. } => format!(
                "the server at {address} does not take the admin token of {from}; set {TOKEN} to \
                 the token that it was started with, or name its data directory with --data"
            ),
            Token::Missing { why } => format!(
                "there is no admin token for the server at {address} ({why}); set {TOKEN}, or name \
                 its data directory with --data"
            ),
        })
    }

    fn stranger(&self, status: StatusCode) -> Fault {
        let status = status.as_u16();
        let remedy = "name the admin port with --admin";
        Fault::Told(format!(
            "what answers at {} is no admin port of Tollgate (HTTP {status}); {remedy}",
            self.address
        ))
    }

    /// Prints an answer: as it came, or as a person reads it.
    fn tell(&self, answer: &Answer, shown: impl FnOnce(&Value) -> String) {
        if self.json {
            say(&answer.text);
        } else {
            say(&shown(&answer.value));
        }
    }
}

#[cfg(test)]
mod tests;
