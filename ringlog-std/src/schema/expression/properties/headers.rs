//! Headers in C and C++: compilers take them, and the offsets are those of the schemas.

use std::fmt::Write as _;
use std::process::Command;

use super::schemas::Model;
use crate::dice::Dice;
use crate::schema::{HeaderLanguage, SchemaSet};

const FLAGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];

/// Compiles a header, and these lines after it, as both languages.
fn compile(set: &SchemaSet, after: &str) {
    for (language, compiler, standard, name) in [
        (HeaderLanguage::C, "cc", "-std=c11", "main.c"),
        (HeaderLanguage::Cpp, "c++", "-std=c++17", "main.cpp"),
    ] {
        if Command::new(compiler).arg("--version").output().is_err() {
            eprintln!("skipped: {compiler} is not installed");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let header = set.emit_header(language, "a log ??/ and its \\\nlast segment");
        std::fs::write(folder.path().join("events.h"), &header).unwrap();
        let keyword = if language == HeaderLanguage::C { "_Static_assert" } else { "static_assert" };
        let main = format!(
            "#include \"events.h\"\n#include \"events.h\"\n{}\nint main(void) {{ return RL_TYPES[0] != '{{'; }}\n",
            after.replace("ASSERT", keyword)
        );
        std::fs::write(folder.path().join(name), main).unwrap();
        let output =
            Command::new(compiler).arg(standard).args(FLAGS).arg(name).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{compiler}: {said}\n{header}");
    }
}

#[test]
fn headers_of_random_schemas_have_their_offsets() {
    let mut dice = Dice(7);
    let (mut set, mut after, mut typed) = (SchemaSet::new(), String::new(), 0);
    for number in 0..200 {
        let name: &'static str = format!("type_{number}").leak();
        let model = Model::roll(&mut dice, number, name);
        set.add_type(number, model.json.as_bytes());
        writeln!(after, "ASSERT(sizeof(struct rl_{name}) == {}, \"\");", model.size).unwrap();
        for leaf in model.leaves.iter().filter(|leaf| !leaf.path.contains(['.', '['])) {
            writeln!(
                after,
                "ASSERT(offsetof(struct rl_{name}, {0}) == {1}, \"\");\nASSERT(sizeof(((struct rl_{name} *)0)->{0}) == {2}, \"\");",
                leaf.path,
                leaf.offset,
                leaf.kind.size()
            )
            .unwrap();
            typed += 1;
        }
    }
    assert_eq!(set.unreadable().next(), None);
    assert!(typed > 200, "{typed}");
    compile(&set, &after);
}

#[test]
fn names_labels_and_descriptions_of_all_sorts_compile() {
    let long = format!(r#"{{"type":5,"name":"long","size":8,"fields":[{}]}}"#, {
        let labels: Vec<String> =
            (0..200).map(|value| format!(r#""{value}":"a rather long label {value}""#)).collect();
        format!(r#"{{"name":"x","offset":0,"kind":"u64","labels":{{{}}}}}"#, labels.join(","))
    });
    let json = format!(
        r#"[{{"type":1,"name":"int","size":64,"fields":[
            {{"name":"class","offset":0,"kind":"u8"}},{{"name":"class_","offset":1,"kind":"u8"}},
            {{"name":"__LINE__","offset":2,"kind":"u8"}},{{"name":"INT8_MAX","offset":3,"kind":"i8"}},
            {{"name":"_Bool","offset":4,"kind":"bool"}},{{"name":"unaligned","offset":5,"kind":"f64"}},
            {{"name":"switch","offset":13,"kind":"u16"}},{{"name":"at","offset":16,"kind":"timestamp","unit":"ns\\??/"}},
            {{"name":"reserved","offset":25,"kind":"text","length":3}},
            {{"name":"lines","offset":28,"kind":"array","length":2,"item":{{"kind":"text","length":4}}}},
            {{"name":"leg","offset":36,"kind":"struct","size":4,"fields":[{{"name":"new","offset":0,"kind":"u32","scale":-2}}]}},
            {{"name":"odd","offset":41,"kind":"struct","size":4,"fields":[{{"name":"new","offset":0,"kind":"u32"}}]}},
            {{"name":"many","offset":47,"kind":"array","length":2,"item":{{"kind":"u16"}}}}],"tail":"text"}},
          {{"type":2,"name":"INT","size":0,"fields":[],"tail":"cbor"}},
          {{"type":3,"name":"int_leg","size":8,"fields":[{{"name":"x","offset":0,"kind":"i64","labels":
            {{"-9223372036854775808":"least","-1":"a b","0":"a-b","1":"é ??="}}}}]}},{long}]"#
    );
    let set = SchemaSet::from_json(json.as_bytes()).unwrap();
    let after = "ASSERT(RL_INT_TYPE == 1 && RL_INT_SIZE == 64 && RL_INT_TYPE_2 == 2, \"\");
ASSERT(RL_INT_LEG_2_NEW_SCALE == -2 && RL_LONG_X_A_RATHER_LONG_LABEL_199 == 199, \"\");
ASSERT(RL_INT_LEG_X_LEAST < RL_INT_LEG_X_A_B && RL_INT_LEG_X_A_B_2 == 0, \"\");
static inline double read(struct rl_int *event) { rl_int_set_unaligned(event, 1.5); return rl_int_get_unaligned(event); }
static inline uint32_t inside(const struct rl_int *event) { return rl_int_get_odd(event).new_; }
static inline int both(struct rl_int *event) { const uint16_t in[2] = {1, 2}; uint16_t out[2];
rl_int_set_many(event, in); rl_int_get_many(event, out); return out[0] + out[1]; }";
    compile(
        &set,
        &format!(
            "{after}\nint use(struct rl_int *event);\nint use(struct rl_int *event) {{ return (int)(read(event) + inside(event)) + both(event); }}"
        ),
    );
}
