//! Debian's swupdate as a client: it downloads from the manager over TLS, installs, and reports.
//!
//! Debian's takes only images that a maker has signed. What it has installed counts once it was started anew and told
//! that it works (`-c 2`), as a boot loader or a health check of its maker does.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use platen_manager::secret::fingerprint;
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::manager::task::TestManager;
use serde_json::Value;

use super::super::programs::House;
use super::{attempt, house, token};

/// A maker of images with a key of its own.
struct Images(tempfile::TempDir);

fn run(command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test.sh installs it"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Images {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut openssl = Command::new("openssl");
        openssl.current_dir(&folder).args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]);
        openssl.args([
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "maker.pem",
            "-days",
            "3650",
            "-subj",
            "/CN=maker",
        ]);
        openssl.args(["-addext", "extendedKeyUsage=emailProtection", "-addext", "keyUsage=digitalSignature"]);
        run(&mut openssl);
        // Whom it trusts as a manager is said there.
        let ca = folder.path().join("ca.pem");
        let suricatta = format!("suricatta : {{ cafile = \"{}\"; }};\n", ca.display());
        std::fs::write(folder.path().join("swupdate.cfg"), format!("{CONFIGURATION}{suricatta}")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An image that lays a file with this content, which is said to be another one if `is_good` is not so.
    fn image(&self, content: &str, is_good: bool) -> Vec<u8> {
        let said = if is_good { content } else { "something else" };
        let (sum, installed) = (fingerprint(said.as_bytes()), self.path("installed"));
        let installed = installed.display();
        let description = format!(
            "software = {{ version = \"1.0\"; hardware-compatibility: [ \"1.0\" ];\n\
             files: ( {{ filename = \"panel\"; path = \"{installed}\"; sha256 = \"{sum}\"; }} ); }}\n"
        );
        std::fs::write(self.path("sw-description"), description).unwrap();
        std::fs::write(self.path("panel"), content).unwrap();
        let mut sign = Command::new("openssl");
        sign.current_dir(&self.0).args([
            "cms",
            "-sign",
            "-in",
            "sw-description",
            "-out",
            "sw-description.sig",
        ]);
        sign.args(["-signer", "maker.pem", "-inkey", "key.pem", "-outform", "DER", "-nosmimecap", "-binary"]);
        run(&mut sign);
        let list =
            "printf 'sw-description\\nsw-description.sig\\npanel\\n' | cpio --quiet -o -H crc > image.swu";
        run(Command::new("sh").current_dir(&self.0).args(["-c", list]));
        std::fs::read(self.path("image.swu")).unwrap()
    }
}

/// What it says of itself.
const CONFIGURATION: &str =
    "globals : { verbose = true; };\nidentify : ( { name = \"model\"; value = \"MFP 450\"; } );\n";

/// One that runs, until this is dropped. It is several processes, in a group of their own.
struct Swupdate(Child);

impl Swupdate {
    fn start(images: &Images, manager: &TestManager, token: &str, confirm: &[&str]) -> Self {
        use std::os::unix::process::CommandExt as _;
        let port = manager.device.port();
        let suricatta =
            format!("-t default -u https://localhost:{port} -i lobby -k {token} -p 1 {}", confirm.join(" "));
        let log = std::fs::File::create(images.path("log")).unwrap();
        let mut command = Command::new("swupdate");
        command.arg("-f").arg(images.path("swupdate.cfg")).arg("-v").arg("-k").arg(images.path("maker.pem"));
        command.args(["-H", "panel:1.0", "-u", &suricatta]);
        // Its sockets and what it downloads are there.
        command.env("TMPDIR", images.0.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        Self(command.spawn().unwrap_or_else(|error| panic!("swupdate: {error}; scripts/test.sh installs it")))
    }
}

impl Drop for Swupdate {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        // It may have ended by itself.
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

async fn publish_image(house: &mut House, version: &str, image: &[u8]) {
    let mut program = Maker::program("engine-firmware", version, image);
    "swupdate".clone_into(&mut program.kind);
    let targets = Some(house.maker.sign(&[program], &[]));
    let brought = platen_manager::programs::publish::Brought {
        roots: vec![house.maker.root.clone()],
        targets,
        files: vec![house.file(image)],
    };
    house.publish(brought).await.unwrap();
    house.offer(version, &["lobby"]).await;
}

/// Until the attempt is at a step and the client has told this; else what it logged.
async fn until_told(manager: &TestManager, images: &Images, version: &str, step: &str, told: &str) -> Value {
    let is_so = || async {
        let known = manager.api("/api/v1/devices/lobby/ddi").await;
        let has_told = known["actions"][0]["told"].to_string().contains(told);
        let attempt = attempt(manager, version).await;
        (has_told && attempt["step"] == step).then_some(attempt)
    };
    let found = tokio::time::timeout(std::time::Duration::from_secs(100), async {
        loop {
            // Each look is limited as others are; swupdate on a busy machine takes longer than that.
            if let Some(found) = is_so().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(images.path("log")).unwrap()))
}

#[tokio::test]
async fn swupdate_downloads_installs_and_reports_success_and_then_a_failure() {
    let mut house = house().await;
    let images = Images::new();
    let ca = images.path("ca.pem");
    std::fs::write(&ca, &house.manager.ca).unwrap();
    let token = token(&house.manager, "lobby").await;
    publish_image(&mut house, "2.0", &images.image("hello panel\n", true)).await;
    let manager = &house.manager;
    let running = Swupdate::start(&images, manager, &token, &[]);
    until_told(manager, &images, "2.0", "installing", "All Chunks Installed").await;
    assert_eq!(std::fs::read_to_string(images.path("installed")).unwrap(), "hello panel\n");
    drop(running);
    // As after a restart into what was installed.
    let running = Swupdate::start(&images, manager, &token, &["-c", "2"]);
    let kept = until_told(manager, &images, "2.0", "kept", "Update Installed").await;
    assert!(kept["reason"].is_null(), "{kept}");
    let known = manager.api("/api/v1/devices/lobby/ddi").await;
    assert_eq!(known["attributes"]["model"], "MFP 450");
    drop(running);

    publish_image(&mut house, "3.0", &images.image("not what was signed\n", false)).await;
    let manager = &house.manager;
    let _running = Swupdate::start(&images, manager, &token, &[]);
    let failed = until_told(manager, &images, "3.0", "failed", "failure").await;
    assert!(!failed["reason"].as_str().unwrap().is_empty());
    assert_eq!(std::fs::read_to_string(images.path("installed")).unwrap(), "hello panel\n");
    let program = manager.api("/api/v1/programs/engine-firmware/2.0").await;
    assert_eq!(program["devices"]["running"], 1, "it still runs what was there: {program}");
}
