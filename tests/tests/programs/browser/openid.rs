//! Signing in by a real provider of `OpenID` Connect, in a real browser.

use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use platen_manager::rights::Role;
use platen_manager::store::{AuditFilter, NewOperator, Scope};
use platen_tests::rigs::browser::Browser;
use platen_tests::rigs::debian::root;
use platen_tests::rigs::manager::task::{OPERATOR, TestManager, now};

/// The provider, as a process.
struct Provider {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Provider {
    /// Listens, with a certificate of its own in the folder.
    fn start(folder: &Path) -> Self {
        let installed = Command::new(root().join("scripts/openid/install.sh")).output().unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let module = PathBuf::from(String::from_utf8(installed.stdout).unwrap().trim());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.join("login.pem"), folder.join("login.key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut process = Command::new("node")
            .arg(root().join("scripts/openid/provider.mjs"))
            .args([&module, &certificate, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let port = line(&mut said).strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { process, said, port }
    }

    /// Sends browsers back to this manager.
    fn serve(&mut self, manager: &str) {
        let back = format!("{manager}/sign-in/openid/back");
        writeln!(self.process.stdin.as_mut().unwrap(), "{back}").unwrap();
        while line(&mut self.said) != "ready" {}
    }
}

fn line(said: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    assert!(said.read_line(&mut line).unwrap() > 0, "the provider has ended");
    line.trim().to_owned()
}

/// Says a name at the provider, and yes to what is asked.
async fn at_the_provider(browser: &Browser, name: &str) {
    browser.see("input[name=login]").await;
    browser.type_into("input[name=login]", name).await;
    browser.type_into("input[name=password]", "any").await;
    browser.click("button[type=submit]").await;
    browser.see("input[name=prompt][value=consent]").await;
    browser.click("button[type=submit]").await;
}

#[tokio::test]
async fn whoever_the_provider_knows_by_an_operators_name_is_let_in_as_that_operator() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut provider = Provider::start(folder.path());
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret: with signs%\n").unwrap();
    let config = format!(
        "second_factor_for = [\"viewer\"]\n[openid]\nissuer = \"https://localhost:{}\"\nclient_id = \"platen\"\nlabel = \"Sign in with Nord AG\"\nclient_secret_file = {:?}\nca = {:?}\n",
        provider.port,
        secret,
        folder.path().join("login.pem"),
    );
    let manager = TestManager::start_configured(Arc::clone(&folder), |all| {
        all.operators = toml::from_str(&config).unwrap();
    })
    .await;
    let ben = NewOperator {
        name: "ben".to_owned(),
        password_hash: "no password".to_owned(),
        role: Role::Viewer,
        scope: Scope::All,
    };
    manager.store.add_operator(ben, now()).await.unwrap().unwrap();
    let url = format!("https://localhost:{}", manager.operator.port());
    provider.serve(&url);
    let browser = Browser::start().await;
    browser.open(&format!("{url}/meters")).await;
    assert_eq!(browser.text("#openid").await, "Sign in with Nord AG");
    browser.click("#openid").await;
    at_the_provider(&browser, "ben").await;
    // Where ben wanted to go, and with no second factor of ours: that is for the provider to ask for.
    browser.see("[data-role=viewer]").await;
    assert!(browser.text("h1").await.contains("Meters"));
    let entries = manager.store.audit(AuditFilter::default(), None, 20).await.unwrap();
    let signed_in = entries.iter().find(|entry| entry.act == "sign in").unwrap();
    assert_eq!(
        (signed_in.operator.as_deref(), signed_in.credential.as_str()),
        (Some("ben"), "OpenID Connect")
    );
    browser.close().await;
    // Somebody whom only the provider knows.
    let browser = Browser::start().await;
    browser.open(&format!("{url}/sign-in")).await;
    browser.click("#openid").await;
    at_the_provider(&browser, "nobody").await;
    browser.see("main.problem").await;
    assert!(browser.text("#detail").await.contains("the provider knows you as \"nobody\""));
    // Somebody else's answer, in a browser that began nothing.
    browser.open(&format!("{url}/sign-in/openid/back?code=x&state=y")).await;
    assert!(browser.text("#detail").await.contains("was not begun in this browser"));
    browser.close().await;
    // Passwords go on.
    let browser = Browser::start().await;
    browser.sign_in(&url, OPERATOR, platen_tests::rigs::manager::task::PASSWORD).await;
    browser.see("body[data-live=on]").await;
    browser.close().await;
}
