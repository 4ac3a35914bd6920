//! What such clients say of themselves, and the older hashes of files that they check.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::super::engine::values;
use super::super::programs::key_of;
use super::super::records::time;
use super::super::statements::ddi as statements;
use super::super::writer::WriteContext;
use super::super::{Store, StoreError, from_json, to_json};

/// Older hashes of a file, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// SHA-1.
    pub sha1: String,
    /// MD5.
    pub md5: String,
}

impl Store {
    /// What a device's client says of itself, and since when.
    pub async fn ddi_attributes(
        &self,
        device: DeviceId,
    ) -> Result<Option<(BTreeMap<String, String>, Timestamp)>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let found: Option<(String, Timestamp)> =
                    connection.one(statements::ATTRIBUTES, values![device.as_str()], |row| {
                        Ok((row.get(0)?, time(row, 1)?))
                    })?;
                found.map(|(text, at)| Ok((from_json("attributes of a device", &text)?, at))).transpose()
            })
            .await
    }

    /// Keeps it.
    pub async fn set_ddi_attributes(
        &self,
        device: DeviceId,
        attributes: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Some(key) = key_of(connection, &device)? else { return Ok(()) };
            let text = to_json("attributes of a device", &attributes)?;
            connection.execute(statements::SET_ATTRIBUTES, values![key, text, now.as_millisecond()]).map(drop)
        };
        self.writer.write(act).await
    }

    /// The older hashes of a file, if they are known.
    pub async fn program_digests(&self, sha256: String) -> Result<Option<Digests>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.one(statements::DIGESTS, values![sha256], |row| {
                    Ok(Digests { sha1: row.get(0)?, md5: row.get(1)? })
                })
            })
            .await
    }

    /// Keeps them.
    pub async fn keep_program_digests(&self, sha256: String, digests: Digests) -> Result<(), StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            let row = values![sha256, digests.sha1, digests.md5];
            context.connection.execute(statements::KEEP_DIGESTS, row).map(drop)
        };
        self.writer.write(act).await
    }
}
