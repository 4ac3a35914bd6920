use super::*;

/// The circles of a crate of these files, each as its files' names.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::TempDir::new().unwrap();
    for (name, text) in files {
        let file = folder.path().join("src").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let found = of_crate(&folder.path().join("src"), folder.path()).unwrap();
    let names =
        |circle: &Circle| circle.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    found.iter().map(|circle| names(circle).join(" ")).collect()
}

const ROOT: (&str, &str) = ("lib.rs", "mod a; mod b; mod c; pub use c::Deep;");
const DEEP: (&str, &str) = ("c.rs", "pub struct Deep; pub use crate::b::B as Elsewhere;");

/// `a` needs `b` by what the text of `b` is needed for, and `b` needs `a` by `text`.
fn with(text: &str) -> Vec<String> {
    circles(&[ROOT, ("a.rs", "use crate::b::B; pub struct A(B); pub fn f() {}"), ("b.rs", text), DEEP])
}

#[test]
fn files_that_need_each_other_by_use_are_a_circle() {
    assert_eq!(with("use super::a::A; pub struct B;"), ["a.rs b.rs"]);
    assert_eq!(with("pub struct B; fn f() { use crate::{a::{self, f}, c}; f() }"), ["a.rs b.rs"]);
    assert_eq!(with("use crate::a::*; pub struct B; fn g() { f() }"), ["a.rs b.rs"]);
}

#[test]
fn a_path_in_the_code_or_in_a_macro_is_a_need_as_well() {
    assert_eq!(with("pub struct B; fn g() { crate::a::f() }"), ["a.rs b.rs"]);
    assert_eq!(with("use crate::a; pub struct B; fn g() { a::f() }"), ["a.rs b.rs"]);
    assert_eq!(with("pub struct B; fn g() { println!(\"{:?}\", [crate::a::f()]) }"), ["a.rs b.rs"]);
    assert_eq!(with("pub struct B; macro_rules! m { () => { $crate::a::f() } }"), ["a.rs b.rs"]);
}

#[test]
fn a_path_in_the_string_of_an_attribute_is_a_need_as_well() {
    for attribute in [
        "#[serde(with = \"crate::a\")]",
        "#[serde(default = \"crate::a::f\")]",
        "#[serde(remote = \"super::a::A\")]",
        "#[serde(from = \"Vec<crate::a::A>\")]",
        "#[schema(value_type = Option<crate::a::A>)]",
    ] {
        assert_eq!(with(&format!("{attribute} pub struct B;")), ["a.rs b.rs"], "{attribute}");
    }
    assert_eq!(with("use crate::a; #[serde(rename = \"a\", tag = \"a\")] pub struct B;"), [""; 0]);
}

#[test]
fn a_re_export_is_followed_to_the_file_that_defines() {
    let through_the_root = [
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::A; pub struct B;"),
    ];
    assert_eq!(circles(&through_the_root), ["a.rs b.rs"]);
    // `Elsewhere` is c's name for something of b: who takes it from there needs b, and not c.
    let renamed = ("a.rs", "use crate::c::Elsewhere; pub struct A(Elsewhere);");
    assert_eq!(circles(&[ROOT, renamed, ("b.rs", "use crate::a::A; pub struct B;"), DEEP]), ["a.rs b.rs"]);
    assert_eq!(circles(&[ROOT, renamed, ("b.rs", "pub struct B;"), DEEP]), [""; 0]);
}

#[test]
fn a_way_through_a_third_file_is_a_circle_too() {
    let third = ("c.rs", "pub struct Deep(crate::a::A);");
    let files =
        [ROOT, ("a.rs", "use crate::b::B; pub struct A(B);"), ("b.rs", "pub struct B(crate::Deep);"), third];
    assert_eq!(circles(&files), ["a.rs b.rs c.rs"]);
}

#[test]
fn a_module_and_what_lies_below_it_make_no_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod below; pub struct A(below::B);"),
        (
            "a/below.rs",
            "use super::A; pub struct B(Box<A>); mod inline { fn f(_: super::B, _: crate::a::A) {} }",
        ),
    ];
    assert_eq!(circles(&files), [""; 0]);
}

#[test]
fn to_its_neighbours_a_module_is_one_with_what_lies_below_it() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod one; pub mod two; use crate::b::B;"),
        ("a/one.rs", ""),
        ("a/two.rs", "pub struct Two;"),
        ("b.rs", "use crate::a::two::Two; pub struct B;"),
    ];
    assert_eq!(circles(&files), ["a.rs b.rs"]);
}

#[test]
fn what_only_tests_need_does_not_count() {
    assert_eq!(with("pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"), [""; 0]);
    assert_eq!(
        with("pub struct B; #[cfg(test)] use crate::a::A; #[cfg(all(test, unix))] fn f(_: crate::a::A) {}"),
        [""; 0]
    );
    assert_eq!(with("pub struct B; #[cfg(not(test))] fn f(_: crate::a::A) {}"), ["a.rs b.rs"]);
}

#[test]
fn other_crates_methods_and_variables_are_no_needs() {
    assert_eq!(with("pub struct B; fn g(a: u8) { std::mem::drop(a); println!(\"{}\", a.f()) }"), [""; 0]);
    assert_eq!(with("pub struct B; fn g(x: ::a::A) -> tokio::a::A { x.a::<u8>() }"), [""; 0]);
}

#[test]
fn a_program_is_a_crate_of_its_own() {
    let files = [
        ("lib.rs", ""),
        ("main.rs", "mod a; mod b;"),
        ("a.rs", "fn f() { crate::b::f() }"),
        ("b.rs", "pub fn f() { crate::a::f() }"),
    ];
    assert_eq!(circles(&files), ["a.rs b.rs"]);
}
