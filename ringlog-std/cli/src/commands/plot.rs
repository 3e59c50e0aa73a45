//! `ringlog plot`: draws a field over time in the terminal.

use crate::error::{CliError, Outcome};
use crate::options::filter_args::report_undescribed;
use crate::options::look_args::PlotArgs;
use crate::read::source::LogSource;
use crate::report::bins::{Timeline, rebin};
use crate::report::braille::{Frame, chart};
use crate::report::gather::Series;
use crate::report::probe::{Probes, Wanted};
use crate::terminal::print::{eprint, print};
use crate::terminal::screen::Screen;
use crate::terminal::words::{clock_name, counted, grouped, moment};
use crate::values::MOST_CHARACTERS;
use ringlog::event::ClockKind;

/// Columns where no terminal says how many it has.
const COLUMNS: usize = 80;

/// Reads the events that the filter chooses once, and draws the field.
pub(crate) fn run(args: &PlotArgs) -> Result<Outcome, CliError> {
    let descriptions = args.filter.descriptions(std::slice::from_ref(&args.log))?;
    let mut source = LogSource::open_or_empty(&args.log)?;
    let mut filter = args.filter.to_filter(source.known_clock(), &descriptions)?;
    let chosen = args.filter.event_types(&descriptions)?;
    let wanted = Wanted::of(&args.field, "plot", &descriptions, &chosen)?;
    source.seek_first(&args.log, &filter)?;
    let mut probes = Probes::new(descriptions, vec![wanted.clone()], None);
    let (mut series, mut timeline, mut before) = (Series::new(), Timeline::new(), None);
    let read = loop {
        match source.advance(&mut filter) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
        let clock = source.clock();
        let Some(event) = source.found_event().filter(|event| !event.header.is_gap()) else { continue };
        let time = event.header.timestamp;
        // One event of 1970 would make all bins wide.
        let has_time = time > 0 || clock != ClockKind::UnixNanos;
        let since = if has_time { before.replace(time) } else { None };
        probes.each(&event, since, |_, found| {
            let bin = has_time.then(|| timeline.place(time, |from, to| rebin(&mut series.bins, from, to)));
            series.add(bin, found);
        });
    };
    let clock = source.clock();
    print(&words(args, &wanted, &series, &timeline, clock))?;
    report_undescribed(filter.undescribed());
    if series.unfit > 0 {
        eprint(&format!(
            "ringlog: {}: {} left out, as the payload does not fit its description or the value is no number",
            args.field,
            counted(series.unfit, "value")
        ));
    }
    read.map(|()| Outcome::Clean)
}

fn words(args: &PlotArgs, wanted: &Wanted, series: &Series, timeline: &Timeline, clock: ClockKind) -> String {
    let is_nanos = matches!(clock, ClockKind::UnixNanos | ClockKind::MonotonicNanos);
    let style = wanted.style(is_nanos);
    let name = match wanted.types.as_slice() {
        [] => wanted.name.clone(),
        [one] if wanted.name.starts_with(&format!("{one}.")) => wanted.name.clone(),
        [one] => format!("{one}.{}", wanted.name),
        several => format!("{} of {}", wanted.name, several.join(", ")),
    };
    let unit = wanted.unit.as_deref().map_or_else(String::new, |unit| format!(", {unit}"));
    let Some([min, mean, max]) = style.extent(&series.all) else {
        return format!("{name}{unit}: no value\n{}", notes(series));
    };
    let numbers = format!("{}, min {min}, mean {mean}, max {max}", counted(series.all.count, "value"));
    let zone = args.filter.zone();
    let time = |at: u64| moment(at, clock, &zone);
    let (first, last) = timeline.range().unwrap_or_default();
    let screen = Screen::of_stdout();
    let width = args.width.or(screen.width).unwrap_or(COLUMNS).min(MOST_CHARACTERS);
    let frame = Frame { width, height: args.height, style, from: &time(first), to: &time(last) };
    let mut text = format!("{name}{unit}: {numbers}\n");
    text += &chart(series.bins.get(timeline.used()).unwrap_or_default(), &frame);
    if !is_nanos {
        text += &format!("times are numbers of the clock: {}\n", clock_name(clock));
    }
    text + &notes(series)
}

/// Returns what is not drawn, and why.
fn notes(series: &Series) -> String {
    let mut notes = String::new();
    if series.untimed > 0 {
        notes +=
            &format!("{} of events with the time 0, on no axis of time\n", counted(series.untimed, "value"));
    }
    if series.backwards > 0 {
        notes += &format!(
            "{} an earlier time than the event before; the time between them is not counted\n",
            match series.backwards {
                1 => "1 event has".into(),
                count => format!("{} events have", grouped(count)),
            }
        );
    }
    notes
}
