//! What there is for devices. A publication is one transaction: the trust metadata and the programs that they name are
//! there together, and a program that they do not name any more is revoked with them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use platen_protocol::identity::{DeviceId, ProgramKind, ProgramName};
use platen_protocol::programs::ProgramVersion;

use super::super::engine::{Connection, values};
use super::super::rollouts::halt_revoked;
use super::super::statements::programs as statements;
use super::super::{Scope, Store, StoreError, conditions::Conditions, from_integer, to_integer, to_json};
use super::records::{ProgramCounts, ProgramRecord};

/// So many targets and snapshots are kept for transfers that have begun, whatever they say about their end.
const METADATA_KEPT: u32 = 32;

/// A file of one role, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFile {
    /// `root`, `targets`, `snapshot` or `timestamp`.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// The file, byte for byte.
    pub body: String,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// A program that the targets name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProgram {
    /// What it is.
    pub name: ProgramName,
    /// Which of it.
    pub version: ProgramVersion,
    /// Who installs it.
    pub kind: ProgramKind,
    /// Models and boards that it is for; none: any.
    pub hardware: Vec<String>,
    /// In bytes.
    pub size: u64,
    /// What a device must have free beside the file, in bytes.
    pub room: u64,
    /// Of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// What is published at once. All of it has been verified.
#[derive(Debug, Clone, Default)]
pub struct Publication {
    /// Files of roles; those that are known already are no news.
    pub metadata: Vec<MetadataFile>,
    /// All programs that the targets name.
    pub programs: Vec<NewProgram>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Programs that are new, or given again, by name and version.
    pub added: Vec<(String, String)>,
    /// Programs that are not named any more.
    pub revoked: Vec<(String, String)>,
    /// Devices to which one of these was offered.
    pub taken_back: BTreeSet<DeviceId>,
}

/// Why nothing is published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefusal {
    /// Somebody else published the same version of a role meanwhile.
    #[error("{role} {version} was published before, and says something else: sign it with the next version")]
    OtherContent {
        /// Which role.
        role: String,
        /// Which version.
        version: u64,
    },
    /// The same name and version once had other bytes, and devices may have them.
    #[error("{name} {version} was published before with other bytes: give it another version")]
    OtherBytes {
        /// Which program.
        name: String,
        /// Of which version.
        version: String,
    },
}

impl Store {
    /// All trust metadata that are kept, by role and version.
    pub async fn program_metadata(&self) -> Result<Vec<MetadataFile>, StoreError> {
        self.readers.clone().read(metadata).await
    }

    /// The number of the last change of programs or their metadata.
    pub async fn program_changes(&self) -> Result<i64, StoreError> {
        self.readers.clone().read(changes).await
    }

    /// All of what devices are given: the number of the last change, the metadata and the programs.
    pub async fn given_programs(&self) -> Result<(i64, Vec<MetadataFile>, Vec<ProgramRecord>), StoreError> {
        self.readers
            .clone()
            .read(|connection| {
                let programs =
                    connection.all(statements::GIVEN_PROGRAMS, values![], ProgramRecord::from_row)?;
                Ok((changes(connection)?, metadata(connection)?, programs))
            })
            .await
    }

    /// Programs, the newest first, those below `before`.
    pub async fn programs(&self, before: Option<i64>, limit: u32) -> Result<Vec<ProgramRecord>, StoreError> {
        let before = before.unwrap_or(i64::MAX);
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::PROGRAMS, values![before, limit], ProgramRecord::from_row)
            })
            .await
    }

    /// One program.
    pub async fn program(&self, name: String, version: String) -> Result<Option<ProgramRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.one(statements::PROGRAM, values![name, version], ProgramRecord::from_row)
            })
            .await
    }

    /// How some programs stand at the devices of a scope, in their order.
    pub async fn program_counts(
        &self,
        scope: &Scope,
        programs: Vec<ProgramRecord>,
    ) -> Result<Vec<(ProgramRecord, ProgramCounts)>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let keys: Vec<i64> = programs.iter().map(|program| program.key).collect();
                let mut listed = Conditions::new(&[]);
                listed.and_of("p.key", &keys);
                let mut conditions = Conditions::new(listed.values());
                conditions.and_within(&scope, "d");
                let statement = statements::counts_of(listed.text(), conditions.text());
                let counted = connection.all(&statement, conditions.values(), |row| {
                    let count = |at| row.get(at).map(from_integer);
                    let counts = ProgramCounts {
                        running: count(1)?,
                        offered: count(2)?,
                        trying: count(3)?,
                        kept: count(4)?,
                        rolled_back: count(5)?,
                        failed: count(6)?,
                        refused: count(7)?,
                    };
                    Ok((row.get::<i64>(0)?, counts))
                })?;
                let counted: BTreeMap<i64, ProgramCounts> = counted.into_iter().collect();
                let with = |program: ProgramRecord| {
                    let counts = counted.get(&program.key).copied().unwrap_or_default();
                    (program, counts)
                };
                Ok(programs.into_iter().map(with).collect())
            })
            .await
    }

    /// Publishes. Programs that are not named any more are revoked, and taken back where they are offered.
    pub async fn publish(
        &self,
        publication: Publication,
        by: String,
        now: Timestamp,
    ) -> Result<Result<Published, PublishRefusal>, StoreError> {
        let on_offer = std::sync::Arc::clone(&self.on_offer);
        let act = move |context: &mut super::super::writer::WriteContext<'_>| {
            let connection = context.connection;
            // Nobody else publishes until this is committed.
            connection.execute(statements::COUNT_CHANGE, values![])?;
            if let Some(refusal) = refused(connection, &publication)? {
                connection.execute(statements::UNCOUNT_CHANGE, values![])?;
                return Ok(Err(refusal));
            }
            for file in &publication.metadata {
                keep_metadata(connection, file)?;
            }
            for role in ["targets", "snapshot"] {
                connection.execute(statements::FORGET_OLD_METADATA, values![role, METADATA_KEPT])?;
            }
            keep_programs(connection, &publication.programs, &by, now).map(Ok)
        };
        let then = move |published: &Result<Published, PublishRefusal>| {
            let taken_back = published.iter().flat_map(|published| &published.taken_back);
            taken_back.for_each(|device| on_offer.changed(device));
        };
        self.writer.write_then(act, then).await
    }

    /// Keeps newer metadata of this manager's own: a timestamp first, and what goes with it. Says whether it is news; where
    /// others have made a timestamp of the same version, theirs stays, and nothing of this is kept.
    pub async fn renew_metadata(&self, files: Vec<MetadataFile>, now: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                for (at, file) in files.iter().enumerate() {
                    if !keep_metadata(connection, file)? && at == 0 {
                        return Ok(false);
                    }
                }
                connection.execute(statements::FORGET_METADATA, values![now.as_millisecond()])?;
                connection.execute(statements::COUNT_CHANGE, values![])?;
                Ok(true)
            })
            .await
    }
}

fn changes(connection: &Connection) -> Result<i64, StoreError> {
    connection.row(statements::CHANGES, values![], |row| row.get(0))
}

fn metadata(connection: &Connection) -> Result<Vec<MetadataFile>, StoreError> {
    connection.all(statements::METADATA, values![], |row| {
        Ok(MetadataFile {
            role: row.get(0)?,
            version: from_integer(row.get(1)?),
            body: row.get(2)?,
            expires: super::super::to_time(row.get(3)?)?,
        })
    })
}

fn keep_metadata(connection: &Connection, file: &MetadataFile) -> Result<bool, StoreError> {
    let expires = file.expires.as_millisecond();
    let version = to_integer(file.version);
    let kept = values![file.role, version, file.body, expires];
    Ok(connection.execute(statements::KEEP_METADATA, kept)? == 1)
}

fn refused(connection: &Connection, publication: &Publication) -> Result<Option<PublishRefusal>, StoreError> {
    for MetadataFile { role, version, body, .. } in &publication.metadata {
        let kept: Option<String> =
            connection
                .one(statements::METADATA_BODY, values![role, to_integer(*version)], |row| row.get(0))?;
        if kept.is_some_and(|kept| kept != *body) {
            return Ok(Some(PublishRefusal::OtherContent { role: role.clone(), version: *version }));
        }
    }
    for program in &publication.programs {
        let (name, version) = (program.name.as_str(), program.version.as_str());
        let known = connection.one(statements::PROGRAM, values![name, version], ProgramRecord::from_row)?;
        if known.is_some_and(|known| known.sha256 != program.sha256) {
            let (name, version) = (name.to_owned(), version.to_owned());
            return Ok(Some(PublishRefusal::OtherBytes { name, version }));
        }
    }
    Ok(None)
}

fn keep_programs(
    connection: &Connection,
    programs: &[NewProgram],
    by: &str,
    now: Timestamp,
) -> Result<Published, StoreError> {
    let mut published = Published::default();
    let at = now.as_millisecond();
    let given = connection.all(statements::GIVEN_PROGRAMS, values![], ProgramRecord::from_row)?;
    for program in programs {
        let (name, version) = (program.name.as_str(), program.version.as_str());
        let is = |known: &&ProgramRecord| known.name == program.name && known.version == program.version;
        let is_same = |known: &ProgramRecord| {
            (&known.kind, &known.hardware, known.room) == (&program.kind, &program.hardware, program.room)
        };
        let known = given.iter().find(is);
        if known.is_some_and(is_same) {
            continue;
        }
        let hardware = to_json("hardware of a program", &program.hardware)?;
        let (size, room) = (to_integer(program.size), to_integer(program.room));
        connection.execute(
            statements::KEEP_PROGRAM,
            values![name, version, program.kind.as_str(), hardware, size, room, program.sha256, at, by],
        )?;
        if known.is_none() {
            published.added.push((name.to_owned(), version.to_owned()));
        }
    }
    let named: BTreeSet<_> = programs.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
    for gone in given.iter().filter(|known| !named.contains(&(known.name.as_str(), known.version.as_str()))) {
        connection.execute(statements::REVOKE_PROGRAM, values![gone.key, at, by])?;
        connection.each(statements::END_OFFERS, values![gone.key], |row| {
            published.taken_back.extend(row.get::<String>(0)?.parse::<DeviceId>().ok());
            Ok(())
        })?;
        let why = format!("{by} revoked {} {}", gone.name, gone.version);
        halt_revoked(connection, gone.key, &why, now)?;
        published.revoked.push((gone.name.to_string(), gone.version.to_string()));
    }
    Ok(published)
}
