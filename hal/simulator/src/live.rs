//! The thread that lets things happen in a printer with a live clock.

use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;
use std::time::Duration;

use crate::clock::SimClock;
use crate::lock::lock;
use crate::world::World;

/// The longest sleep when nothing is to happen.
const NAP: Duration = Duration::from_secs(3600);

/// Wakes the thread when there is something new to happen, or the printer has gone.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    wakes: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *lock(&self.rung) = true;
        self.wakes.notify_all();
    }

    fn wait(&self, limit: Duration) {
        let rung = lock(&self.rung);
        let waited = self.wakes.wait_timeout_while(rung, limit, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *rung = false;
    }
}

/// What the handles of one printer share with the thread.
pub(crate) struct Shared {
    pub(crate) clock: SimClock,
    pub(crate) world: Mutex<World>,
    /// A command was done: what hangs may go on.
    pub(crate) done: Condvar,
    pub(crate) bell: Arc<Bell>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.bell.ring();
    }
}

/// Starts the thread; it ends when the last handle of the printer does.
pub(crate) fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let (weak, bell) = (Arc::downgrade(shared), Arc::clone(&shared.bell));
    thread::Builder::new().name("simulator".into()).spawn(move || run(&weak, &bell))?;
    Ok(())
}

fn run(shared: &Weak<Shared>, bell: &Bell) {
    while let Some(shared) = shared.upgrade() {
        let next = {
            let mut world = lock(&shared.world);
            world.settle();
            world.next_event()
        };
        // A step of a scenario may have mended what hangs.
        shared.done.notify_all();
        let pause = next
            .map_or(NAP, |next| shared.clock.to_bus(next).saturating_sub(shared.clock.bus_time()).min(NAP));
        drop(shared);
        bell.wait(pause);
    }
}
