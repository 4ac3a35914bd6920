//! Lamp and buzzer, as the runtime uses them: the board's thread gives the signals.

use std::sync::{Mutex, PoisonError};

use crate::sample::{BoardHandle, Signal};

/// Tells the person at the device how it stands with what was asked for, and that a program is being installed.
#[derive(Debug)]
pub struct Lamp {
    board: BoardHandle,
    /// What the thread was last told, so that it is not told again and again.
    waiting: Mutex<bool>,
    installing: Mutex<bool>,
}

impl Lamp {
    /// A lamp that is dark.
    pub fn new(board: BoardHandle) -> Self {
        Self { board, waiting: Mutex::new(false), installing: Mutex::new(false) }
    }

    /// Something waits for the manager, or nothing does any more.
    pub fn waiting(&self, waiting: bool) {
        self.switch(&self.waiting, waiting, Signal::Waiting(waiting));
    }

    /// A program is being installed, or none is any more.
    pub fn installing(&self, installing: bool) {
        self.switch(&self.installing, installing, Signal::Installing(installing));
    }

    fn switch(&self, told: &Mutex<bool>, on: bool, signal: Signal) {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == on {
            return;
        }
        match self.board.signal(signal) {
            Ok(()) => *told = on,
            Err(cause) => tracing::warn!("the service lamp was not switched: {cause}"),
        }
    }

    /// A press of a button was taken.
    pub fn taken(&self) {
        self.signal(Signal::Taken);
    }

    /// A press wanted what is asked for already.
    pub fn already(&self) {
        self.signal(Signal::Already);
    }

    /// The manager has something that was asked for.
    pub fn acknowledged(&self) {
        self.signal(Signal::Acknowledged);
    }

    fn signal(&self, signal: Signal) {
        if let Err(cause) = self.board.signal(signal) {
            tracing::warn!("lamp and buzzer could not confirm a request: {cause}");
        }
    }
}
