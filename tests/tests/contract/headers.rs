//! What the head of every answer says, and what browsers are told.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tollgate_tests::client::{Answer, request};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::wait_for;

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.head.header(name).unwrap_or_else(|| panic!("{name} in {}", answer.head.text))
}

#[test]
fn every_answer_has_an_id_of_its_own_and_inference_its_generation() {
    let stand = Stand::start();
    let mut ids = HashSet::new();
    let mut is_new = |answer: &Answer| {
        let id = header(answer, "x-request-id").to_owned();
        assert!(ids.insert(id.clone()), "{id} twice");
        id
    };
    for path in [CHAT, ROUTED_CHAT] {
        for body in [hello(), hello_stream()] {
            let answer = stand.post(path, body.to_string().as_bytes());
            assert_eq!(answer.status(), 200);
            let id = is_new(&answer);
            assert_eq!(header(&answer, "x-generation-id"), id);
            let sent = stand.upstream.last_head();
            assert!(sent.contains(&format!("x-request-id: {id}")), "{sent}");
            wait_for("its generation shows", Duration::from_secs(2), || {
                let path = format!("/admin/v1/generations/{id}");
                let told = stand.gateway.admin.call("GET", &path, &Value::Null);
                (told.status() == 200).then(|| assert_eq!(told.json()["id"], *id))
            });
        }
        is_new(&stand.post(path, b"{"));
    }
    for path in
        ["/v1/models", "/v1/models/x", "/health", "/nothing", "/api/v1/balance", "/api/v1/x"]
    {
        let answer = stand.get(path);
        is_new(&answer);
        assert_eq!(answer.head.header("x-generation-id"), None, "{path}");
        assert!(header(&answer, "x-ratelimit-limit").parse::<u64>().is_ok(), "{path}");
        is_new(&stand.send(&request("GET", path, &[], b"")));
    }
    is_new(&stand.send(b"not http\r\n\r\n"));
}

#[test]
fn what_is_ours_or_the_clients_own_stays_here() {
    let stand = Stand::start();
    let bearer = format!("Bearer {}", stand.customer.key);
    let headers = [
        ("authorization", bearer.as_str()),
        ("openai-organization", "org-secret"),
        ("openai-project", "proj-secret"),
        ("cookie", "session=secret"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-request-id", "chosen-by-client"),
    ];
    let answer = stand.send(&request("POST", CHAT, &headers, hello().to_string().as_bytes()));
    assert_eq!(answer.status(), 200);
    let sent = stand.upstream.last_head();
    for private in [&stand.customer.key.to_lowercase(), "secret", "10.0.0.1", "chosen-by-client"] {
        assert!(!sent.contains(private), "{private} in {sent}");
    }
    assert!(sent.contains("authorization: bearer test-key"), "{sent}");
    // The provider's own headers stay there.
    assert_eq!(answer.head.header("openai-version"), None);
}

#[test]
fn a_browser_may_ask_from_anywhere() {
    let stand = Stand::start();
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-stainless-os"),
    ];
    for path in [CHAT, ROUTED_CHAT, "/v1/models", "/api/v1/keys", "/health"] {
        let answer = stand.send(&request("OPTIONS", path, &asked, b""));
        assert_eq!((answer.status(), answer.body.len()), (204, 0), "{path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), "*");
        assert!(header(&answer, "access-control-allow-methods").contains("POST"));
        // A star does not cover this one field (Fetch standard, CORS protocol).
        assert!(header(&answer, "access-control-allow-headers").contains("authorization"));
        assert!(header(&answer, "access-control-allow-headers").contains('*'));
    }
    let bearer = format!("Bearer {}", stand.customer.key);
    let foreign = [("authorization", bearer.as_str()), ("origin", "https://app.example")];
    for (method, path, body) in [
        ("POST", CHAT, hello().to_string()),
        ("POST", CHAT, "{".to_owned()),
        ("GET", "/api/v1/key", String::new()),
    ] {
        let answer = stand.send(&request(method, path, &foreign, body.as_bytes()));
        assert_eq!(header(&answer, "access-control-allow-origin"), "*", "{path} {body}");
        assert_eq!(header(&answer, "access-control-expose-headers"), "*", "{path} {body}");
    }
    let own = stand.chat(&hello());
    assert_eq!(own.head.header("access-control-allow-origin"), None, "nobody asked");
}
