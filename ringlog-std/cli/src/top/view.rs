//! Draws the state.
#![forbid(unsafe_code)]

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::read::ring_report::RingReport;
use crate::terminal::screen::fitting;
use crate::terminal::words::{counted, grouped, printable_lines, size, span};
use crate::top::keys::HELP;
use crate::top::look::{CursorLook, EventLine, LogLook};
use crate::top::rates::{WINDOWS, time_to_full};
use crate::top::state::State;
use crate::top::table::{WIDE, cut, sparkline, style, table};

/// Lines that are left to the events, if there is room for anything.
const LEAST_EVENTS: usize = 4;
/// Lines of one problem.
const PROBLEM_LINES: usize = 3;
const LABEL_COLUMNS: usize = 10;
/// Lines of the answer to what was typed, and of the words for a key.
const MESSAGE_LINES: usize = 3;
/// Columns of the names of keys.
const KEY_COLUMNS: usize = 11;

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let status = status(state, width);
    let room = height.saturating_sub(2 + status.len() + 1 + LEAST_EVENTS);
    let rows = table(state, width, room.min(state.rows().len() + 1));
    let feet = foot(state, width);
    let lines = |lines: usize| Constraint::Length(u16::try_from(lines).unwrap_or(u16::MAX));
    let parts =
        [lines(1), lines(status.len()), lines(rows.len()), lines(1), Constraint::Min(0), lines(feet.len())];
    let [title_area, status_area, table_area, head_area, events_area, foot_area] =
        Layout::vertical(parts).areas(area);
    put(frame, title_area, vec![title(state, width)]);
    put(frame, status_area, status);
    put(frame, table_area, rows);
    put(frame, head_area, vec![events_head(state, width)]);
    put(frame, events_area, events(state, width, usize::from(events_area.height)));
    put(frame, foot_area, feet);
    if state.has_help {
        help(frame, area);
    }
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

fn title(state: &State, width: usize) -> Line<'static> {
    let paused = if state.is_paused() { "  PAUSED" } else { "" };
    let target = printable_lines(&state.target).into_owned();
    let text = cut(&format!(" ringlog top  {target}  every {:?}{paused}", state.interval), width);
    let filled = format!("{text}{}", " ".repeat(width - fitting(&text, width).1));
    Line::styled(filled, Style::new().add_modifier(Modifier::REVERSED))
}

/// Returns the lines above the table.
fn status(state: &State, width: usize) -> Vec<Line<'static>> {
    let (look, is_bad) = (&state.seen.look, Style::new().add_modifier(Modifier::BOLD));
    let is_bad = if state.is_coloured { is_bad.fg(Color::Red) } else { is_bad };
    let line = |name: &str, words: String, style: Style| {
        let words = cut(&printable_lines(&words), width.saturating_sub(LABEL_COLUMNS));
        Line::from(vec![Span::raw(format!("{name:<LABEL_COLUMNS$}")), Span::styled(words, style)])
    };
    let plain = Style::new();
    let mut lines = Vec::new();
    if let Some(log) = &look.log {
        lines.push(line("log", log_words(log), plain));
        lines.push(line("writer", log.writer.clone(), plain));
        lines.push(line("durable", durable_words(log), plain));
        lines.push(line(
            "disk",
            disk_words(state, log),
            if is_disk_short(state, log) { is_bad } else { plain },
        ));
        let has_loss = log.read.gaps > 0 || log.read.overtaken > 0 || log.unreported.is_some();
        lines.push(line("lost", lost_words(state, log), if has_loss { is_bad } else { plain }));
        if !log.cursors.is_empty() {
            lines.push(line("cursors", cursor_words(&log.cursors), plain));
        }
    }
    if let Some(ring) = &look.ring {
        lines.push(line("ring", fill_words(state, ring, width), plain));
        let style = if ring.pending_loss > 0 { is_bad } else { plain };
        lines.push(line("unread", unread_words(ring), style));
        lines.push(line("producer", ring.producer.words(), plain));
        lines.push(line("consumer", ring.consumer.words(), plain));
        if look.log.is_none() {
            lines.push(line("types", ring.schemas.words(), plain));
        }
    }
    if lines.is_empty() && look.problems.is_empty() {
        lines.push(Line::raw("reading…"));
    }
    if let Some(words) = sample_words(state) {
        lines.push(line("sample", words, style(state, Color::Yellow, Modifier::BOLD)));
    }
    for problem in &look.problems {
        let wrapped = wrap(&printable_lines(problem), width.saturating_sub(LABEL_COLUMNS), PROBLEM_LINES);
        let labels = std::iter::once("problem").chain(std::iter::repeat(""));
        lines.extend(labels.zip(wrapped).map(|(label, words)| line(label, words, is_bad)));
    }
    lines
}

fn log_words(log: &LogLook) -> String {
    let records = log.end_sequence.saturating_sub(log.first_sequence).saturating_sub(log.missing);
    let missing = match log.missing {
        0 => String::new(),
        missing => format!(", {} missing", grouped(missing)),
    };
    let from = if log.first_sequence > 0 {
        format!(" from {} on", grouped(log.first_sequence))
    } else {
        String::new()
    };
    let files = if log.segments == 0 { "no file yet".into() } else { counted(log.segments as u64, "file") };
    format!(
        "{}{from}{missing}, {} in {files}",
        counted(records, "record"),
        size(log.published.saturating_sub(log.first_position))
    )
}

fn durable_words(log: &LogLook) -> String {
    match log.published.saturating_sub(log.durable) {
        0 => format!("all {} are on the disk", grouped_bytes(log.published)),
        lag => format!("{} not on the disk yet; published to {}", size(lag), grouped(log.published)),
    }
}

fn grouped_bytes(bytes: u64) -> String {
    counted(bytes, "byte")
}

fn disk_words(state: &State, log: &LogLook) -> String {
    let Some(disk) = log.disk else { return "its free space is not known".into() };
    let free = format!("{} free of {}", size(disk.free), size(disk.all));
    match state.seen.history.growth() {
        None => free,
        Some(growth) => match time_to_full(disk.free, growth) {
            Some(time) => format!("{free}; full in {} at {}/s", span(time), size(growth as u64)),
            None => format!("{free}; the log does not grow"),
        },
    }
}

/// Whether the disk is full within an hour.
fn is_disk_short(state: &State, log: &LogLook) -> bool {
    let growth = state.seen.history.growth();
    log.disk.zip(growth).is_some_and(|(disk, growth)| {
        time_to_full(disk.free, growth).is_some_and(|time| time.as_secs() < 3600)
    })
}

fn lost_words(state: &State, log: &LogLook) -> String {
    let read = &log.read;
    let at_least = if read.has_unknown_gaps || read.left_out > 0 { "at least " } else { "" };
    let lately = grouped(state.seen.history.lost_in(WINDOWS[2]));
    let mut words = match read.gaps {
        0 => format!("{at_least}0 since this began"),
        gaps => format!(
            "{at_least}{} in {} since this began, {lately} in the last minute",
            counted(read.lost, "event"),
            counted(gaps, "GAP record")
        ),
    };
    match log.unreported {
        Some(0) => words += "; an unknown number that no GAP record counts yet",
        Some(count) => words += &format!("; {} that no GAP record counts yet", grouped(count)),
        None => {}
    }
    if read.overtaken > 0 {
        words += &format!("; retention deleted {} unread", counted(read.overtaken, "record"));
    }
    words
}

fn cursor_words(cursors: &[CursorLook]) -> String {
    let words = |cursor: &CursorLook| match cursor.problem {
        Some(problem) => format!("{} ({problem})", cursor.name),
        None => format!("{} has {} unread", cursor.name, counted(cursor.unread, "record")),
    };
    cursors.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn fill_words(state: &State, ring: &RingReport, width: usize) -> String {
    let Some(percent) = ring.fill_percent else { return "its positions contradict each other".into() };
    let words = format!("{percent:>5.1} % of {}  ", size(ring.capacity_bytes));
    let columns = width.saturating_sub(LABEL_COLUMNS + words.len()).min(60);
    let fill = state.seen.history.recent_fill(columns, state.interval.max(WINDOWS[0]));
    words + &sparkline(&fill, columns)
}

fn unread_words(ring: &RingReport) -> String {
    let unread = match &ring.unread {
        Some(unread) => unread.words(),
        None => "changes faster than it can be counted".into(),
    };
    match ring.pending_loss {
        0 => format!("{unread}; lost 0"),
        lost => format!("{unread}; lost {}, which no GAP record reports yet", counted(lost, "event")),
    }
}

fn sample_words(state: &State) -> Option<String> {
    let log = state.seen.look.log.as_ref()?;
    let part = state.seen.history.sampled(WINDOWS[2])?;
    Some(format!(
        "{:.1} % of the last minute's records were read, {} are not read yet: ~ is an estimate",
        part * 100.0,
        size(log.read.unread_bytes)
    ))
}

/// Breaks a text into at most this many lines.
fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let (mut rest, mut lines) = (text, Vec::new());
    while !rest.is_empty() && width > 0 {
        let fit = fitting(rest, width).0;
        if lines.len() + 1 == most || fit.len() == rest.len() || fit.is_empty() {
            lines.push(cut(rest, width));
            break;
        }
        let end = fit.rfind(' ').filter(|&end| end > 0).unwrap_or(fit.len());
        let (line, after) = rest.split_at(end);
        lines.push(line.into());
        rest = after.trim_start();
    }
    lines
}

fn events_head(state: &State, width: usize) -> Line<'static> {
    if state.seen.look.log.is_none() {
        return Line::raw("");
    }
    let mut words = String::from("last events");
    if let Some(only) = state.only {
        let name = state.rows().into_iter().find(|row| row.series == crate::top::rates::Series::Type(only));
        words += &format!(" of {}", name.map_or_else(|| only.to_string(), |row| row.name));
    }
    if !state.filter.is_empty() {
        words += &format!(" where {}", printable_lines(&state.filter));
    }
    if state.scroll > 0 {
        words += &format!("  (newer: {})", grouped(state.scroll as u64));
    }
    Line::styled(cut(&words, width), style(state, Color::Reset, Modifier::BOLD))
}

fn events(state: &State, width: usize, height: usize) -> Vec<Line<'static>> {
    let end = state.seen.events.len().saturating_sub(state.scroll);
    let start = end.saturating_sub(height);
    state.seen.events.range(start..end).map(|event| event_line(state, event, width)).collect()
}

fn event_line(state: &State, event: &EventLine, width: usize) -> Line<'static> {
    let text = if width < WIDE { without_date(&event.text) } else { event.text.clone() };
    let emphasis = match event.is_gap {
        true => style(state, Color::Red, Modifier::BOLD),
        false => Style::new(),
    };
    Line::styled(cut(&text, width), emphasis)
}

/// Leaves out the date of an event: on a narrow screen its fields say more.
fn without_date(line: &str) -> String {
    let begin = line.len() - line.trim_start().len();
    let Some(time) = line.get(begin..).and_then(|rest| rest.find("  ")).map(|end| begin + end + 2) else {
        return line.into();
    };
    match line.as_bytes().get(time..time + 11) {
        Some([b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, b'T']) => {
            let (place, rest) =
                (line.get(..time).unwrap_or_default(), line.get(time + 11..).unwrap_or_default());
            format!("{place}{rest}")
        }
        _ => line.into(),
    }
}

/// Returns the last lines: the answer to what was typed, then what is being typed; or the keys.
fn foot(state: &State, width: usize) -> Vec<Line<'static>> {
    let emphasis = style(state, Color::Yellow, Modifier::BOLD);
    let answer =
        state.message.as_deref().map(|message| wrap(&printable_lines(message), width, MESSAGE_LINES));
    let mut lines: Vec<_> = answer.into_iter().flatten().map(|words| Line::styled(words, emphasis)).collect();
    if let Some(input) = &state.input {
        // The end of a long expression is what is being typed.
        let room = width.saturating_sub("filter: _".len());
        let mut shown = input.as_str();
        while fitting(shown, room).0.len() < shown.len() {
            shown = shown.get(shown.chars().next().map_or(1, char::len_utf8)..).unwrap_or_default();
        }
        lines.push(Line::styled(format!("filter: {shown}_"), emphasis));
    }
    if lines.is_empty() {
        let keys = "q quit  p pause  / filter  t this type  arrows mark  PgUp scroll  ? help";
        lines.push(Line::styled(cut(keys, width), style(state, Color::Reset, Modifier::DIM)));
    }
    lines
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let width = area.width.min(84);
    let columns = usize::from(width).saturating_sub(KEY_COLUMNS + 4);
    let lines_of = |(keys, words): &(&'static str, &str)| {
        let keys = std::iter::once(*keys).chain(std::iter::repeat(""));
        let lines = keys.zip(wrap(words, columns, MESSAGE_LINES));
        lines.map(|(keys, words)| Line::raw(format!(" {keys:<KEY_COLUMNS$} {words}"))).collect::<Vec<_>>()
    };
    let lines: Vec<Line<'static>> = HELP.iter().flat_map(lines_of).collect();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    let block = Block::bordered().title(" keys; any key closes this ");
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::look::Look;
    use crate::top::state::tests::{sample, state_after};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use std::time::Duration;

    fn drawn(state: &State, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(row).collect()
    }

    fn has(lines: &[String], parts: &[&str]) {
        let found = lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "no line with {parts:?} in\n{}", lines.join("\n"));
    }

    #[test]
    fn both_sizes_show_everything_that_matters() {
        let state = state_after(62);
        for (width, height) in [(80, 24), (200, 50)] {
            let lines = drawn(&state, width, height);
            has(&lines, &["ringlog top  orders  every 1s"]);
            has(&lines, &["1,061,661 records from 10 on, 3.0 GiB in 48 files"]);
            has(&lines, &["process 77 (ringlog) is writing"]);
            has(&lines, &["5.0 MiB not on the disk yet"]);
            has(&lines, &["10.0 GiB free of 100.0 GiB; the log does not grow"]);
            has(&lines, &["7 events in 2 GAP records since this began, 0 in the last minute"]);
            has(&lines, &["audit has 1,234 records unread"]);
            has(
                &lines,
                &["all records", "1,011    1,011    1,011        -", "▇"]
                    .map(|part| if part == "▇" { "█" } else { part }),
            );
            has(&lines, &["1 order_add", "1,000    1,000    1,000        -", "39.1 KiB", "█"]);
            has(&lines, &["type 200", "1.0"]);
            has(&lines, &["order_add  id=185 price=10.25"]);
            has(&lines, &["GAP  7 events lost"]);
            assert!(lines[usize::from(height) - 1].starts_with("q quit"), "{lines:?}");
        }
        has(&drawn(&state, 200, 50), &["2026-11-30T14:00:00.123456789Z"]);
        has(&drawn(&state, 80, 24), &["185  14:00:00.123456789Z  order_add"]);
    }

    #[test]
    fn problems_a_full_disk_and_a_sample_are_said() {
        let mut state = state_after(0);
        has(&drawn(&state, 80, 24), &["reading…"]);
        for at in 0..10 {
            let mut look = sample(at);
            let log = look.log.as_mut().unwrap();
            log.published += u64::from(at) * (10 << 20);
            log.read.left_out = u64::from(at) * 500;
            log.read.overtaken = 44;
            log.unreported = Some(0);
            look.problems = vec![format!("{} end of a long problem", "word ".repeat(20))];
            state.add(look);
        }
        let lines = drawn(&state, 80, 24);
        has(&lines, &["full in 17.1 minutes at 10.0 MiB/s"]);
        has(&lines, &["sample", "50.5 % of the last minute's records"]);
        has(&lines, &["problem   word word"]);
        has(&lines, &["          word", "end of a long problem"]);
        has(&lines, &["1 order_add", "~1,000"]);
        has(
            &drawn(&state, 200, 50),
            &["an unknown number that no GAP record counts yet; retention deleted 44 records unread"],
        );
    }

    #[test]
    fn any_size_can_be_drawn_and_keys_are_answered() {
        let mut state = state_after(30);
        state.input = Some("price > 1".repeat(30));
        state.has_help = true;
        for (width, height) in [(1, 1), (5, 3), (20, 7), (40, 10), (500, 200)] {
            drawn(&state, width, height);
        }
        state.has_help = false;
        has(&drawn(&state, 80, 24), &["filter: ", "price > 1_"]);
        (state.input, state.only, state.filter) = (None, Some(5), "price > 2".into());
        state.selected = 2;
        has(&drawn(&state, 80, 24), &["last events of 5 trade where price > 2"]);
        has(&drawn(&state, 80, 24), &["5 trade*"]);
        state.toggle_pause();
        has(&drawn(&state, 80, 24), &["PAUSED"]);
        state.has_help = true;
        has(&drawn(&state, 80, 24), &["PgUp, PgDn", "scroll through"]);
        has(&drawn(&state, 80, 24), &["--where"]);
        has(&drawn(&state, 60, 24), &["│             holds, as with --where"]);
        state.has_help = false;
        (state.input, state.message) =
            (Some("prise > 1".into()), Some(format!("{} mean price?", "word ".repeat(20))));
        let lines = drawn(&state, 80, 24);
        has(&lines, &["mean price?"]);
        assert_eq!(lines[23], "filter: prise > 1_", "what was typed stays, below the whole answer");
        state.seen.look.log.as_mut().unwrap().missing = 29_309;
        has(&drawn(&state, 80, 24), &["1,000,000 records from 10 on, 29,309 missing, 3.0 GiB in 48 files"]);
    }

    #[test]
    fn many_types_scroll_with_the_mark() {
        let mut state = state_after(3);
        let mut look = sample(3);
        let names = &mut look.log.as_mut().unwrap().read.names;
        (10..60).for_each(|number| drop(names.insert(number, format!("name_{number}"))));
        state.add(look);
        has(&drawn(&state, 80, 24), &["of 54 rows"]);
        state.selected = 52;
        has(&drawn(&state, 80, 24), &["59 name_59"]);
        assert!(drawn(&state, 80, 24).iter().filter(|line| line.contains("order_add  id=")).count() > 1);
    }

    #[test]
    fn without_colours_there_is_none() {
        let mut state = state_after(20);
        state.is_coloured = false;
        state.seen.look.problems = vec!["problem".into()];
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, &state)).unwrap();
        let cells = &terminal.backend().buffer().content;
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        state.is_coloured = true;
        terminal.draw(|frame| draw(frame, &state)).unwrap();
        assert!(terminal.backend().buffer().content.iter().any(|cell| cell.fg == Color::Red));
    }

    #[test]
    fn a_ring_shows_fill_and_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        let options = ringlog::ring::RingOptions {
            capacity: Some(1 << 16),
            max_payload: Some(100),
            ..Default::default()
        };
        let ring = ringlog::ring::SharedRing::create(&path, &options).unwrap();
        let mut producer = ring.claim_producer().unwrap();
        let mut state = state_after(0);
        for at in 0..3 {
            for _ in 0..100 {
                producer.write_event(&ringlog::event::EventHeader::new(1, 7, 100), &[7; 100]).unwrap();
            }
            let path = std::fs::canonicalize(&path).unwrap();
            let mut look = Look { at: Duration::from_secs(at), ..Look::default() };
            crate::top::ring_source::add_ring(&path, &mut look);
            state.add(look);
        }
        let lines = drawn(&state, 80, 24);
        has(&lines, &["ring", "54.9 % of 64.0 KiB", "▃▆█"]);
        has(&lines, &["unread    300 events; lost 0"]);
        has(&lines, &["producer  open; role taken by process"]);
        has(&lines, &["consumer", "never claimed"]);
        has(&lines, &["written", "11.7 Ki"]);
        has(&lines, &["read", "0 B"]);
    }
}
