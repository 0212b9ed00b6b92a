//! TLS on the data port: served, and followed as the certificate's files change.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tollgate_tests::client::{chat_request, request};
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::stand::{CHAT, hello};
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

const NAME: &str = "gateway.test";
/// How long a new certificate may take to be served; it is looked for every second.
const CHANGE: Duration = Duration::from_secs(10);

type Secured = StreamOwned<ClientConnection, TcpStream>;
type Certificate = rcgen::CertifiedKey<rcgen::KeyPair>;

fn certificate() -> Certificate {
    rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap()
}

fn write(folder: &Path, made: &Certificate) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
}

fn serving(made: &Certificate, upstream: &Upstream) -> Gateway {
    let config = Config::simple(&upstream.base_url());
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| config.folder.join(name));
    let tls = format!("tls = {{ cert = {cert:?}, key = {key:?} }}\n");
    write(&config.folder, made);
    Gateway::start(Config { listen: tls, cores: 2, ..config })
}

/// A connection that trusts this certificate alone, with its handshake done.
fn connect(gateway: &Gateway, trusted: &Certificate) -> io::Result<Secured> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(gateway.config.data_addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut secured = StreamOwned::new(session, stream);
    secured.conn.complete_io(&mut secured.sock)?;
    Ok(secured)
}

/// Asks, and reads until the answer's JSON has come to its end.
fn chat(secured: &mut Secured, key: &str) -> String {
    ask(secured, &chat_request(key, &hello()))
}

fn ask(secured: &mut Secured, request: &[u8]) -> String {
    secured.write_all(request).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}}") {
        let mut piece = [0; 4096];
        let count = secured.read(&mut piece).unwrap();
        assert!(count > 0, "cut off: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_changed_certificate_is_served_and_open_connections_stay() {
    let upstream = Upstream::start();
    let (first, second) = (certificate(), certificate());
    let mut gateway = serving(&first, &upstream);
    let customer = gateway.admin.customer("customer", "10");
    let mut early = connect(&gateway, &first).unwrap();
    assert!(chat(&mut early, &customer.key).starts_with("HTTP/1.1 200 "));
    assert!(connect(&gateway, &second).is_err(), "its certificate was not checked");

    write(&gateway.config.folder, &second);
    let mut late = wait_for("the new certificate", CHANGE, || connect(&gateway, &second).ok());
    assert!(chat(&mut late, &customer.key).starts_with("HTTP/1.1 200 "));
    assert!(chat(&mut early, &customer.key).starts_with("HTTP/1.1 200 "));
    drop((early, late));
    gateway.stop();
}

#[test]
fn files_that_do_not_belong_together_change_nothing() {
    let upstream = Upstream::start();
    let (first, second) = (certificate(), certificate());
    let gateway = serving(&first, &upstream);
    let customer = gateway.admin.customer("customer", "10");
    fs::write(gateway.config.folder.join("cert.pem"), second.cert.pem()).unwrap();
    wait_for("the complaint", CHANGE, || {
        gateway.log().contains("the certificate stays as it was").then_some(())
    });
    let mut still = connect(&gateway, &first).unwrap();
    assert!(chat(&mut still, &customer.key).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_session_follows_its_idempotency_keys_from_core_to_core() {
    let upstream = Upstream::start();
    let made = certificate();
    let gateway = serving(&made, &upstream);
    let customer = gateway.admin.customer("customer", "10");
    let mut secured = connect(&gateway, &made).unwrap();
    let body = hello().to_string();
    let named = |name: &str| {
        let headers = [("x-api-key", customer.key.as_str()), ("idempotency-key", name)];
        request("POST", CHAT, &headers, body.as_bytes())
    };
    let mut answers = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let answer = ask(&mut secured, &named(name));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answers.push((name, answer));
    }
    for (name, first) in answers {
        let again = ask(&mut secured, &named(name));
        assert!(again.contains("Idempotent-Replayed: true"), "{again}");
        assert_eq!(
            again.split_once("\r\n\r\n").unwrap().1,
            first.split_once("\r\n\r\n").unwrap().1
        );
    }
    assert_eq!(upstream.truths().len(), 8);
}
