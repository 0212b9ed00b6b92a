//! The binary as an operator uses it: commands, what they print, their exit codes.
//!
//! Each test has a folder of its own and, where it needs one, a server of its own on free ports,
//! which ends with the test.

#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const CATALOG: &str = r#"[[provider]]
id = "up"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
allow_private = true

[[model]]
id = "up/chat"
context = 1000
  [[model.endpoint]]
  provider = "up"
  model = "chat"
  list = { input = "1", output = "2" }
"#;
const CONFIG: &str = "[listen]\ndata = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\n\
                      [dataplane]\ncores = 1\ndrain_seconds = 1\n";

/// A folder, and the server that keeps its data there.
struct Stand {
    folder: PathBuf,
    server: Option<Child>,
    admin: String,
    customers: String,
}

impl Stand {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate-cli-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        // Nobody listens on port 1.
        let nowhere = "127.0.0.1:1".to_owned();
        Self { folder, server: None, admin: nowhere.clone(), customers: nowhere }
    }

    fn serving() -> Self {
        let mut stand = Self::new();
        stand.write("tollgate.toml", CONFIG);
        stand.serve();
        stand
    }

    fn serve(&mut self) {
        let mut command = self.command(&["serve", "--config", "tollgate.toml"]);
        let mut server = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(server.stderr.take().unwrap());
        self.server = Some(server);
        let said = stderr.lines().map_while(Result::ok).find(|line| line.contains("customers"));
        let said = said.expect("the server says where it listens");
        let after = |word: &str| {
            let address = said.split(word).nth(1).unwrap().trim().trim_start_matches("http://");
            address.split(',').next().unwrap().to_owned()
        };
        (self.customers, self.admin) = (after("customers"), after("operators"));
    }

    fn stop(&mut self) {
        let mut server = self.server.take().expect("it serves");
        kill(Pid::from_raw(server.id() as i32), Signal::SIGTERM).unwrap();
        assert!(server.wait().unwrap().success());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.env("TOLLGATE_ADMIN", &self.admin).env_remove("TOLLGATE_ADMIN_TOKEN");
        command
    }

    fn run(&self, line: &str) -> Ran {
        self.run_all(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn run_all(&self, arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// An account with ten dollars.
    fn account(&self) -> String {
        let opened = self.run("account open acme --json").json();
        let account = opened["id"].as_str().unwrap().to_owned();
        self.run(&format!("credit {account} 10 --kind top_up --reference first")).good();
        account
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    fn json(self) -> Value {
        serde_json::from_str(&self.good()).unwrap()
    }

    /// The exit code is this one, and the fault tells each of these.
    fn fails(self, code: i32, told: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for text in told {
            assert!(self.err.contains(text), "{text:?} in {self:?}");
        }
    }
}

#[test]
fn money_is_booked_once_and_exactly() {
    let stand = Stand::serving();
    let account = stand.account();
    let again = stand.run(&format!("credit {account} 10 --kind top_up --reference first --json"));
    assert_eq!(again.json()["amount"], "10");
    let other = stand.run(&format!("credit {account} 11 --kind top_up --reference first"));
    other.fails(1, &["the reference is taken"]);
    stand.run(&format!("credit {account} -0.000000000001 --kind adjustment --reference a")).good();
    stand.run(&format!("credit {account} -1 --kind grant --reference b")).fails(1, &["adjustment"]);
    stand.run(&format!("credit {account} 1e3 --kind grant --reference c")).fails(2, &["AMOUNT"]);
    stand.run(&format!("credit {account} 1 --reference c")).fails(2, &["--kind"]);

    let shown = stand.run(&format!("account show {account}")).good();
    assert!(shown.contains("balance    9.999999999999\n"), "{shown}");
    let listed = stand.run("account list").good();
    assert!(listed.lines().nth(1).is_some_and(|line| line.starts_with(&account)), "{listed}");
    let disabled = stand.run(&format!("account disable {account} --json")).json();
    assert_eq!(disabled["disabled"], true);
    assert_eq!(stand.run(&format!("account enable {account} --json")).json()["disabled"], false);
    stand.run("account show acct_00000000000000ff").fails(1, &["acct_00000000000000ff"]);
    stand.run("account show nobody").fails(2, &["nobody"]);
}

#[test]
fn a_key_is_shown_once_and_named_by_its_hash() {
    let stand = Stand::serving();
    let account = stand.account();
    let order =
        "--name app --limit 2.5 --limit-reset daily --rpm 60 --expires-at 2099-01-01T00:00:00Z";
    let made = stand.run(&format!("key make {account} {order} --json")).json();
    let (key, hash) = (made["key"].as_str().unwrap(), made["hash"].as_str().unwrap());
    assert_eq!((&made["limit"], &made["limit_reset"]), (&"2.5".into(), &"daily".into()));
    assert_eq!((&made["rpm"], &made["tpm"]), (&60.into(), &Value::Null));

    let shown = stand.run(&format!("key show {hash}")).good();
    assert!(!shown.contains(key) && shown.contains("limit left"), "{shown}");
    let listed = stand.run(&format!("key list {account}")).good();
    assert!(listed.contains(hash) && !listed.contains(key), "{listed}");
    assert_eq!(stand.run(&format!("key disable {hash} --json")).json()["disabled"], true);
    assert_eq!(stand.run(&format!("key enable {hash} --json")).json()["disabled"], false);
    stand.run(&format!("key delete {hash}")).good();
    stand.run(&format!("key show {hash}")).fails(1, &["there is no key"]);
    stand.run(&format!("key make {account} --name x --model up/none")).fails(1, &["up/none"]);
    stand.run(&format!("key make {account} --name x --class root")).fails(2, &["root"]);
}

#[test]
fn a_catalog_is_applied_whole_or_not_at_all() {
    let stand = Stand::serving();
    stand.write("catalog.toml", CATALOG);
    let previewed = stand.run("apply catalog.toml --dry-run").good();
    assert_eq!(previewed, "+ provider up\n+ model up/chat\nnothing was applied: a dry run\n");
    let applied = stand.run("apply catalog.toml").good();
    assert!(applied.starts_with("+ provider up\n+ model up/chat\napplied as"), "{applied}");
    let same = stand.run("apply catalog.toml").good();
    assert!(same.starts_with("the server has this catalog already"), "{same}");

    stand.write("catalog.toml", &CATALOG.replace("context = 1000", "context = 2000"));
    let changed = stand.run("apply catalog.toml --json").json();
    assert_eq!(changed["changes"][0]["change"], "changed");
    let broken = CATALOG.replace("provider = \"up\"", "provider = \"down\"");
    stand.write("catalog.toml", &broken.replace("output = \"2\"", "outptu = \"2\""));
    stand.run("apply catalog.toml").fails(1, &["catalog.toml:13: ", "outptu"]);
    stand.write("catalog.toml", &broken);
    stand.run("apply catalog.toml").fails(1, &["catalog.toml:11: ", "down"]);
    stand.run("apply none.toml").fails(1, &["none.toml: cannot be read"]);
}

#[test]
fn who_cannot_be_asked_is_told_with_a_remedy() {
    let stand = Stand::serving();
    let given = |name: &str, value: &str| {
        let output = stand.command(&["account", "list"]).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = given("TOLLGATE_ADMIN_TOKEN", "wrong");
    assert!(told.contains("TOLLGATE_ADMIN_TOKEN") && !told.contains("wrong"), "{told}");
    let told = given("TOLLGATE_ADMIN", "127.0.0.1:1");
    assert!(told.contains("127.0.0.1:1") && told.contains("tollgate serve"), "{told}");
    let told = given("TOLLGATE_ADMIN", &stand.customers);
    assert!(told.contains("no admin port"), "{told}");
    stand.run("account list --data none").fails(1, &["none/admin.token", "--data"]);
    stand.run("account list --admin here").fails(1, &["--admin", "127.0.0.1:8081"]);
    stand.run("account fly").fails(2, &["fly"]);
    let admin = &stand.admin;
    stand.run(&format!("account list --admin http://{admin}/")).good();
}

#[test]
fn the_books_are_audited_with_a_server_and_without() {
    let mut stand = Stand::serving();
    let account = stand.account();
    let audited = stand.run("ledger audit --full").good();
    assert!(audited.contains("journal folded from its beginning"), "{audited}");
    assert_eq!(stand.run("ledger rebuild --json").json()["ok"], true);
    let exported = stand.run(&format!("ledger export {account} --what transactions")).good();
    let lines: Vec<&str> = exported.lines().collect();
    assert_eq!(lines.len(), 2, "{exported}");
    assert!(lines[0].starts_with("id,account,created_at,kind,amount,reference"), "{exported}");
    assert!(lines[1].contains(",top_up,10,first,"), "{exported}");
    let order = format!("ledger export {account} --format json -o history.json");
    stand.run(&order).fails(0, &["0 generations in history.json"]);
    assert_eq!(stand.read("history.json"), "[]\n");
    stand.run("ledger export acct_00000000000000ff -o no.csv").fails(1, &["acct_0"]);
    assert!(!stand.folder.join("no.csv").exists());

    stand.stop();
    let audited = stand.run("ledger audit --full --config tollgate.toml --admin 127.0.0.1:1");
    assert!(audited.err.contains("no server answers"), "{audited:?}");
    assert!(audited.good().contains("from checkpoint "));
    assert_eq!(stand.run("ledger rebuild --json").json()["ok"], true);
    stand.run("ledger audit --data none").fails(1, &["there is no ledger in none"]);
    assert!(!stand.folder.join("none").exists(), "asking makes no ledger");
    stand.run(&format!("ledger export {account}")).fails(1, &["no server answers"]);

    stand.serve();
    stand.run("ledger audit --admin 127.0.0.1:1").fails(1, &["in use by another process"]);
    assert!(stand.run(&format!("account show {account}")).good().contains("balance    10\n"));
}

#[test]
fn a_copy_of_a_running_server_is_a_server_again() {
    let mut stand = Stand::serving();
    let account = stand.account();
    let copied = stand.run("backup copy --json").json();
    assert!(copied["events"].as_u64().unwrap() > 2 && copied["accounts"] == 1, "{copied}");
    stand.run("backup copy").fails(1, &["copy is not empty"]);
    stand.run("restore copy").fails(1, &["tollgate-data is not empty"]);
    stand.run("backup other --data none").fails(1, &["there is no ledger in none"]);
    stand.stop();
    fs::remove_dir_all(stand.folder.join("tollgate-data")).unwrap();
    assert!(stand.run("restore copy").good().contains("1 accounts, read back and audited"));
    stand.serve();
    assert!(stand.run(&format!("account show {account}")).good().contains("balance    10\n"));
}

#[test]
fn a_file_is_checked_without_being_run() {
    let stand = Stand::new();
    let config = format!("{CONFIG}[brand]\ncatalog = \"catalog.toml\"\n");
    stand.write("tollgate.toml", &config);
    stand.write("catalog.toml", CATALOG);
    let said = stand.run("check tollgate.toml").good();
    assert!(said.contains("is a configuration") && said.contains("1 provider, 1 model"), "{said}");
    let said = stand.run("check catalog.toml").good();
    assert!(said.contains("is a catalog"), "{said}");
    let secret =
        CATALOG.replace("allow_private", "api_keys = [\"env:NOT_SET_HERE\"]\nallow_private");
    stand.write("catalog.toml", &secret);
    let said = stand.run("check tollgate.toml").good();
    assert!(said.contains("warning: catalog.toml:5: ") && said.contains("NOT_SET_HERE"), "{said}");

    stand
        .write("catalog.toml", &CATALOG.replace("id = \"up/chat\"\ncontext = 1000", "id = \"up\""));
    stand.run("check tollgate.toml").fails(1, &["catalog.toml:7: ", "context", "1 mistake"]);
    stand.write("tollgate.toml", &config.replace("cores = 1", "cores = 0\ndrain = 1"));
    let told = ["tollgate.toml:6: ", "tollgate.toml:7: ", "drain", "2 mistakes"];
    stand.run("check tollgate.toml").fails(1, &told);
    stand.run("serve --config tollgate.toml").fails(1, &told[..3]);
    stand.run("check none.toml").fails(1, &["none.toml: cannot be read"]);
    stand.run("check").fails(2, &["FILE"]);
    assert!(!stand.folder.join("tollgate-data").exists());
}

#[test]
fn prices_become_a_catalog_that_checks() {
    let stand = Stand::new();
    let row = |provider: &str, price: &str| {
        format!(
            "{{\"litellm_provider\": \"{provider}\", \"mode\": \"chat\", \"max_input_tokens\": 1000, \
             \"input_cost_per_token\": {price}, \"output_cost_per_token\": {price}}}"
        )
    };
    let rows =
        [("a", row("openai", "1e-06")), ("b", row("openai", "0")), ("c", row("groq", "1e-06"))];
    let rows = rows.map(|(name, row)| format!("\"{name}\": {row}"));
    stand.write("prices.json", &format!("{{{}}}", rows.join(",\n")));

    let ran = stand.run("import-prices prices.json --multiplier 0.2 -o catalog.toml");
    assert!(
        ran.err.contains("rows left out: 1") && ran.err.contains("wrote catalog.toml"),
        "{ran:?}"
    );
    assert_eq!(ran.good(), "");
    assert!(stand.run("check catalog.toml").good().contains("2 providers, 2 models"));
    assert!(stand.read("catalog.toml").contains("0.2"));
    let one = stand.run("import-prices prices.json --provider openai --allow-free").good();
    assert!(one.contains("openai/b") && !one.contains("groq"), "{one}");
    let again = stand.run("import-prices prices.json --merge -o catalog.toml");
    assert!(again.err.contains("replaced catalog.toml"), "{again:?}");

    stand.run("import-prices prices.json --provider nobody").fails(1, &["nobody", "--providers"]);
    stand.run("import-prices prices.json --multiplier 0").fails(2, &["multiplier"]);
    stand.write("empty.json", "{}");
    stand.run("import-prices empty.json -o none.toml").fails(1, &["no row could be taken"]);
    stand.write("broken.json", "{");
    stand.run("import-prices broken.json").fails(1, &["broken.json: ", "line 1"]);
    assert!(!stand.folder.join("none.toml").exists());
}

#[test]
fn messages_that_nobody_can_take_are_lost_and_nothing_else() {
    let stand = Stand::new();
    stand.write("broken.toml", "[nothing]\n");
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut check = stand.command(&["check", "broken.toml"]);
    assert_eq!(check.stderr(full()).stdout(full()).status().unwrap().code(), Some(1));
    let mut usage = stand.command(&["no-such-command"]);
    assert_eq!(usage.stderr(full()).status().unwrap().code(), Some(2));
}
