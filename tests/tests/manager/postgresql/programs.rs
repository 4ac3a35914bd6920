//! Programs of managers that share a database: each has a file of its own, which it makes of what the database holds.

use platen_manager::programs::Programs;
use platen_manager::programs::fetch::FetchError;
use platen_manager::programs::online::OnlineKey;
use platen_manager::programs::publish::Brought;
use platen_manager::store::ProgramRecord;
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::postgres::Cluster;
use platen_trust::sign::key::public_from_pem;

use super::{device, let_in, open};
use crate::store::now;

/// A manager's half of programs, with a state directory of its own.
struct Half {
    programs: Programs,
    state: tempfile::TempDir,
}

impl Half {
    async fn new(cluster: &Cluster, database: &str) -> Self {
        let (store, state) = (open(cluster, database).await, tempfile::tempdir().unwrap());
        Self { programs: Programs::new(store, state.path()), state }
    }

    async fn given(&self) -> ProgramRecord {
        self.programs.follow().await.unwrap();
        self.programs.shelf().programs().next().unwrap().record.clone()
    }
}

#[tokio::test]
async fn a_manager_makes_the_file_that_another_one_published() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let (one, two) = (Half::new(&cluster, &database).await, Half::new(&cluster, &database).await);
    one.programs.files().make_folder().unwrap();
    let key = OnlineKey::load_or_make(one.state.path()).unwrap();
    let mut maker = Maker::new(&public_from_pem(&key.public_pem().unwrap()).unwrap(), now());
    // Three pieces, the last of them short.
    let bytes: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    let file = one.state.path().join("engine.bin");
    std::fs::write(&file, &bytes).unwrap();
    let targets = maker.sign(&[Maker::program("engine-firmware", "2.0", &bytes)], &[]);
    let brought = Brought { roots: vec![maker.root.clone()], targets: Some(targets), files: vec![file] };
    one.programs.publish(one.state.path(), &brought, "anna", now()).await.unwrap();
    let given = two.given().await;
    assert!(!two.programs.files().has(&given.sha256));
    let both = [two.programs.have_file(&given), two.programs.have_file(&given)];
    for had in futures_util::future::join_all(both).await {
        had.unwrap();
    }
    assert_eq!(std::fs::read(two.programs.files().path(&given.sha256)).unwrap(), bytes);
    // What was changed in the database is not taken for it.
    two.programs.files().remove(&given.sha256).unwrap();
    cluster.administer_in(&database, "UPDATE program_pieces SET bytes = 'x' WHERE place = 2");
    assert!(matches!(two.programs.have_file(&given).await, Err(FetchError::File(_))));
    assert!(!two.programs.files().has(&given.sha256));
    // A manager that has the file puts it right.
    one.given().await;
    one.programs.share().await.unwrap();
    two.programs.have_file(&given).await.unwrap();
    // Nobody has it.
    two.programs.files().remove(&given.sha256).unwrap();
    cluster.administer_in(&database, "DELETE FROM program_pieces");
    assert!(matches!(two.programs.have_file(&given).await, Err(FetchError::Lost { .. })));
}

#[tokio::test]
async fn what_one_manager_offers_another_one_hears_when_it_looks() {
    let mut cluster = Cluster::start();
    let database = cluster.database();
    let (one, two) = (open(&cluster, &database).await, open(&cluster, &database).await);
    let_in(&one, &device()).await;
    let program = platen_manager::store::NewProgram {
        name: "engine-firmware".parse().unwrap(),
        version: "1.0".parse().unwrap(),
        kind: "engine-firmware".parse().unwrap(),
        hardware: Vec::new(),
        size: 1,
        room: 0,
        sha256: "sum".into(),
    };
    let publication = platen_manager::store::Publication { metadata: Vec::new(), programs: vec![program] };
    one.publish(publication, "anna".into(), now()).await.unwrap().unwrap();
    let named = vec![(device(), "try-1".parse().unwrap())];
    let which = ("engine-firmware".to_owned(), "1.0".to_owned());
    one.offer(&platen_manager::store::Scope::All, which, named, "anna".into(), now()).await.unwrap().unwrap();
    assert_eq!(one.on_offer(&device()).await.unwrap().len(), 1);
    assert!(two.on_offer(&device()).await.unwrap().is_empty(), "nobody has told it yet");
    two.offers_changed(&[device()]);
    assert_eq!(two.on_offer(&device()).await.unwrap().len(), 1);
    two.read_offers().await.unwrap();
    assert_eq!(two.on_offer(&device()).await.unwrap().len(), 1);
}
