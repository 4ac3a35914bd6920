//! QEMU's own two ports: the monitor (QMP), and the test port (qtest), which writes the machine's registers.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::GuestError;

/// QEMU answers at once, unless its machine is very busy.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The monitor: one JSON object a line (QEMU's docs/interop/qmp-spec).
pub(super) struct Monitor(Port);

impl Monitor {
    pub(super) fn connect(socket: &Path) -> Result<Self, GuestError> {
        let mut monitor = Self(Port::connect(socket)?);
        // It greets, and takes commands once the client has said which of its capabilities it wants.
        monitor.0.line("the monitor's greeting")?;
        monitor.execute("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    pub(super) fn execute(&mut self, command: &str, arguments: &Value) -> Result<(), GuestError> {
        let request = json!({"execute": command, "arguments": arguments}).to_string();
        self.0.send(&request)?;
        loop {
            let answer = self.0.line(&request)?;
            let value: Value = serde_json::from_str(&answer).unwrap_or_default();
            if value.get("return").is_some() {
                return Ok(());
            }
            // Events come between answers.
            if value.get("event").is_none() {
                return Err(GuestError::Refused { request, answer });
            }
        }
    }
}

/// The test port: words, one command a line.
pub(super) struct TestPort(Port);

impl TestPort {
    pub(super) fn connect(socket: &Path) -> Result<Self, GuestError> {
        Ok(Self(Port::connect(socket)?))
    }

    /// Writes a register of the machine.
    pub(super) fn write(&mut self, address: u64, value: u32) -> Result<(), GuestError> {
        let request = format!("writel {address:#x} {value:#x}");
        self.0.send(&request)?;
        let answer = self.0.line(&request)?;
        if answer.trim_end() == "OK" {
            return Ok(());
        }
        Err(GuestError::Refused { request, answer })
    }
}

struct Port {
    reader: BufReader<UnixStream>,
}

impl Port {
    fn connect(socket: &Path) -> Result<Self, GuestError> {
        let stream = UnixStream::connect(socket).map_err(port_error)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(port_error)?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    fn send(&mut self, line: &str) -> Result<(), GuestError> {
        self.reader.get_mut().write_all(format!("{line}\n").as_bytes()).map_err(port_error)
    }

    fn line(&mut self, request: &str) -> Result<String, GuestError> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).map_err(port_error)? == 0 {
            return Err(GuestError::Refused { request: request.to_owned(), answer: line });
        }
        Ok(line)
    }
}

fn port_error(source: io::Error) -> GuestError {
    GuestError::System { what: "QEMU's monitor or test port cannot be used", source }
}
