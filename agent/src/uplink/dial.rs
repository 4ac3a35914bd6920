//! How a stream of bytes to the manager is made. TLS, or what a simulation has in its place, lies on top
//! ([`super::connect`]).

use std::fmt;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use super::UplinkError;
use super::trail::Trail;
use crate::address::Address;

/// Bytes there and back.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream in the making.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, UplinkError>> + Send + 'a>>;

/// A way to make streams: straight, through a proxy, or through a simulated network.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Makes a stream to `address`, and notes in `trail` how far it has come. It is dropped when it takes
    /// too long: it has no limit of its own.
    fn dial<'a>(&'a self, address: &'a Address, trail: &'a Trail) -> Dialing<'a>;

    /// The proxy that it goes through, as people know it.
    fn through(&self) -> Option<String> {
        None
    }
}
