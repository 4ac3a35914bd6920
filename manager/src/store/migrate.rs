//! Brings a database to this version. Each migration is one file that is never edited once released,
//! runs in a transaction of its own, and is recorded in `migrations` beside `user_version`.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{StoreError, statements};

/// In order; the position is the version.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_first", include_str!("migrations/0001_first.sql")),
    ("0002_whole_printer", include_str!("migrations/0002_whole_printer.sql")),
    ("0003_watches", include_str!("migrations/0003_watches.sql")),
    ("0004_losses", include_str!("migrations/0004_losses.sql")),
    ("0005_identities", include_str!("migrations/0005_identities.sql")),
    ("0006_dates", include_str!("migrations/0006_dates.sql")),
    ("0007_clones", include_str!("migrations/0007_clones.sql")),
    ("0008_call_names", include_str!("migrations/0008_call_names.sql")),
    ("0009_replacement_moments", include_str!("migrations/0009_replacement_moments.sql")),
    ("0010_dead_columns", include_str!("migrations/0010_dead_columns.sql")),
    ("0011_duplicates", include_str!("migrations/0011_duplicates.sql")),
    ("0012_superseded", include_str!("migrations/0012_superseded.sql")),
];

/// Runs what has not been run yet.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    transaction.execute_batch(statements::CREATE_MIGRATIONS)?;
    for ((name, sql), version) in MIGRATIONS.iter().zip(1_u32..).skip(found as usize) {
        transaction.execute_batch(sql)?;
        transaction.execute(
            statements::RECORD_MIGRATION,
            params![version, name, crate::clock::now().as_millisecond()],
        )?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let count: u32 =
            connection.query_row("SELECT count(*) FROM migrations", [], |row| row.get(0)).unwrap();
        assert_eq!(count as usize, MIGRATIONS.len());
    }

    #[test]
    fn a_database_of_the_first_version_keeps_what_it_holds() {
        let mut connection = Connection::open_in_memory().unwrap();
        let (_, first) = MIGRATIONS[0];
        connection.execute_batch(statements::CREATE_MIGRATIONS).unwrap();
        connection.execute_batch(first).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO devices (key, id, certificate_serial, certificate_expires, enrolled) VALUES (1, 'lobby', '40', 0, 0);
                 INSERT INTO epochs (key, device, epoch, acknowledged, begun) VALUES (1, 1, 'e', 1, 0);
                 INSERT INTO reports (key, device, epoch, sequence, kind, received, body) VALUES (7, 1, 1, 1, 'readings', 0, '{}');
                 INSERT INTO latest (device, report) VALUES (1, 7);
                 INSERT INTO gaps (device, epoch, first, last, recorded) VALUES (1, 1, 4, 6, 0);",
            )
            .unwrap();
        migrate(&mut connection).unwrap();
        let row: (i64, Option<i64>) = connection
            .query_row("SELECT report, activity FROM latest", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (7, None));
        let gap: (i64, i64, String, String) = connection
            .query_row("SELECT first, last, reason, kinds FROM gaps", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap();
        assert_eq!(gap, (4, 6, "other".to_owned(), "{}".to_owned()));
        let orders: u32 = connection.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap();
        assert_eq!(orders, 0);
    }

    #[test]
    fn a_database_of_a_newer_manager_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut connection), Err(StoreError::TooNew { found: 99, .. })));
    }

    #[test]
    fn released_migrations_are_not_edited() {
        let fingerprints: Vec<String> =
            MIGRATIONS.iter().map(|(_, sql)| crate::secret::fingerprint(sql.as_bytes())).collect();
        assert_eq!(
            fingerprints,
            [
                "6a130d3eebc4f0d46f4e5d89e1aef50814b6382dfe87400665c2b882e4588174",
                "79a70cd57fc667799590cfb4f6807a26970746a1ffdecd0c5c40c110396d3979",
                "963dfaabc4975592d204b56339ed39384e9d31f1459b1ff8710836a72f89e0ab",
                "88cc88d65e3c8d13adb014a087fa4f7a1ae960377d952ebdc087e56d358f959b",
                "5833cdca3a7a6dfe4d749b18c39f5d003c70126579632aa67ddff0a5e9697c9f",
                "f5a7498f44e0c63d8ab2fadb1544cd64e2363195204f0dd3a25c75e85cf6412a",
                "032f125ce40c1d476d670de2353391e1b9aa018cff1d0a2cad932b212036d4fb",
                "b50f9c63488df5f565052a50bbebd537c2a3eea085453fc62f2b90cec8366781",
                "0bfc2ff631c56db5188b2ebe35604e67f44506db3b323eba3ffcb38117f8606c",
                "304e69a1f1653e4b81add78f21b5c8ce4dac6fae135fa0442f76f1381b5ad9ca",
                "314a059adaa9e10b0e571eda12834aff517c52bd3cd56c9916ee1ef50304b9aa",
                "749456af1ea7ab3cee9e097f063401b91f6687101b81ee1ba47ff12ffc440155",
            ]
        );
    }
}
