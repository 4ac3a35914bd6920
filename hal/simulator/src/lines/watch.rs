//! Edges on their way to whoever watches the lines, as the kernel keeps them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::lock::lock;

/// Edges that wait at one watch: the most that the kernel keeps for one request of lines
/// (`GPIO_V2_LINES_MAX` x 16; include/uapi/linux/gpio.h). As there, one more pushes the oldest out
/// (`linereq_put_event` of drivers/gpio/gpiolib-cdev.c), and the numbers of the edges tell.
pub const MAX_WAITING_EDGES: usize = 1024;

/// A change of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineChange {
    /// Its place in [`crate::SimPrinter::line_layout`].
    pub place: usize,
    /// Whether it is active now.
    pub active: bool,
    /// The electrical level of its line now.
    pub high: bool,
    /// When, on `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// Which edge of its line it is, from 1: a number that is missing is an edge that was dropped.
    pub sequence: u64,
}

/// Hears every change since it was made.
pub struct LineWatch(Arc<Watched>);

struct Watched {
    waiting: Mutex<VecDeque<LineChange>>,
    ready: EventFd,
}

impl LineWatch {
    /// Takes what waits. Does not block.
    pub fn take(&self) -> io::Result<Vec<LineChange>> {
        match self.0.ready.read() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(lock(&self.0.waiting).drain(..).collect()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for LineWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.ready.as_fd()
    }
}

/// Those who watch.
#[derive(Default)]
pub(super) struct Watches(Vec<Weak<Watched>>);

impl Watches {
    pub(super) fn add(&mut self) -> io::Result<LineWatch> {
        let ready = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let watched = Arc::new(Watched { waiting: Mutex::new(VecDeque::new()), ready });
        self.0.retain(|watch| watch.strong_count() > 0);
        self.0.push(Arc::downgrade(&watched));
        Ok(LineWatch(watched))
    }

    pub(super) fn tell(&self, change: LineChange) {
        for watch in self.0.iter().filter_map(Weak::upgrade) {
            let mut waiting = lock(&watch.waiting);
            if waiting.len() == MAX_WAITING_EDGES {
                waiting.pop_front();
            }
            waiting.push_back(change);
            drop(waiting);
            // It fails only when 2^64 - 2 edges wait, and is readable then.
            let _ = watch.ready.write(1);
        }
    }
}
