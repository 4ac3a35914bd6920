//! A refusal is heard, also by who is still sending: tried with the curl that people have.

use std::path::Path;
use std::process::Command;

use platen_tests::rigs::manager::task::TestManager;

/// Requests of each kind. Of a refusal that is lost in half the cases, not one of 40 may be.
const TRIES: usize = 40;

/// One request: exit code, status and body.
fn curl(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--max-time", "30", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn file(directory: &Path, bytes: usize) -> String {
    let path = directory.join(format!("{bytes}"));
    std::fs::write(&path, "x".repeat(bytes)).unwrap();
    format!("@{}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_curl_while_it_still_sends_the_body() {
    let manager = TestManager::start().await;
    let directory = tempfile::tempdir().unwrap();
    let (large, larger) = (file(directory.path(), 900 * 1024), file(directory.path(), 3 * 1024 * 1024));
    let (devices, operators) = (manager.device.port(), manager.operator.port());
    let signed_in = format!("authorization: Bearer {}", manager.bearer);
    let commands = format!("https://localhost:{operators}/api/v1/devices/lobby/commands");
    let enroll = format!("https://localhost:{devices}/v1/enroll");
    let json = "content-type: application/json";
    let of = |name: &'static str, status: &'static str, arguments: &[&str]| {
        (name, status, arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    };
    let cases = [
        of(
            "too large for the API",
            "413",
            &["-H", &signed_in, "-H", json, "--data-binary", &large, &commands],
        ),
        of(
            "of another media type",
            "415",
            &["-H", &signed_in, "-H", "content-type: text/plain", "--data-binary", &large, &commands],
        ),
        of("not signed in", "401", &["-H", json, "--data-binary", &large, &commands]),
        of(
            "no such address",
            "404",
            &["--data-binary", &large, &format!("https://localhost:{operators}/nowhere")],
        ),
        of("too large from a device", "413", &["-H", json, "--data-binary", &large, &enroll]),
        of("much too large from a device", "413", &["-H", json, "--data-binary", &larger, &enroll]),
        of(
            "no certificate",
            "403",
            &["-H", json, "--data-binary", &large, &format!("https://localhost:{devices}/v1/reports")],
        ),
    ];
    let tried = tokio::task::spawn_blocking(move || {
        let mut lost = Vec::new();
        for version in ["--http1.1", "--http2"] {
            for (name, status, arguments) in &cases {
                for number in 0..TRIES {
                    let mut all = vec![version];
                    // Half of them without being asked to, as programs do that are not curl.
                    if number % 2 == 0 {
                        all.extend(["-H", "Expect:"]);
                    }
                    all.extend(arguments.iter().map(String::as_str));
                    let (code, said) = curl(&all);
                    if code != Some(0) || !said.ends_with(status) {
                        lost.push(format!("{version}, {name}, try {number}: {code:?} {said}"));
                    }
                }
            }
        }
        lost
    });
    let lost = tried.await.unwrap();
    assert!(lost.is_empty(), "{} of them, the first: {}", lost.len(), lost[0]);
}
