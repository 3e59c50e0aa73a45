//! Tests that every part measures what it says, in some milliseconds. The figures are not compared, as a test's
//! machine is busy.

use super::settings::Args;
use super::*;
use clap::Parser;

fn tiny(parts: &[Part]) -> Report {
    let arguments = "latency --rounds 2 --seconds-per-round 0.01 --rate 10000 --ring-bytes 64K --log-size 4M --pinning free \
                     --worker-nice 19";
    let settings = Settings::new(&Args::parse_from(arguments.split(' ')), None);
    report(&settings, parts, arguments.to_owned()).expect("no external command")
}

fn names(section: &Section) -> Vec<&str> {
    section.rows.iter().map(|row| row.name.as_str()).collect()
}

/// Checks that all tables are complete, as text and as Markdown.
fn assert_whole(report: &Report) {
    let markdown = report.to_markdown();
    for section in &report.sections {
        assert!(markdown.contains(&format!("### {}", section.title)));
        for row in &section.rows {
            assert_eq!(row.figures.len(), section.columns.len(), "{}", row.name);
            assert!(markdown.contains(&format!("| {} ", row.name)), "{markdown}");
            assert!(report.to_text().contains(&row.name));
            for figure in row.figures.iter().filter(|figure| !figure.value.is_nan()) {
                assert!(figure.low <= figure.value && figure.value <= figure.high, "{figure:?}");
                assert!(figure.high.is_finite() && figure.low >= 0.0, "{figure:?}");
            }
        }
    }
}

#[test]
fn the_hot_path_is_measured_beside_its_baselines() {
    let report = tiny(&[Part::Hot]);
    assert_whole(&report);
    let [service, response] = &report.sections[..] else { panic!("two sections") };
    assert_eq!(names(service)[..3], [EMPTY, COPY, RING]);
    assert_eq!(names(service), names(response));
    // Two rounds of a hundred events each.
    assert!(service.rows.iter().all(|row| row.figures[0] == Figure::exactly(200.0)));
    assert_eq!((service.goals.len(), response.goals.len()), (6, 3));
    assert_eq!(report.curves("Service").len(), 4);
}

#[test]
fn a_storm_is_said_to_have_been_one() {
    let report = tiny(&[Part::Storm]);
    assert_whole(&report);
    let note = &report.sections[0].notes[0];
    assert!(note.starts_with("The storm: ") && !note.contains("storm: 0 MiB"), "{note}");
}

#[test]
fn publishing_is_measured_for_events_and_runs() {
    let report = tiny(&[Part::Publish]);
    assert_whole(&report);
    let [alone, runs] = &report.sections[0].rows[..] else { panic!("two rows") };
    assert!(alone.figures[0].value >= 2.0 && runs.figures[0].value >= 2.0);
    assert!(alone.figures[1].value <= alone.figures[0].value, "not more than all are long");
}

#[test]
fn round_trips_are_measured_over_both_rings() {
    let report = tiny(&[Part::OneWay]);
    assert_whole(&report);
    assert_eq!(names(&report.sections[0]), ["ringlog", "rtrb", "limit of the machine: a number, no ring"]);
    assert!(report.sections[0].rows.iter().all(|row| row.figures[0].value > 0.0));
}

#[test]
fn an_event_reaches_its_follower_in_both_scenarios() {
    let report = tiny(&[Part::Follow]);
    assert_whole(&report);
    for (section, counted) in report.sections.iter().zip([500.0, 1000.0]) {
        assert_eq!(section.rows.len(), 3);
        // Two rounds of a hundredth of a second.
        assert!(
            section.rows.iter().all(|row| row.figures[0] == Figure::exactly(2.0 * counted)),
            "{section:?}"
        );
    }
    assert_eq!(report.sections.len(), follow::SCENARIOS.len());
}

#[test]
fn bursts_are_timed_beside_the_command_of_a_rival() {
    let settings = |command: &str| {
        let arguments =
            "latency --rounds 2 --seconds-per-round 0.01 --ring-bytes 64K --pinning free --external";
        Settings::new(&Args::parse_from(arguments.split(' ').chain([command])), None)
    };
    let measured = report(&settings("echo p50 $BENCH_PAYLOAD; echo max 100"), &[Part::Bursts], String::new());
    let measured = measured.expect("figures");
    assert_whole(&measured);
    let (rival, own) = measured.sections[0].rows.split_last().expect("rows");
    assert!(own.iter().all(|row| row.figures[0].value >= 2.0 && row.figures[1 + MEDIAN].value > 0.0));
    assert_eq!((rival.figures[1 + MEDIAN].value, rival.figures[1 + MAX].value), (24.0, 100.0));
    assert!(rival.figures[1 + TAIL].value.is_nan());
    let failed = report(&settings("exit 5"), &[Part::Bursts], String::new()).expect_err("exit code 5");
    assert!(failed.contains("`exit 5` ended with exit code 5"), "{failed}");
    let silent = report(&settings("echo done"), &[Part::Bursts], String::new()).expect_err("no figure");
    assert!(silent.contains("`p99 NANOSECONDS`"), "{silent}");
}

#[test]
fn every_strategy_wakes_up() {
    let report = tiny(&[Part::Idle]);
    assert_whole(&report);
    let [section] = &report.sections[..] else { panic!("one section") };
    let (sleeper, rows) = section.rows.split_last().expect("rows");
    assert_eq!((rows.len(), section.goals.len()), (Strategy::ALL.len(), 2));
    assert!(rows.iter().all(|row| row.figures[1].value >= 2.0));
    assert!(sleeper.figures[0].value > 0.0);
}

#[test]
fn a_log_has_a_window_for_each_doubling() {
    let report = tiny(&[Part::Log]);
    assert_whole(&report);
    let [growth, open] = &report.sections[..] else { panic!("two sections") };
    assert_eq!(names(growth), ["0 bytes to 1 MiB", "1 MiB to 2 MiB", "2 MiB to 4 MiB"]);
    assert_eq!((open.rows.len(), open.goals.len()), (2, 6));
}

#[test]
fn things_take_turns() {
    let settings = Settings::new(&Args::parse_from(["latency", "--rounds", "3"]), None);
    let mut turns = Vec::new();
    interleave(&settings, 3, |thing| turns.push(thing));
    assert_eq!(turns, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
}
