//! The simulated route to the manager, in the place of TCP and TLS. The first bytes on a connection say which
//! device it is, as its certificate would, and which HTTP follows, as ALPN would.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use platen_agent::identity::address::Address;
use platen_agent::uplink::connect_trace::{ConnectTrace, Step};
use platen_agent::uplink::dial::direct::ReachError;
use platen_agent::uplink::dial::{Dial, Dialing, Stream};
use platen_agent::uplink::segments::Segments;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use turmoil::net::TcpStream;

use super::shared::{MANAGER, PORT, PROXY, Shared};

/// The first bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hello {
    /// Which device, by number.
    pub(super) device: u16,
}

/// Bytes of a hello.
pub(super) const HELLO_BYTES: usize = 2;

impl Hello {
    /// As it goes over the wire.
    pub(super) fn bytes(self) -> [u8; HELLO_BYTES] {
        self.device.to_be_bytes()
    }

    /// Takes it from the beginning of a stream.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Self> {
        let mut bytes = [0; HELLO_BYTES];
        stream.read_exact(&mut bytes).await?;
        Ok(Self { device: u16::from_be_bytes(bytes) })
    }
}

/// The route of one device.
#[derive(Debug)]
pub(super) struct SimulatedRoute {
    /// The simulation.
    pub(super) shared: Arc<Shared>,
    /// Whose, by number.
    pub(super) device: usize,
}

impl Dial for SimulatedRoute {
    fn dial<'a>(&'a self, address: &'a Address, _segments: Segments, trace: &'a ConnectTrace) -> Dialing<'a> {
        Box::pin(async move {
            let shared = &self.shared;
            let host = if shared.plan.proxied { PROXY } else { MANAGER };
            trace.enter(Step::Tcp, host);
            let name = shared.places[self.device].name.clone();
            shared.history.note(&name, "dials");
            shared.book().dialled(self.device, shared.elapsed());
            let unreachable = |source| ReachError::Unreachable { address: address.to_string(), source };
            let mut stream = TcpStream::connect((host, PORT)).await.map_err(unreachable)?;
            let hello = Hello { device: u16::try_from(self.device).unwrap() };
            stream.write_all(&hello.bytes()).await.map_err(unreachable)?;
            Ok(Box::new(Tap { stream, shared: Arc::clone(shared), name, sent: 0, digest: FNV_START })
                as Box<dyn Stream>)
        })
    }
}

/// FNV-1a, 64 bits: the history shows by it that two runs said the same, byte for byte.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A stream that notes what goes up.
struct Tap {
    stream: TcpStream,
    shared: Arc<Shared>,
    name: String,
    sent: usize,
    digest: u64,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.sent += count;
            for byte in &bytes[..count] {
                self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let said = format!("a connection ends: {} bytes up, {:016x}", self.sent, self.digest);
        self.shared.history.note_end(&self.name, said);
    }
}
