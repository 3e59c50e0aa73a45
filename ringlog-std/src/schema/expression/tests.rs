use super::{BoundExpression, Expression};
use crate::event::{Event, EventHeader, Gap};
use crate::schema::SchemaSet;

fn set() -> SchemaSet {
    SchemaSet::from_json(
        br#"[{"type":1,"name":"order_add","size":32,"fields":[
                {"name":"id","offset":0,"kind":"u64"},
                {"name":"price","offset":8,"kind":"i64","scale":-8},
                {"name":"side","offset":16,"kind":"u8","labels":{"0":"buy","1":"sell"}},
                {"name":"is_new","offset":17,"kind":"bool"},
                {"name":"symbol","offset":18,"kind":"text","length":6},
                {"name":"ratio","offset":24,"kind":"f32"},
                {"name":"len","offset":28,"kind":"u32"}],"tail":"text"},
             {"type":2,"name":"swap","size":8,"fields":[
                {"name":"legs","offset":0,"kind":"array","length":2,"item":
                    {"kind":"struct","size":4,"fields":[{"name":"id","offset":0,"kind":"i16"}]}}]}]"#,
    )
    .unwrap()
}

fn bind(expression: &str) -> BoundExpression {
    Expression::parse(expression).unwrap().bind(&set()).unwrap_or_else(|error| panic!("{error}"))
}

/// An order of 101.25 with the symbol `ABC`, id 7, ratio 0.1, `len` 3, and the tail `note`.
fn order() -> Vec<u8> {
    let mut payload = vec![0; 32];
    payload[0] = 7;
    payload[8..16].copy_from_slice(&10_125_000_000_i64.to_le_bytes());
    payload[16..18].copy_from_slice(&[1, 1]);
    payload[18..21].copy_from_slice(b"ABC");
    payload[24..28].copy_from_slice(&0.1_f32.to_le_bytes());
    payload[28] = 3;
    payload.extend_from_slice(b"note");
    payload
}

fn matches_payload(expression: &str, event_type: u8, payload: &[u8]) -> bool {
    let header = EventHeader::new(50, event_type, payload.len() as u16);
    bind(expression).matches(&Event::new(header, payload, 9, 64))
}

#[test]
fn fields_compare_with_literals() {
    for expression in [
        "price == 101.25",
        "price > 101.249999999999",
        "!(price >= 101.25000000001)",
        "101.25 <= price",
        "order_add.id in (1, 7, 9)",
        "side == 'sell' && side != \"buy\"",
        "side in ('buy', 'sell')",
        "side == 1",
        "is_new && !(is_new == false)",
        "symbol == 'ABC' && symbol < 'ABD' && symbol starts_with 'A'",
        "tail contains \"ot\" && tail == '\\x6eote'",
        "ratio == 0.1 && ratio < 0.2",
        "len == 36 && payload.len == 3",
        "timestamp >= 50 && sequence == 9",
        "type == 'order_add' && type == 1 && type < 2 && type in (5, 'order_add')",
        "type == 'swap' || id == 7",
        "price > 1e2 && price < 1_000",
        "id == 0x7",
    ] {
        assert!(matches_payload(expression, 1, &order()), "{expression}");
        assert!(!matches_payload(&format!("!({expression})"), 1, &order()), "{expression}");
    }
    assert!(matches_payload("legs[1].id == -2", 2, &[0, 0, 0, 0, 0xFE, 0xFF, 0, 0]));
    assert!(matches_payload("swap.legs[0].id > -1", 2, &[0; 8]));
}

#[test]
fn an_event_that_lacks_the_field_matches_neither_a_comparison_nor_its_negation() {
    let short = &order()[..31];
    for expression in ["id == 7", "!(id == 7)", "id != 7", "is_new", "!is_new"] {
        assert!(!matches_payload(expression, 2, &[0; 8]), "{expression}");
        assert!(!matches_payload(expression, 1, short), "{expression}");
        assert!(!matches_payload(expression, 3, &order()), "{expression}");
    }
    assert!(!matches_payload("!(id == 7 && len == 8)", 2, &[0; 8]));
    assert!(matches_payload("!(id == 7 && len == 9)", 2, &[0; 8]), "false for any id");
    let mut no_bool = order();
    no_bool[17] = 2;
    assert!(!matches_payload("is_new", 1, &no_bool) && !matches_payload("!is_new", 1, &no_bool));
    assert!(matches_payload("id == 7 || len == 8", 2, &[0; 8]));
    assert!(!matches_payload("legs[0].id == 0", 2, &[0; 9]), "no tail may follow");
}

#[test]
fn a_gap_is_always_selected() {
    let gap = Event::new(Gap::header(0), &[0; 16], 0, 64);
    assert!(bind("id == 7").matches(&gap) && bind("!(id == 7)").matches(&gap));
}

#[test]
fn an_error_names_the_place_and_what_to_do() {
    for (expression, marked, problem) in [
        ("prise > 5", "prise", "no type has a field `prise`; did you mean `price`?"),
        (
            "order_add.prise > 5",
            "order_add.prise",
            "type order_add has no field `prise`; did you mean `order_add.price`?",
        ),
        ("order_ad.price > 5", "order_ad.price", "no type has a field `order_ad`; did you mean `order_add`?"),
        ("seqence == 5", "seqence", "no type has a field `seqence`; did you mean `sequence`?"),
        ("price == 'a'", "'a'", "a text, and the field is a number without labels; write a number"),
        ("side == 'sel'", "'sel'", "the field has no such label; did you mean \"sell\"?"),
        ("side < 'buy'", "<", "< is not for a label; use == != or in"),
        ("price contains 5", "contains", "contains is not for a number; use == != < <= > >= or in"),
        ("symbol == 5", "5", "no text; the field is a text, so put it in quotes"),
        ("is_new > true", ">", "> is not for a bool; use == != or in"),
        ("price", "price", "an i64 is neither true nor false; compare it, such as > 0"),
        ("legs == 5", "legs", "an array; compare one of its values, such as [0]"),
        ("legs[0] == 5", "legs[0]", "a struct; compare one of its fields, such as .id"),
        ("legs[2].id == 5", "legs[2].id", "the array has 2 values; use an index from 0 to 1"),
        (
            "legs.id == 5",
            "legs.id",
            "part of this name is an array; write an index after its name, such as [0]",
        ),
        ("price.id == 5", "price.id", "part of this name is an i64; write its name alone"),
        ("type == 'order_ad'", "'order_ad'", "no type has this name; did you mean \"order_add\"?"),
        ("id == 1 &&", "", "nothing after &&; write a comparison, or remove it"),
        (
            "id == side",
            "side",
            "two fields; compare a field with a literal, and put a text or a label in quotes: \"side\"",
        ),
        ("1 < id < 3", "<", "a second comparison; join two of them with && or ||"),
        ("id == 1 and id == 2", "and", "no operator; join with &&"),
        ("(id == 1", "", "a ( without its ); close it here"),
        ("id == 1)", ")", "a ) without its (; remove it, or add the other"),
        ("symbol == 'a", "'a", "the text has no end; close it with the same quote"),
        ("symbol == 'a\\q'", "\\q", "no such escape; use \\\\ \\\" \\' \\n \\r \\t \\xHH or \\uHHHH"),
        ("id == 5ms", "5", "no number; write it like -12, 0.5, 1e-3 or 0xFF, without a unit"),
        ("id in 5", "5", "no list; write in (1, 2) or in (\"a\", \"b\")"),
        ("id = 5", "=", "a single =; compare with =="),
        ("5 == 5", "5", "two literals; compare a field with a literal"),
        ("", "", "nothing to compare; write a comparison such as price > 100"),
    ] {
        let error = Expression::parse(expression).and_then(|it| it.bind(&set())).expect_err(expression);
        assert_eq!((&expression[error.place()], error.problem()), (marked, problem), "{expression}");
    }
}

#[test]
fn an_expression_of_another_language_is_answered_with_what_to_write() {
    for (expression, marked, problem) in [
        ("PRICE > 5", "PRICE", "no type has a field `PRICE`; did you mean `price`?"),
        (
            "Order_Add.price > 5",
            "Order_Add.price",
            "no type has a field `Order_Add`; did you mean `order_add`?",
        ),
        ("side == 'BUY'", "'BUY'", "the field has no such label; did you mean \"buy\"?"),
        ("side == 'purchase'", "'purchase'", "the field has no such label; it has \"buy\" and \"sell\""),
        ("side == true", "true", "a bool, and the field is a number; write a label in quotes"),
        ("side contains 'u'", "contains", "contains is not for a label; use == != or in"),
        (
            "side in (buy, sell)",
            "buy",
            "no literal; write numbers, texts or labels, and put a text or a label in quotes: \"buy\"",
        ),
        ("side", "side", "a u8 is neither true nor false; compare it, such as == \"buy\""),
        ("symbol", "symbol", "a text is neither true nor false; compare it, such as == \"a\""),
        ("is_new == True", "True", "no literal; write true in lower case"),
        ("id == null", "null", "there is no null; each event that has the field has a value"),
        ("id == '5'", "'5'", "a text, and the field is a number; remove the quotes"),
        ("ratio > 'x'", "'x'", "a text, and the field is a number without labels; write a number"),
        ("ratio > true", "true", "a bool, and the field is a number; write a number"),
        (
            "timestamp > '2026-11-30'",
            "'2026-11-30'",
            "a text, and times are numbers of the log's clock; write such a number",
        ),
        ("timestamp > 2026-11-30", "-11", "a second number; write one alone, as nothing is computed here"),
        (
            "order_add",
            "order_add",
            "no type has a field `order_add`; it is a type, for which write type == \"order_add\"",
        ),
        ("swap.side == 1", "swap.side", "type swap has no field `side`; its fields are legs"),
        (
            "volume > 5",
            "volume",
            "no type has a field `volume`; the fields are id, price, side, is_new, symbol, ratio, len, tail and 1 more",
        ),
        ("seq > 5", "seq", "no type has a field `seq`; did you mean `sequence`?"),
        ("event_type == 1", "event_type", "no type has a field `event_type`; did you mean `type`?"),
        (
            "payload contains 'x'",
            "payload",
            "no type has a field `payload`; write the name of one of its fields, tail or len",
        ),
        ("type == 'trade'", "'trade'", "no type has this name; the types are order_add and swap"),
        ("legs[0].no == 1", "legs[0].no", "the struct has no such field; it has id"),
        ("id === 5", "=", "one = too many; remove it"),
        ("id <> 5", ">", "no operator; write != for \"is not\""),
        ("id => 5", "=>", "no operator; write >="),
        ("id =< 5", "=<", "no operator; write <="),
        ("id ≥ 5", "≥", "no operator; write >="),
        ("symbol =~ 'A'", "=~", "no operator; use contains or starts_with"),
        ("symbol like 'A%'", "like", "no operator; use contains or starts_with"),
        ("id > > 5", ">", "a second operator; remove one"),
        ("id eq 5", "eq", "no operator; compare with =="),
        ("id == 1 AND id == 2", "AND", "no operator; join with &&"),
        ("id == 1 or id == 2", "or", "no operator; join with ||"),
        ("id == 1 | id == 2", "|", "a single |; join with ||"),
        ("not id == 5", "not", "no operator; negate with !"),
        (
            "id not in (1, 2)",
            "not",
            "no operator; negate a comparison in parentheses with !, such as !(a in (1, 2))",
        ),
        ("id between 1 and 5", "between", "no operator; write a >= 1 && a <= 5"),
        ("id IN (1, 2)", "IN", "no operator; write in in lower case, after a field"),
        ("id in ()", ")", "an empty list; write a literal in it"),
        ("&& id > 5", "&&", "no comparison before &&; write one, or remove it"),
        ("id > 5 && || id < 3", "||", "no comparison before ||; write one, or remove it"),
        ("id ==", "", "nothing after ==; write a number, or a text or a label in quotes"),
        ("(", "", "nothing after (; write a comparison"),
        ("()", ")", "nothing between ( and ); write a comparison there"),
        ("symbol == ABC'", "'", "the text has no start; write 'ABC'"),
        ("side == “buy”", "“", "no quote; put texts between \" or ', and names between nothing"),
        ("price > 100,5", ",", "a comma; write decimals with a point, and several values as in (1, 2)"),
        ("price > .5", ".", "a point without a digit before it; write 0.5, or a field's name"),
        ("price > 5.", ".", "a point without a digit after it; write one"),
        (
            "price > 5 USD",
            "USD",
            "a word after a number; write numbers without a unit, and join comparisons with && or ||",
        ),
        ("id > 5 price > 3", "price", "not expected after a comparison; join comparisons with && or ||"),
        ("price + 1 > 5", "+", "nothing is computed here; write one number, such as -12"),
        ("price * 2 > 5", "*", "nothing is computed here; compare a field with one number"),
    ] {
        let error = Expression::parse(expression).and_then(|it| it.bind(&set())).expect_err(expression);
        assert_eq!((&expression[error.place()], error.problem()), (marked, problem), "{expression}");
    }
}

#[test]
fn a_mark_is_below_its_place() {
    let error = Expression::parse("id == 1 && side\t= 'é'").unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[1..], ["  id == 1 && side = 'é'", "                  ^"]);
}

#[test]
fn no_depth_of_nesting_overflows_the_stack() {
    let nested = |depth: usize| format!("{}len == 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(64)).is_ok());
    let error = Expression::parse(&nested(100_000)).unwrap_err();
    assert!(error.problem().starts_with("more than 64 parentheses"), "{error}");
    assert!(Expression::parse(&format!("{}len == 1", "!".repeat(100_000))).is_ok());
    assert!(Expression::parse(&vec!["len == 1"; 10_000].join(" && ")).is_ok());
}

#[test]
fn names_that_a_segment_lacks_select_nothing_there() {
    let wanted = Expression::parse("price > 5 || type != 'order_add'").unwrap();
    assert!(wanted.bind(&SchemaSet::new()).is_err());
    let bound = wanted.bind_known(&SchemaSet::new());
    let header = EventHeader::new(50, 1, 0);
    assert!(bound.matches(&Event::new(header, &[], 9, 64)));
}
