//! Tollgate with all that it does: keys, holds, metering, journal; one core pinned.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Peer, Running, START, free_addresses, write};
use crate::Failure;
use crate::bodies::Kind;

/// A key has a ceiling of requests a minute; this many keys keep below it.
const KEYS: usize = 16;
const TOKEN: &str = "load-bench-admin-token";

pub(super) fn start(
    name: &'static str,
    mock: SocketAddr,
    folder: &Path,
    binary: &Path,
) -> Result<Peer, Failure> {
    fs::create_dir_all(folder)?;
    let [listen, admin] = free_addresses()?;
    let config = folder.join("tollgate.toml");
    write(&config, &settings(listen, admin, folder))?;
    write(&folder.join("catalog.toml"), &catalog(mock))?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(&config).arg("--data").arg(folder.join("books"));
    command.env("TOLLGATE_ADMIN_TOKEN", TOKEN).env("MOCK_KEY", "mock-key");
    let running = Running::start(command, folder, admin)?;
    let admin = Admin { address: admin };
    admin.wait_until_ready()?;
    let keys = admin.open_account()?;
    Ok(Peer { name, whole: listen, streamed: listen, keys, running: Some(running) })
}

fn settings(listen: SocketAddr, admin: SocketAddr, folder: &Path) -> String {
    let catalog = folder.join("catalog.toml");
    format!(
        "[listen]\ndata = \"{listen}\"\nadmin = \"{admin}\"\n[dataplane]\ncores = \"0\"\n\
         drain_seconds = 2\n[brand]\nprofile = \"plain\"\ncatalog = \"{}\"\nsandbox = false\n",
        catalog.display()
    )
}

fn catalog(mock: SocketAddr) -> String {
    let mut text = format!(
        "[[provider]]\nid = \"mock\"\ndialect = \"openai\"\nbase_url = \"http://{mock}/v1\"\n\
         allow_private = true\napi_keys = [\"env:MOCK_KEY\"]\non_client_abort = \"abort\"\n\
         output_cap_field = \"max_tokens\"\nstream_usage = true\ncache_included = true\n\
         input_overhead = 64\n"
    );
    for kind in Kind::ALL {
        let model = kind.model();
        text += &format!(
            "[[model]]\nid = \"{model}\"\nname = \"{model}\"\nkind = \"chat\"\ncontext = 200000\n\
             max_output = 4096\n[[model.endpoint]]\nprovider = \"mock\"\nmodel = \"{model}\"\n\
             price = {{ input = \"0.10\", output = \"0.20\" }}\n"
        );
    }
    text
}

/// The admin port, one connection a call.
struct Admin {
    address: SocketAddr,
}

impl Admin {
    fn wait_until_ready(&self) -> Result<(), Failure> {
        let end = Instant::now() + START;
        while !self.exchange("GET", "/readyz", "")?.starts_with("HTTP/1.1 200") {
            if Instant::now() > end {
                return Err("tollgate does not become ready".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// An account with more credit than any bench can spend, and keys to spend it with.
    fn open_account(&self) -> Result<Vec<String>, Failure> {
        let account = self.post("/admin/v1/accounts", &json!({ "name": "load" }))?;
        let path = format!("/admin/v1/accounts/{}", text(&account, "id")?);
        let top_up = json!({ "amount": "1000000", "kind": "top_up", "reference": "load" });
        self.post(&format!("{path}/credits"), &top_up)?;
        let key = json!({ "name": "load", "class": "live" });
        let keys = (0..KEYS).map(|_| text(&self.post(&format!("{path}/keys"), &key)?, "key"));
        keys.collect()
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = self.exchange("POST", path, &body.to_string())?;
        if !answer.starts_with("HTTP/1.1 2") {
            return Err(format!("POST {path}: {answer}").into());
        }
        let start = answer.find('{').ok_or("no JSON in the answer")?;
        let end = answer.rfind('}').ok_or("no JSON in the answer")?;
        Ok(serde_json::from_str(&answer[start..=end])?)
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        let mut socket = TcpStream::connect(self.address)?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\
             Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn text(value: &Value, name: &str) -> Result<String, Failure> {
    let found = match &value[name] {
        Value::String(found) => found.clone(),
        Value::Number(found) => found.to_string(),
        _ => return Err(format!("no `{name}` in {value}").into()),
    };
    Ok(found)
}
