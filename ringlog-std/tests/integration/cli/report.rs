//! `report` and `plot`, beside `info`.

use std::fs;

use serde_json::Value;

use super::support::{assert_code, json_of, ringlog, stderr_of, stdout_of, word};

fn data_of(page: &str) -> Value {
    let (_, json) = page.split_once("id=\"data\">").expect("the page has its numbers");
    serde_json::from_str(json.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_has_the_numbers_of_info_and_the_chart_those_of_cat() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("page.html"));
    let (log, out) = (word(&log), word(&out));
    assert_code(&ringlog(&["serve", "--rate", "max", "--max-bytes", "300KB", "--log", log]), 0);
    let info = json_of(&ringlog(&["info", log, "--json"]));
    let report = ringlog(&["report", log, "-o", out, "--plot", "order_add.price", "--plot", "payload_size"]);
    assert_code(&report, 0);
    let page = fs::read_to_string(out).unwrap();
    let data = data_of(&page);
    for key in
        ["events", "lost", "gaps", "bytes", "payload_bytes", "first_time", "last_timestamp", "types", "clock"]
    {
        assert_eq!(data[key], info[key], "{key}");
    }
    assert_eq!(data["result"], "clean");
    let sum = |values: &Value| values.as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).sum::<u64>();
    for group in data["groups"].as_array().unwrap() {
        let types = info["event_types"].as_array().unwrap();
        let of_type = types.iter().find(|it| it["name"] == group["name"]).expect("a type of info");
        assert_eq!(sum(&group["events"]), of_type["events"].as_u64().unwrap());
    }
    let prices = &data["series"][0];
    assert_eq!((prices["title"].as_str(), prices["unit"].as_str()), (Some("order_add.price"), Some("USD")));
    assert_eq!(sum(&prices["count"]), info["types"]["1"].as_u64().unwrap());
    assert_eq!(sum(&data["series"][1]["count"]), info["events"].as_u64().unwrap());

    // What a filter chooses is charted; the totals are those of the log.
    let gold = r#"instrument == "gold" && price < 1000"#;
    assert_code(
        &ringlog(&["report", log, "-o", out, "--type", "order_add", "--where", gold, "--plot", "price"]),
        0,
    );
    let chosen = data_of(&fs::read_to_string(out).unwrap());
    let cat = ringlog(&["cat", log, "--type", "order_add", "--where", gold, "--format", "csv"]);
    let rows = stdout_of(&cat).split(|byte| *byte == b'\n').count() as u64 - 2;
    assert!(rows > 0 && rows < info["types"]["1"].as_u64().unwrap());
    assert_eq!((sum(&chosen["series"][0]["count"]), &chosen["events"]), (rows, &info["events"]));

    let plot = ringlog(&["plot", log, "price", "--type", "order_add", "--where", gold, "--height", "5"]);
    let text = String::from_utf8(stdout_of(&plot).to_vec()).unwrap();
    let words = format!("order_add.price, USD: {rows} value");
    assert!(text.starts_with(&words) && text.lines().count() == 8, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80 || line.starts_with("price")), "{text}");
    let wrong = ringlog(&["plot", log, "order_add.prise"]);
    assert_code(&wrong, 2);
    assert!(stderr_of(&wrong).contains("did you mean order_add.price?"));
}
