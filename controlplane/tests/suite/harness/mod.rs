//! A control plane under test, a client of bytes, and a data plane that does as it is told.
//!
//! Everything goes through real sockets and a real data directory under the system's temporary
//! folder, removed at the end.

pub(crate) mod plane;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use controlplane::{Plans, Profile, Running, Secret, Settings, StartError, Terms, start};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "the-admin-token";

/// A control plane on a free port, in a folder of its own.
pub(crate) struct Control {
    running: Option<Running>,
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Control {
    pub(crate) fn start() -> Self {
        Self::start_in(Self::folder())
    }

    /// The same with the terms of a profile.
    pub(crate) fn with_terms(terms: Terms) -> Self {
        Self::with_profile(Self::folder(), |profile| profile.terms = terms)
    }

    /// The same with the plans of a profile.
    pub(crate) fn with_plans(folder: PathBuf, plans: Plans) -> Self {
        Self::with_profile(folder, |profile| profile.plans = plans)
    }

    /// The same with a profile that is changed first.
    pub(crate) fn with_profile(folder: PathBuf, change: impl FnOnce(&mut Profile)) -> Self {
        let mut settings = settings(&folder);
        change(&mut settings.profile);
        Self::started(settings, folder)
    }

    pub(crate) fn folder() -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate-control-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn start_in(folder: PathBuf) -> Self {
        Self::started(settings(&folder), folder)
    }

    /// The same with a journal of small segments, whose beginning can be removed.
    pub(crate) fn in_segments(folder: PathBuf) -> Self {
        Self::try_in_segments(folder).unwrap()
    }

    /// The same, which may not start.
    pub(crate) fn try_in_segments(folder: PathBuf) -> Result<Self, StartError> {
        let segments = Settings { segment_bytes: 64 << 10, ..settings(&folder) };
        let running = start(segments)?;
        Ok(Self { address: running.admin_addr(), running: Some(running), folder })
    }

    fn started(settings: Settings, folder: PathBuf) -> Self {
        let running = start(settings).unwrap();
        Self { address: running.admin_addr(), running: Some(running), folder }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Ends as a stop does: with a checkpoint.
    pub(crate) fn stop(mut self) -> PathBuf {
        self.running.take().unwrap().stop();
        std::mem::take(&mut self.folder)
    }

    /// Ends as a crash does, as far as the ledger can tell: nothing is written any more.
    pub(crate) fn kill(mut self) -> PathBuf {
        self.running.take().unwrap().abandon();
        std::mem::take(&mut self.folder)
    }

    pub(crate) fn call(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        call(self.address, method, path, token, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, TOKEN, "")
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, TOKEN, &body.to_string())
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, TOKEN, &body.to_string())
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, TOKEN, &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, TOKEN, "")
    }

    /// An account with this much credit; its id.
    pub(crate) fn account(&self, dollars: &str) -> String {
        let account = self.post("/admin/v1/accounts", json!({"name": "a customer"}));
        let id = account.ok(201)["id"].as_str().unwrap().to_owned();
        let credit = json!({"amount": dollars, "kind": "top_up", "reference": "first"});
        self.post(&format!("/admin/v1/accounts/{id}/credits"), credit).ok(200);
        id
    }

    /// A key of an account, with these fields added; its text and its hash.
    pub(crate) fn key(&self, account: &str, mut order: Value) -> (String, String) {
        order["name"] = json!("a key");
        let made = self.post(&format!("/admin/v1/accounts/{account}/keys"), order).ok(201);
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("key"), text("hash"))
    }
}

/// Removes a folder of a ledger that was stopped: a thread of sled's may write a last file there
/// after its handle has gone.
pub(crate) fn remove(folder: &std::path::Path) {
    for _ in 0..50 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                std::thread::sleep(Duration::from_millis(20));
            }
            removed => return removed.unwrap(),
        }
    }
    panic!("{} fills again and again", folder.display());
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abandon();
        }
        if self.folder.as_os_str().is_empty() {
            return;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn settings(folder: &std::path::Path) -> Settings {
    let mut settings = Settings::new(SocketAddr::from(([127, 0, 0, 1], 0)), folder);
    settings.admin_token = Some(Secret::new(TOKEN));
    settings.segment_bytes = 1 << 20;
    settings
}

/// What a call was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The message of a refusal that must have this status and code, in either form.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> String {
        let body = self.ok(status);
        let error = &body["error"];
        let named =
            if error["code"] == status { &error["metadata"]["error_type"] } else { &error["code"] };
        assert_eq!(named, code, "{}", self.body);
        body["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// One request on a connection of its own.
pub(crate) fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> Answer {
    let auth = if token.is_empty() { String::new() } else { bearer(token) };
    let length = body.len();
    let declared = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    send(
        address,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}{declared}\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A request of exactly these bytes.
pub(crate) fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A catalog of one provider and one model at 1 and 2 USD per million tokens, listed at half.
pub(crate) fn catalog() -> Value {
    json!({
        "provider": [{
            "id": "sandbox", "dialect": "openai", "base_url": "http://127.0.0.1:1/v1",
            "allow_private": true, "api_keys": ["env:SANDBOX_KEY"],
        }],
        "model": [{
            "id": "sandbox/chat", "context": 8000, "max_output": 1000,
            "endpoint": [{
                "provider": "sandbox", "model": "chat",
                "list": {"input": "0.5", "output": "1"}, "price": {"input": "1", "output": "2"},
            }],
        }],
    })
}
