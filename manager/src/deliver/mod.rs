//! The ways out: mail ([`mail`]) and signed requests to other systems ([`webhook`]). Neither knows what is told.

mod addresses;
pub(crate) mod authorities;
mod mail;
mod settings;
mod signature;
mod webhook;

use std::sync::Arc;

use crate::telling::message::Message;

pub use addresses::is_public;
pub use mail::{MailSetUp, Mailer, addresses_of};
pub use settings::{Mail, Security, Webhooks};
pub use signature::{new_secret, signature};
pub use webhook::{WebhookUrl, Webhooker};

/// How a try to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// It was taken; with the number of a ticket, if the other system said one.
    Taken(Option<String>),
    /// Not now: it may be tried again.
    Later(String),
    /// Never: it need not be tried again.
    Never(String),
}

/// All ways out.
pub struct Deliver {
    /// Mail: none where no server is configured, or why none can be sent.
    pub mail: Result<Option<Mailer>, String>,
    /// Requests to other systems.
    pub webhooks: Webhooker,
    /// Who sends: the manager's own address, as a URL.
    pub source: Arc<str>,
}

impl Deliver {
    /// By these settings. What keeps mail from being sent is told to whoever wants to send some: it ends no manager.
    pub fn new(mail: Option<&Mail>, webhooks: &Webhooks, source: &str) -> Self {
        let mailer = mail.map(Mailer::new).transpose().map_err(|error| error.to_string());
        if let Err(error) = &mailer {
            tracing::error!(error, "no mail can be sent");
        }
        Self { mail: mailer, webhooks: Webhooker::new(webhooks), source: Arc::from(source) }
    }

    /// Sends a message to addresses with commas between.
    pub async fn by_mail(&self, message: &Message, addresses: &str) -> Delivered {
        match &self.mail {
            Ok(Some(mailer)) => mailer.send(message, addresses, &self.source).await,
            Ok(None) => {
                Delivered::Later("no server for mail is configured: [mail] of manager.toml".to_owned())
            }
            Err(error) => Delivered::Later(error.clone()),
        }
    }
}
