//! An authenticator app, as people have one on their telephone.

use totp_rs::{Builder, Secret, Totp};

use super::task::now;

/// The app, with one secret.
pub struct App(Totp);

impl App {
    /// With the secret that a page shows, in Base32.
    pub fn new(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).unwrap();
        Self(Builder::new().with_secret(secret).build().unwrap())
    }

    /// The code so many steps from now.
    pub fn code(&self, steps: i64) -> String {
        let seconds = now().as_second() + 30 * steps;
        self.0.generate(u64::try_from(seconds).unwrap()).to_string()
    }
}
