//! Brings a database to this version. Each migration is one file for each engine that is never edited once released,
//! runs in a transaction of its own, and is recorded in `migrations`. PostgreSQL's begin with the tables as SQLite's
//! twelfth left them.

use std::time::{Duration, Instant};

use super::engine::{Connection, values};
use super::{StoreError, statements};

/// One step of the tables.
struct Migration {
    /// What the tables are after it.
    version: u32,
    name: &'static str,
    sqlite: &'static str,
    /// None for those before PostgreSQL was there.
    postgres: Option<&'static str>,
}

/// A step of SQLite's alone.
macro_rules! of_sqlite {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("migrations/sqlite/", $name, ".sql")),
            postgres: None,
        }
    };
}

/// A step of both.
macro_rules! of_both {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("migrations/sqlite/", $name, ".sql")),
            postgres: Some(include_str!(concat!("migrations/postgresql/", $name, ".sql"))),
        }
    };
}

/// In order.
const MIGRATIONS: &[Migration] = &[
    of_sqlite!(1, "0001_first"),
    of_sqlite!(2, "0002_whole_printer"),
    of_sqlite!(3, "0003_watches"),
    of_sqlite!(4, "0004_losses"),
    of_sqlite!(5, "0005_identities"),
    of_sqlite!(6, "0006_dates"),
    of_sqlite!(7, "0007_clones"),
    of_sqlite!(8, "0008_call_names"),
    of_sqlite!(9, "0009_replacement_moments"),
    of_sqlite!(10, "0010_dead_columns"),
    of_sqlite!(11, "0011_duplicates"),
    of_both!(12, "0012_superseded"),
    of_both!(13, "0013_fleet"),
    of_both!(14, "0014_history"),
    of_both!(15, "0015_devices"),
    of_both!(16, "0016_restored"),
    of_both!(17, "0017_replicas"),
    of_both!(18, "0018_programs"),
    of_both!(19, "0019_rollouts"),
    of_both!(20, "0020_ddi"),
    of_both!(21, "0021_people"),
    of_both!(22, "0022_telling"),
    of_both!(23, "0023_now"),
    of_both!(24, "0024_meters"),
    of_both!(25, "0025_credentials"),
    of_both!(26, "0026_audit"),
    of_both!(27, "0027_prints"),
    of_both!(28, "0028_views"),
    of_both!(29, "0029_orders"),
    of_both!(30, "0030_calls"),
    of_both!(31, "0031_answers"),
    of_both!(32, "0032_second_factors"),
    of_both!(33, "0033_openid"),
];

/// In PostgreSQL each manager that uses the tables holds this lock together with the others, and one that changes them holds
/// it alone: so no manager meets tables that it does not know, whatever is installed where. A session that ends gives
/// it back.
const HOLD: &str = "SELECT pg_try_advisory_lock_shared(7210417211514)";
const HOLD_ALONE: &str = "SELECT pg_try_advisory_lock(7210417211514)";
const RELEASE_ALONE: &str = "SELECT pg_advisory_unlock(7210417211514)";
/// How long others are waited for, who may be about to end, and how often it is looked.
const OTHERS_WAIT: Duration = Duration::from_secs(5);
const OTHERS_LOOK: Duration = Duration::from_millis(50);

/// The newest version that is known.
pub(super) fn known() -> u32 {
    MIGRATIONS.last().map_or(0, |last| last.version)
}

/// The version of the tables; 0 where there are none.
fn version(connection: &Connection) -> Result<u32, StoreError> {
    if !connection
        .exists(connection.text(statements::HAS_MIGRATIONS, statements::HAS_MIGRATIONS_POSTGRES), &[])?
    {
        return Ok(0);
    }
    let found = connection.row(statements::VERSION, &[], |row| row.get::<u32>(0))?;
    let known = known();
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(found) }
}

/// Runs what has not been run yet. With PostgreSQL the tables then stay as they are while this connection is there.
pub(super) fn migrate(connection: &Connection) -> Result<(), StoreError> {
    if let Connection::Sqlite(_) = connection {
        return run(connection);
    }
    // Who holds the tables may be about to end, or may be bringing them to this version.
    let ready = within(OTHERS_WAIT, || {
        if version(connection)? == known() {
            return Ok(true);
        }
        if !connection.row(HOLD_ALONE, &[], |row| row.get(0))? {
            return Ok(false);
        }
        let ran = run(connection);
        // Others that begin meanwhile are not kept waiting for the end of this session.
        let released = connection.one(RELEASE_ALONE, &[], |_| Ok(()));
        ran?;
        released?;
        Ok(true)
    })?;
    if !ready {
        return Err(StoreError::InUse { found: version(connection)?, known: known() });
    }
    hold(connection)
}

/// Makes sure that nobody changes the tables while this connection is there, and that they are those of this version. With
/// SQLite there is nothing to hold.
pub(super) fn hold(connection: &Connection) -> Result<(), StoreError> {
    if let Connection::Sqlite(_) = connection {
        return Ok(());
    }
    if !within(OTHERS_WAIT, || connection.row(HOLD, &[], |row| row.get(0)))? {
        return Err(StoreError::BeingMigrated);
    }
    let (found, known) = (version(connection)?, known());
    // Somebody has put an old backup in its place: this is done at the next start.
    if found < known { Err(StoreError::InUse { found, known }) } else { Ok(()) }
}

/// Brings the tables of PostgreSQL to this version, and keeps everybody else from using them for as long as this
/// connection is there.
pub(super) fn alone(connection: &Connection) -> Result<(), StoreError> {
    if !within(OTHERS_WAIT, || connection.row(HOLD_ALONE, &[], |row| row.get(0)))? {
        return Err(StoreError::InUse { found: version(connection)?, known: known() });
    }
    run(connection)
}

/// Tries something until it succeeds, for some time.
fn within(wait: Duration, mut try_it: impl FnMut() -> Result<bool, StoreError>) -> Result<bool, StoreError> {
    let begin = Instant::now();
    loop {
        if try_it()? {
            return Ok(true);
        }
        if begin.elapsed() >= wait {
            return Ok(false);
        }
        std::thread::sleep(OTHERS_LOOK);
    }
}

/// Each step in a transaction of its own: one that is interrupted has not been made.
fn run(connection: &Connection) -> Result<(), StoreError> {
    loop {
        let done = connection.write(|connection| {
            connection.batch(statements::CREATE_MIGRATIONS)?;
            let found = version(connection)?;
            let next = MIGRATIONS
                .iter()
                .find(|migration| migration.version > found && migration.text(connection).is_some());
            let Some(next) = next else { return Ok(true) };
            connection.batch(next.text(connection).unwrap_or_default())?;
            let now = crate::clock::now().as_millisecond();
            connection.execute(statements::RECORD_MIGRATION, values![next.version, next.name, now])?;
            if let Connection::Sqlite(_) = connection {
                // By this, managers of before refuse what is newer than they are.
                connection.batch(&format!("PRAGMA user_version = {}", next.version))?;
            }
            Ok(false)
        })?;
        if done {
            return Ok(());
        }
    }
}

impl Migration {
    fn text(&self, connection: &Connection) -> Option<&'static str> {
        match connection {
            Connection::Sqlite(_) => Some(self.sqlite),
            Connection::Postgres(_) => self.postgres,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_memory() -> Connection {
        Connection::Sqlite(rusqlite::Connection::open_in_memory().unwrap())
    }

    fn count(connection: &Connection, statement: &str) -> i64 {
        connection.row(statement, &[], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let connection = in_memory();
        migrate(&connection).unwrap();
        migrate(&connection).unwrap();
        assert_eq!(
            usize::try_from(count(&connection, "SELECT count(*) FROM migrations")).unwrap(),
            MIGRATIONS.len()
        );
    }

    #[test]
    fn a_database_of_the_first_version_keeps_what_it_holds() {
        let connection = in_memory();
        connection.batch(statements::CREATE_MIGRATIONS).unwrap();
        connection.batch(MIGRATIONS[0].sqlite).unwrap();
        connection.execute(statements::RECORD_MIGRATION, values![1, "0001_first", 0]).unwrap();
        connection
            .batch(
                "INSERT INTO devices (key, id, certificate_serial, certificate_expires, enrolled) VALUES (1, 'lobby', '40', 0, 0);
                 INSERT INTO epochs (key, device, epoch, acknowledged, begun) VALUES (1, 1, 'e', 1, 0);
                 INSERT INTO reports (key, device, epoch, sequence, kind, received, body) VALUES (7, 1, 1, 1, 'readings', 0, '{}');
                 INSERT INTO latest (device, report) VALUES (1, 7);
                 INSERT INTO gaps (device, epoch, first, last, recorded) VALUES (1, 1, 4, 6, 0);",
            )
            .unwrap();
        migrate(&connection).unwrap();
        let row: (i64, Option<i64>) = connection
            .row("SELECT report, activity FROM latest", &[], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (7, None));
        let gap: (i64, i64, String, String) = connection
            .row("SELECT first, last, reason, kinds FROM gaps", &[], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap();
        assert_eq!(gap, (4, 6, "other".to_owned(), "{}".to_owned()));
        assert_eq!(count(&connection, "SELECT count(*) FROM orders"), 0);
    }

    #[test]
    fn a_database_of_a_newer_manager_is_left_alone() {
        let connection = in_memory();
        connection.batch(statements::CREATE_MIGRATIONS).unwrap();
        connection.execute(statements::RECORD_MIGRATION, values![99, "0099_later", 0]).unwrap();
        assert!(matches!(migrate(&connection), Err(StoreError::TooNew { found: 99, .. })));
    }

    #[test]
    fn versions_rise_as_their_names_say() {
        assert!(MIGRATIONS.windows(2).all(|two| two[0].version < two[1].version));
        let is_named = |one: &Migration| one.name.starts_with(&format!("{:04}_", one.version));
        assert!(MIGRATIONS.iter().all(is_named));
    }

    #[test]
    fn released_migrations_are_not_edited() {
        let fingerprint = |text: &str| crate::secret::fingerprint(text.as_bytes());
        let of_sqlite: Vec<String> = MIGRATIONS.iter().map(|one| fingerprint(one.sqlite)).collect();
        assert_eq!(
            of_sqlite,
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
                "e653908e46b15534d922a9bdc389962ba7af665dc0622e67a24823c389e5bdf3",
                "cf61c3c8ef7748d15c6a3f816822f2ef0eb8fa792ff633f68c1ab46c145541f2",
                "5df566bf7250ce4d3fec2cb2f3c0af5414b6ea9be29f861d578776257afd69c6",
                "4e3b228955b91356983b06c86e5420f3721fd6b32f3fcae2729feb51c2ae6bee",
                "0bf05d2aaee55c174a9dcbe574ba8ab5e1d3405339e01cb513516c6cdd1af58e",
                "d9aede0553bd920e6b0a38517e95d22c84b80ac81ec5ca1d1b4dd2278bfaf96a",
                "895df150d9724149468c23622887a9239293db79aee61c6f9bfa3639ed3d45aa",
                "5c1ee5492e29343cc1b8b703930e3c2bb7ff7ce098fed286d444d60087339dd6",
                "62e526510e15e30bbfdf325920bb5408225704b16e226bf293c259a16bf6fdee",
                "bbc8635342008761eae764f9d506e93bbaec0859cc2641b581d272622362836b",
                "7a1b74b378c975157c95a592ef147bfdadc840b7f20f21669c41bca27da492bf",
                "bbe4ed97805e6e571bee7d8ef2349b64cd9cbfbf938d48efe6e412d7fcbb9328",
                "094df24a3e9ef9fc6612f3c88a0dbb5f342610bd868d957db42b6b52f33d028b",
                "be48ef40308d633e75ea77384cd4874a1f5b4e54f19e3c6599aee74730cfb79b",
                "3423d1254e7f333f8c9dddd1768c96ed28fb3ca270ef89c923c1974bde2f7291",
                "1b09469f4e7c215f2aedb9cc73657a2d5173b417e1d1e7e37d8c7b8120fc8128",
                "9ae58d6181d14ea970109ff6fd00e52fce324f4ce35e21bebdbfff64690ef098",
                "f2ca9dba40ac01da4c9e8c262e36650f246ca5fa44e674b209b5ecafed76597d",
                "54edad43cc70722c19e9c3bcc777e2f811653bc461b3a7d12068f4472d0b1df2",
                "22f8786818eb84864d4fc7733d60a571c1ce515b5592a4d39d5af8eef65f9e49",
                "051fda480fa15fe3d7811ba3b585035c6c4940b8caf184b1fa33a4f5c028b71b",
            ]
        );
        let of_postgres: Vec<String> =
            MIGRATIONS.iter().filter_map(|one| one.postgres.map(fingerprint)).collect();
        assert_eq!(
            of_postgres,
            [
                "5ecdde1590240853e5bc47c66029c4c4978219b1468fcd93f5a2f2fd780585c5",
                "3c90b599da41247e291befd774b2ab2e240ba4caf6303247f7a2e20428fab164",
                "ad2072a48f94ca4110d752274c99542fcee671d9ec399ec95157803442dca2fa",
                "b6d38661513bdef7e9aafa5377f42ee880a3c9b30290005fd873e3f391cb95fa",
                "2443700e358f687ab790a81ed26112ca9eaeeb4192587e25ef2aec9c90e07505",
                "14ab3dd416433c29eee6ab39704738ae8b21741129e6709abf03ac4cae655f1e",
                "4acf57a15fd57d7ab222e3c11115546361853499966139d8b536958595cb9eff",
                "c7c3baa2fda72bed853ef89ce244b3dae50eb10bef1ad8a0de1af696046e9e72",
                "2d2775e7fc0cda4642e6970e3618f2b1114f961e5c84b7f3b4aa14e3a1b87560",
                "7bcd0fb84d0034c84ce960e08b6af4f8e81d0931a8bc14a8a10f98eb95be0402",
                "88035fd1f1dcfdfbae334c900b021beb2f4b923058ef12b7206b261484852c7f",
                "dbdb7b060522453b39a239feb64451c73612fb0d9cb8c25cd96cab7dc52fee92",
                "b7a9e286f505ea6e0da0e7f56cd9b14e01996c554f9598cd0e0b7ec9ba1be286",
                "09e81c3cdcffd7e2126334295c8af075a860a74a96a3e02ad7c13d4b46052223",
                "05ce1a4211651e227d7618824100ac7212ab04a2813875fbd2ae3abf83ce5573",
                "cb202ba39d60ff779645da2c2434d6391af1c7bd173afe5af793b8f93863eb23",
                "ac06a1c201418b812eab154c046077fdb4b501d42106afeee04a50c458eaa3bd",
                "e33708f36741c40f9338c0acb20da36fab257c58a9c9c9eec9175030ba43a2c7",
                "a4c941be970a9b4d9137d7ffcb4eab8d20eb53efef57f235509dea5c34119d6e",
                "4b89741d7cf90efb52245c4bc48128743a8ca06f7749649fcfb1d12ad7d6e66b",
                "aa7aed1c477299ee134e5c7cd518ca2f0091851e2a381cc5357d8ba87de32949",
                "4920bf87ff896ed99846c6c826e6eea42cddd45fc2971d1fa51d5b39f18d8679",
            ]
        );
    }
}
