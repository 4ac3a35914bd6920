//! Managers of several versions on one database, and a first start or a new version that is cut off at any step.

use futures_util::future::join_all;
use platen_manager::store::{StoreError, TroubleCause};
use platen_tests::rigs::postgres::{Cluster, ROLE};

use super::{device, hand_in, let_in, open, try_open, until_trouble};

/// The lock that managers hold together while they use the tables.
const LOCK: &str = "7210417211514";
/// Statements that change tables, of all migrations together: far fewer than that.
const MOST_STEPS: u32 = 2_000;
/// Every second one is cut off: a table and its indexes are several.
const EVERY: usize = 2;

#[tokio::test]
async fn many_that_begin_at_once_on_an_empty_database_all_work() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let opening = (0..5).map(|_| try_open(&cluster, cluster.config(&database)));
    let stores: Vec<_> = join_all(opening).await.into_iter().map(Result::unwrap).collect();
    let_in(&stores[0], &device()).await;
    hand_in(&stores[4], 1).await;
}

#[tokio::test]
async fn a_database_of_a_newer_manager_is_refused_and_left_alone() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    open(&cluster, &database).await.close().await;
    cluster.administer_in(&database, "INSERT INTO migrations VALUES (9999, '9999_later', 0)");
    let Err(error) = try_open(&cluster, cluster.config(&database)).await else { panic!("it was opened") };
    assert!(matches!(error, StoreError::TooNew { found: 9999, .. }), "{error}");
}

#[tokio::test]
async fn a_newer_manager_waits_for_those_that_use_the_tables() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let old = open(&cluster, &database).await;
    // The tables are those of the version before, as far as the new one can tell.
    cluster.administer_in(
        &database,
        "DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)",
    );
    let Err(error) = try_open(&cluster, cluster.config(&database)).await else { panic!("it was opened") };
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let_in(&old, &device()).await;
    hand_in(&old, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_manager_that_comes_back_to_changed_tables_stores_nothing_and_says_why() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let old = open(&cluster, &database).await;
    let_in(&old, &device()).await;
    hand_in(&old, 1).await;
    cluster.stop();
    cluster.start_again();
    // The new one was quicker.
    cluster.administer_in(&database, "INSERT INTO migrations VALUES (9999, '9999_later', 0)");
    until_trouble(&old, Some(TroubleCause::OtherVersion)).await;
    let words = old.health().trouble().unwrap().cause.words();
    assert!(words.contains("same version"), "{words}");
    cluster.administer_in(&database, "DELETE FROM migrations WHERE version = 9999");
    until_trouble(&old, None).await;
    hand_in(&old, 2).await;
}

#[tokio::test]
async fn a_lock_that_another_program_holds_is_named_and_not_waited_for_without_end() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    open(&cluster, &database).await.close().await;
    let mut psql = cluster.psql(&database);
    psql.args(["-c", &format!("SELECT pg_advisory_lock({LOCK}), pg_sleep(600)")]);
    let mut holds = psql.stdout(std::process::Stdio::null()).spawn().unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND NOT pid = pg_backend_pid() AND mode = 'ExclusiveLock'";
    platen_tests::rigs::process::until("the lock is held", || {
        (cluster.administer(held).trim() != "0").then_some(())
    });
    let Err(error) = try_open(&cluster, cluster.config(&database)).await else { panic!("it was opened") };
    assert!(matches!(error, StoreError::BeingMigrated), "{error}");
    holds.kill().unwrap();
    holds.wait().unwrap();
    cluster.cut_connections(&database);
    drop(open(&cluster, &database).await);
}

/// Has the session that changes tables die at the statement of this number.
fn dies_at(cluster: &Cluster, database: &str, statement: u32) {
    cluster.administer_in(
        database,
        &format!(
            "DROP EVENT TRIGGER IF EXISTS dies; DROP SEQUENCE IF EXISTS steps; CREATE SEQUENCE steps; GRANT ALL ON SEQUENCE steps TO {ROLE};
             CREATE OR REPLACE FUNCTION die() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF current_user = '{ROLE}' AND nextval('steps') = {statement} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
             END $$;
             CREATE EVENT TRIGGER dies ON ddl_command_start EXECUTE FUNCTION die();"
        ),
    );
}

#[tokio::test]
async fn a_migration_that_is_cut_off_at_any_statement_has_not_been_made_and_is_made_at_the_next_start() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let state = "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('migrations')), \
        to_regclass('migrations') IS NOT NULL";
    let whole = {
        let other = cluster.database();
        open(&cluster, &other).await.close().await;
        tables(&cluster, &other)
    };
    let mut cut = 0;
    for statement in (1..MOST_STEPS).step_by(EVERY) {
        dies_at(&cluster, &database, statement);
        let opened = try_open(&cluster, cluster.config(&database)).await;
        cluster.administer_in(&database, "DROP EVENT TRIGGER dies");
        if let Ok(store) = opened {
            let_in(&store, &device()).await;
            hand_in(&store, 1).await;
            break;
        }
        cut += 1;
        let found = cluster.administer_in(&database, state);
        let (tables, recorded) = found.trim().split_once('|').unwrap();
        // Each version is there as a whole: its tables are there if, and only if, it is recorded.
        let version = if recorded == "t" {
            cluster
                .administer_in(&database, "SELECT coalesce(max(version), 0) FROM migrations")
                .trim()
                .to_owned()
        } else {
            "0".to_owned()
        };
        assert_eq!(tables == "0", version == "0", "cut at {statement}: {tables} tables, version {version}");
    }
    println!("cut at {cut} statements");
    assert!(cut > 20, "{cut}");
    assert_eq!(tables(&cluster, &database), whole, "the same tables as without being cut off");
}

/// All columns and indexes, as text.
fn tables(cluster: &Cluster, database: &str) -> String {
    cluster.administer_in(
        database,
        "SELECT table_name, column_name, data_type, is_nullable, column_default IS NULL FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name <> 'steps' ORDER BY 1, 2; \
         SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;",
    )
}
