//! No modules need each other in a circle, but for a module and what lies below it
//! (`cargo run -p platen-tests --bin circles` prints what is found).

use platen_tests::circles::{Circle, of_workspace};
use platen_tests::rigs::debian::root;

#[test]
fn no_modules_need_each_other_in_a_circle() {
    let found = of_workspace(&root(), &["tests"]).unwrap();
    let told: Vec<_> = found.iter().map(Circle::to_string).collect();
    assert!(found.is_empty(), "{}", told.join("\n"));
}
