//! `ringlog top`: shows a log or a ring while it is written.
#![forbid(unsafe_code)]

use crate::error::{CliError, Outcome};
use crate::options::top_args::TopArgs;

/// Says how to build a program that has the command.
#[cfg(not(feature = "top"))]
pub(crate) fn run(_args: &TopArgs) -> Result<Outcome, CliError> {
    Err(CliError::Usage(
        "this program was built without the command `top`; `cargo install --locked --path ringlog-std/cli --features top` in the \
         folder of ringlog builds one that has it, and `cargo run --release -p ringlog-cli --features top -- top LOG` runs it \
         from there"
            .into(),
    ))
}

/// Draws until the user quits.
#[cfg(feature = "top")]
pub(crate) fn run(args: &TopArgs) -> Result<Outcome, CliError> {
    use crate::options::filter_args::choosing;
    use crate::output::PrintStyle;
    use crate::read::source::LogSource;
    use crate::terminal::screen::Screen;
    use crate::terminal::signals::Stop;
    use crate::terminal::words::{command_line, path_word};
    use crate::top::screen;
    use crate::top::state::State;
    use crate::top::watcher::{Watched, Watcher, is_ring};

    let target = path_word(&args.target);
    let is_ring = is_ring(&args.target);
    if !screen::has_terminal() {
        let instead: &[&str] = if is_ring { &["ring", &target] } else { &["tail", "--follow", &target] };
        let once = if is_ring { "shows the ring once" } else { "prints events as they come" };
        let info = if is_ring {
            String::new()
        } else {
            format!(", `{}` counts them", command_line("ringlog", &["info", &target]))
        };
        return Err(CliError::Usage(format!(
            "top draws on a terminal, and standard input or output is none; `{}` {once}{info}",
            command_line("ringlog", instead)
        )));
    }
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let filters = args.filter.clone();
    if is_ring && (filters.expression.is_some() || !filters.event_types.is_empty()) {
        return Err(CliError::Usage(format!("{target}: a ring; filters are for the events of a log")));
    }
    let logs = [args.target.clone()];
    // `Watched` reports a log that is not there.
    let clock = LogSource::open_or_empty(&args.target).ok().and_then(|source| source.known_clock());
    let plain = crate::options::filter_args::FilterArgs { expression: None, ..filters.clone() };
    let (logs, clock) = if is_ring { (&[][..], None) } else { (&logs[..], clock) };
    let descriptions = filters.descriptions(logs)?;
    descriptions.report_no_unreadable();
    let filter = filters.to_filter(clock, &descriptions)?;
    let base = plain.to_filter(clock, &descriptions)?;
    let style = PrintStyle { zone: filters.zone(), descriptions, ..PrintStyle::default() };
    let watched = Watched::open(&args.target, args.ring.as_deref(), filter.clone(), style)?;
    let watcher =
        Watcher::start(watched, args.interval).map_err(CliError::io("start a thread for", &args.target))?;
    let is_coloured = Screen::of_stdout().is_coloured;
    let state = State::new(
        target.into_owned(),
        args.interval,
        filters.expression.clone().unwrap_or_default(),
        is_coloured,
    );
    let mut to_filter = |expression: &str| {
        if expression.is_empty() {
            return Ok((base.clone(), None));
        }
        // Read again: the log may describe more types by now.
        let chosen =
            filters.descriptions(logs).and_then(|all| choosing(base.clone(), expression, &all, None));
        chosen.map(|(filter, doubts)| (filter, doubts.into_iter().next())).map_err(|error| error.to_string())
    };
    screen::run(state, &watcher, filter, &mut to_filter, &stop)?;
    Ok(Outcome::Clean)
}
