//! Brings a file into a guest by a connection from it to this process.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::{Guest, GuestError, HOST_ADDRESS, copy_error, quoted};

/// A file of some megabytes takes seconds through an emulated USB network.
const PUSH_LIMIT: Duration = Duration::from_secs(180);

pub(super) fn push(guest: &Guest, from: &Path, to: &str) -> Result<(), GuestError> {
    let file = File::open(from).map_err(copy_error)?;
    let metadata = file.metadata().map_err(copy_error)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(copy_error)?;
    let address = listener.local_addr().map_err(copy_error)?;
    // The guest has only its shell for it, which needs no server that speaks a protocol.
    let script = format!(
        "set -e
         mkdir -p \"$(dirname -- {to})\"
         cat </dev/tcp/{HOST_ADDRESS}/{port} >{to}
         [ \"$(stat -c %s {to})\" = {bytes} ]
         chmod {mode:o} {to}",
        to = quoted(to),
        port = address.port(),
        bytes = metadata.len(),
        mode = metadata.permissions().mode() & 0o7777,
    );
    thread::scope(|scope| {
        let server = scope.spawn(move || serve(&listener, file));
        let result = guest.check_within(&script, PUSH_LIMIT);
        if result.is_err() {
            // The server may still wait for a guest that never came: this is the connection it waits for.
            drop(TcpStream::connect(address));
        }
        let sent = server.join();
        result?;
        match sent {
            Ok(outcome) => outcome.map_err(copy_error),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn serve(listener: &TcpListener, mut file: File) -> io::Result<()> {
    let (mut guest, _) = listener.accept()?;
    guest.set_write_timeout(Some(PUSH_LIMIT))?;
    io::copy(&mut file, &mut guest)?;
    guest.shutdown(Shutdown::Write)
}
