//! A real browser: Debian's Chromium, headless, driven by its own chromedriver.

use std::path::Path;
use std::process::Command;

use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rigs::process::{PATIENCE, Running, until};

/// Where Debian puts it.
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
/// A small headless browser that talks to nobody but the pages it is given.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// A browser with a fresh profile.
pub struct Browser {
    client: Client,
    driver: Running,
    // Ends after the driver and its browser.
    _folder: TempDir,
}

/// Asked to end, chromedriver ends its browser as well; killed, it would leave it behind.
impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.stop();
    }
}

impl Browser {
    /// Starts one. It accepts the manager's certificate, whose CA it does not know; who checks that
    /// certificate is the API's client.
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        assert!(Path::new(CHROMEDRIVER).exists(), "chromedriver is missing: apt-get install chromium-driver");
        let log = folder.path().join("chromedriver.log");
        let driver = Running::start(Command::new(CHROMEDRIVER).arg("--port=0"), &log);
        let port = until("chromedriver listens", || {
            let log = driver.log();
            let after = log.split_once("started successfully on port ")?.1;
            after.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u16>().ok()
        });
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
        arguments.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("acceptInsecureCerts".into(), json!(true));
        capabilities.insert("goog:chromeOptions".into(), json!({"args": arguments}));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, driver, _folder: folder }
    }

    /// Goes to a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Opens another tab, which is looked at from then on.
    pub async fn open_tab(&self) -> WindowHandle {
        let tab = self.client.new_window(true).await.unwrap().handle;
        self.look_at(&tab).await;
        tab
    }

    /// The tab that is looked at.
    pub async fn tab(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Looks at another tab.
    pub async fn look_at(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
    }

    /// Closes the tab that is looked at; another one must be looked at next.
    pub async fn close_tab(&self) {
        self.client.close_window().await.unwrap();
    }

    /// Signs in at the manager.
    pub async fn sign_in(&self, url: &str, name: &str, password: &str) {
        self.open(url).await;
        let form = self.client.form(Locator::Css("#sign-in")).await.unwrap();
        form.set_by_name("name", name).await.unwrap();
        form.set_by_name("password", password).await.unwrap();
        self.click("#sign-in button").await;
    }

    /// Waits for an element; ends the test when it does not come.
    pub async fn see(&self, css: &str) {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        if let Err(error) = found {
            let page = self.client.source().await.unwrap_or_default();
            panic!("{css} did not appear: {error}\n{page}");
        }
    }

    /// Waits until no element is there any more.
    pub async fn see_no(&self, css: &str) {
        let begin = std::time::Instant::now();
        while !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty() {
            assert!(begin.elapsed() < PATIENCE, "{css} did not go away");
            tokio::task::yield_now().await;
        }
    }

    /// Clicks on an element, once it is there. The page may put another one in its place before the click.
    pub async fn click(&self, css: &str) {
        loop {
            let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap();
            match element.click().await {
                Err(gone) if gone.is_stale_element_reference() => {}
                clicked => return clicked.unwrap(),
            }
        }
    }

    /// Scrolls to a part of a page, and waits until it is there.
    pub async fn reach(&self, id: &str) {
        self.see(&format!("#{id}")).await;
        self.script(&format!("document.getElementById('{id}').scrollIntoView({{ block: 'center' }});")).await;
        self.see(&format!("#{id}:not([data-loads])")).await;
    }

    /// The text of an element that is there, whichever the page has put in its place by now.
    pub async fn text(&self, css: &str) -> String {
        loop {
            match self.client.find(Locator::Css(css)).await.unwrap().text().await {
                Err(gone) if gone.is_stale_element_reference() => {}
                text => return text.unwrap(),
            }
        }
    }

    /// Presses a key where the focus is; keys without a letter are those of WebDriver, such as `\u{e007}` for Enter.
    pub async fn press(&self, key: &str) {
        self.client.active_element().await.unwrap().send_keys(key).await.unwrap();
    }

    /// Types into a field.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.client.find(Locator::Css(css)).await.unwrap().send_keys(text).await.unwrap();
    }

    /// Leaves a mark on the page that a reload would wipe away.
    pub async fn mark(&self) {
        self.client.execute("window.platenMark = true;", vec![]).await.unwrap();
    }

    /// Whether the mark is still there, so the page has not been loaded again.
    pub async fn is_marked(&self) -> bool {
        let mark = self.client.execute("return window.platenMark === true;", vec![]).await.unwrap();
        mark == json!(true)
    }

    /// Runs a script in the page; what it returns.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Shows the page as `width` by `height` CSS pixels, light or dark, and stores a picture.
    pub async fn picture(&self, width: u32, height: u32, dark: bool, to: &Path) {
        self.show(width, height, dark).await;
        std::fs::write(to, self.client.screenshot().await.unwrap()).unwrap();
    }

    /// Shows the page as `width` by `height` CSS pixels, light or dark.
    pub async fn show(&self, width: u32, height: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Runs a script in the page that ends later; what it hands to its last argument.
    pub async fn script_later(&self, script: &str) -> Value {
        self.client.execute_async(script, vec![]).await.unwrap()
    }

    async fn devtools(&self, method: &str, parameters: Value) {
        self.client.issue_cmd(DevTools { method: method.to_owned(), parameters }).await.unwrap();
    }

    /// Ends the session, and with it the browser.
    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

/// A command of Chromium's own, by chromedriver's extension of WebDriver.
#[derive(Debug)]
struct DevTools {
    method: String,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.method, "params": self.parameters}).to_string()))
    }
}
