//! What the attributes refuse, and that each error says what to do. `TRYBUILD=overwrite` renews the texts.

#[test]
fn what_is_refused_says_what_to_do() {
    let cases = trybuild::TestCases::new();
    // With a case that passes, `cargo build` is used, which some of the errors need.
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
