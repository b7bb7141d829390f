//! Who may ask the real server.

use super::server::{Server, post, with_head};
use crate::Host;
use serde_json::json;

const KEYS: &str = "# trainers\nalice 0123456789abcdef\nbob fedcba9876543210\n";

fn item() -> String {
    json!({ "reference": "", "response": "x" }).to_string()
}

#[test]
fn requests_for_other_hosts_of_other_sites_and_of_other_kinds_are_refused() {
    let server =
        Server::looping(&["--allow-origin", "https://lab.example", "--allow-host", "grader.example"]);
    let whole = post(&item());
    let other = |from: &str, to: &str| whole.replace(from, to);
    let origin = |origin: &str| with_head(&whole, &format!("origin: {origin}\r\n"));
    for (request, status, kind) in [
        (whole.clone(), 200, ""),
        (other("host: localhost", "host: evil.example"), 421, "wrong_host"),
        (other("host: localhost\r\n", ""), 421, "wrong_host"),
        (other("host: localhost", "host: grader.example:8377"), 200, ""),
        (other("host: localhost", &format!("host: {}", server.address)), 200, ""),
        (other("application/json", "text/plain"), 415, "not_json"),
        (other("content-type: application/json\r\n", ""), 415, "not_json"),
        (other("application/json", "application/json; charset=utf-8"), 200, ""),
        (origin("http://evil.example"), 403, "cross_site"),
        (origin("null"), 403, "cross_site"),
        (with_head(&whole, "sec-fetch-site: cross-site\r\n"), 403, "cross_site"),
        (origin("https://lab.example"), 200, ""),
        ("GET /health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n".into(), 421, "wrong_host"),
        (
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\norigin: null\r\nconnection: close\r\n\r\n".into(),
            403,
            "cross_site",
        ),
    ] {
        let response = server.send(request.as_bytes());
        assert_eq!(response.status, status, "{request}\n{}", response.body);
        if status != 200 {
            assert_eq!(response.json()["error"]["kind"], kind, "{request}");
        }
        let is_allowed = response.head.contains("access-control-allow-origin: https://lab.example");
        assert_eq!(is_allowed, request.contains("lab.example"), "{}", response.head);
    }
}

#[test]
fn a_browser_is_told_what_an_allowed_page_may_send() {
    let server = Server::start_with(
        "exact_grader",
        &["--allow-origin", "https://lab.example"],
        &[("TS_HOST_SERVE_KEYS", "lab 0123456789abcdef")],
    );
    let preflight = |origin: &str| {
        server.send(
            format!(
                "OPTIONS /v1/grade HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\
                 connection: close\r\n\r\n"
            )
            .as_bytes(),
        )
    };
    let allowed = preflight("https://lab.example");
    assert_eq!(allowed.status, 204);
    for line in [
        "access-control-allow-origin: https://lab.example",
        "access-control-allow-headers: authorization, content-type",
    ] {
        assert!(allowed.head.contains(line), "{}", allowed.head);
    }
    let refused = preflight("https://evil.example");
    assert_eq!(refused.status, 403);
    assert!(!refused.head.contains("access-control"), "{}", refused.head);
}

#[cfg(unix)]
#[test]
fn a_key_is_asked_for_where_there_are_keys() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    let path = host.path("keys");
    std::fs::write(&path, KEYS).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = path.to_str().unwrap();
    let error =
        host.fail(&["serve", "--plugin", "exact_grader", "--listen", "127.0.0.1:0", "--key-file", file]);
    assert!(error.contains("chmod 600") && !error.contains("0123456789abcdef"), "{error}");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let more = [("TS_HOST_SERVE_KEYS", "carol 00112233445566778899")];
    let server = Server::start_with("exact_grader", &["--key-file", file], &more);
    for (head, status) in [
        ("", 401),
        ("authorization: Bearer 0123456789abcdeg\r\n", 401),
        ("authorization: Basic 0123456789abcdef\r\n", 401),
        ("authorization: Bearer 0123456789abcdef\r\n", 200),
        ("authorization: Bearer fedcba9876543210\r\n", 200),
        ("authorization: Bearer 00112233445566778899\r\n", 200),
    ] {
        let asked = [
            post(&item()),
            "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(),
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned(),
        ];
        for request in asked {
            let response = server.send(with_head(&request, head).as_bytes());
            assert_eq!(response.status, status, "{head}");
            assert_eq!(
                response.head.contains("www-authenticate: bearer"),
                status == 401,
                "{}",
                response.head
            );
        }
    }
}

#[test]
fn an_address_that_others_reach_needs_a_key() {
    let host = Host::new();
    let error = host.fail(&["serve", "--plugin", "exact_grader", "--listen", "0.0.0.0:0"]);
    assert!(error.contains("--key-file") && error.contains("--no-key"), "{error}");
    // Keys are none of the command line's.
    let bad = host
        .command(&["serve", "--plugin", "exact_grader", "--listen", "127.0.0.1:0"])
        .env("TS_HOST_SERVE_KEYS", "short x")
        .output();
    let bad = bad.unwrap();
    assert_eq!(bad.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("TS_HOST_SERVE_KEYS"));
}

#[test]
fn the_client_shows_its_key() {
    let server = Server::start_with("exact_grader", &[], &[("TS_HOST_SERVE_KEYS", "lab 0123456789abcdef")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let program = "from ts_serve import reward; print(reward(['<answer>1</answer>'], ['1']))";
    for (name, value) in [("TS_SERVE_KEY", "0123456789abcdef"), ("TS_SERVE_KEY_FILE", file.to_str().unwrap())]
    {
        let output = std::process::Command::new("python3")
            .args(["-c", program])
            .env("PYTHONPATH", crate::repository("docs/clients"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TS_SERVE_URL", format!("http://{}", server.address))
            .env(name, value)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "[1.0]\n",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
