//! Older hashes of programs, which update clients that are not ours check: worked out when one first asks, and kept. They
//! protect nothing that the SHA-256 beside them does not.

use std::fs::File;
use std::io::Read as _;

use md5::{Digest as _, Md5};
use platen_protocol::hex;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::Programs;
use super::fetch::FetchError;
use super::files::{FileError, on_a_thread};
use crate::store::{Digests, ProgramRecord};

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

impl Programs {
    /// The older hashes of a program whose file is here. One file is read at a time: the others who ask wait.
    ///
    /// # Errors
    /// When the file cannot be read, or the store failed.
    pub async fn digests(&self, program: &ProgramRecord) -> Result<Digests, FetchError> {
        let sha256 = &program.sha256;
        if let Some(known) = self.store.program_digests(sha256.clone()).await? {
            return Ok(known);
        }
        let _alone = self.digesting.lock().await;
        if let Some(known) = self.store.program_digests(sha256.clone()).await? {
            return Ok(known);
        }
        let path = self.files.path(sha256);
        let digests = on_a_thread(move || {
            let failed = |source| FileError::Io { path: path.clone(), source };
            let mut file = File::open(&path).map_err(failed)?;
            let (mut sha1, mut md5) = (Context::new(&SHA1_FOR_LEGACY_USE_ONLY), Md5::new());
            let mut buffer = vec![0; BUFFER];
            loop {
                let count = file.read(&mut buffer).map_err(failed)?;
                if count == 0 {
                    break;
                }
                let bytes = buffer.get(..count).unwrap_or_default();
                sha1.update(bytes);
                md5.update(bytes);
            }
            Ok(Digests {
                sha1: hex::encode(sha1.finish().as_ref()),
                md5: hex::encode(md5.finalize().as_slice()),
            })
        });
        let digests = digests.await?;
        self.store.keep_program_digests(sha256.clone(), digests.clone()).await?;
        Ok(digests)
    }
}
