//! How a stream of bytes to the manager is made. TLS goes on top of it
//! ([`super::connect`]).
//!
//! [`direct`] connects to the manager itself, [`tunnel`] through the [`proxy`] that the configuration or the
//! environment names, unless its [`exceptions`] do; [`connect_head`] is what such a proxy answers, and [`refusal`] puts
//! into words what it refuses.

mod connect_head;
pub mod direct;
mod exceptions;
mod prefixed;
pub mod proxy;
pub mod refusal;
pub mod tunnel;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connect_trace::ConnectTrace;
use super::segments::Segments;
use crate::identity::address::Address;
use direct::{Direct, ReachError};
use proxy::{ProxyConfig, SetupError};
use refusal::ProxyError;
use tunnel::Tunnel;

/// Bytes there and back.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream in the making.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, DialError>> + Send + 'a>>;

/// Makes streams: directly, through a proxy, or through a simulated network.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Makes a stream to `address` in segments of a size, and records its steps in `trace`. It is dropped
    /// when it takes too long: it has no limit of its own.
    fn dial<'a>(&'a self, address: &'a Address, segments: Segments, trace: &'a ConnectTrace) -> Dialing<'a>;

    /// The proxy that it goes through, as people know it.
    fn through(&self) -> Option<String> {
        None
    }
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// There is no TCP connection to the manager.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// The proxy does not let us through.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// The route that the configuration and the environment give: direct, or through a proxy. The kernel asks the other end
/// whether it is there when nothing has passed for `ping`.
///
/// # Errors
/// When the proxy that they name cannot be used.
pub fn route(config: &ProxyConfig, address: &Address, ping: Duration) -> Result<Arc<dyn Dial>, SetupError> {
    Ok(match proxy::choose(config, address)? {
        Some(proxy) => Arc::new(Tunnel { proxy, ping }),
        None => Arc::new(Direct { ping }),
    })
}
