//! The terminal: draws at each look and each key, and gives the terminal back as it was.
#![forbid(unsafe_code)]

use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::CliError;
use crate::terminal::signals::Stop;
use crate::top::keys::{Action, press};
use crate::top::state::State;
use crate::top::view::draw;
use crate::top::watcher::{Choice, Watcher};
use ringlog::storage::Filter;

/// Longest time until a look or a signal is noticed; a key is noticed at once.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the program takes to end after a signal, at most.
const GRACE: Duration = Duration::from_millis(500);

/// Returns whether there is a terminal to draw on, with keys.
pub(crate) fn has_terminal() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && io::stdin().is_terminal() && !is_dumb
}

/// Gives the terminal back. It is cleared first: one that has grown meanwhile may show rows of the other screen below its own.
fn give_back() {
    let _ = execute!(io::stdout(), Clear(ClearType::All));
    ratatui::restore();
}

/// Gives the terminal back when it is dropped. After a panic, the hook that `ratatui::try_init` sets has done that.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        give_back();
    }
}

/// Makes a filter of an expression; the words are for the user.
pub(crate) type ToFilter<'a> = dyn FnMut(&str) -> Result<(Filter, Option<String>), String> + 'a;

/// Ends the program if its terminal is gone, or a signal asks for it and nothing ends within [`GRACE`].
///
/// Reading keys from a terminal that has hung up never returns: crossterm reads its end again and again.
fn end_without_terminal(stop: &Stop) -> io::Result<()> {
    let stop = stop.clone();
    let watch = move || {
        loop {
            std::thread::sleep(PAUSE);
            let is_gone = has_hung_up();
            if is_gone || stop.is_set() {
                std::thread::sleep(GRACE);
                give_back();
                std::process::exit(i32::from(is_gone));
            }
        }
    };
    std::thread::Builder::new().name("ringlog-terminal".into()).spawn(watch).map(drop)
}

fn has_hung_up() -> bool {
    let stdin = io::stdin();
    let mut wanted = [PollFd::new(&stdin, PollFlags::empty())];
    poll(&mut wanted, Some(&Timespec::default())).is_ok() && wanted[0].revents().contains(PollFlags::HUP)
}

/// Draws until the user quits, or the program is asked to end.
pub(crate) fn run(
    mut state: State,
    watcher: &Watcher,
    mut filter: Filter,
    to_filter: &mut ToFilter<'_>,
    stop: &Stop,
) -> Result<(), CliError> {
    end_without_terminal(stop).map_err(CliError::Output)?;
    let restored = Restored;
    let mut terminal = ratatui::try_init().map_err(CliError::Output)?;
    let mut is_changed = true;
    while !stop.is_set() {
        while let Some(look) = watcher.next()? {
            state.add(look);
            is_changed = true;
        }
        if std::mem::take(&mut is_changed) {
            terminal.draw(|frame| draw(frame, &state)).map_err(CliError::Output)?;
        }
        let Some(event) = next_event().map_err(CliError::Output)? else { continue };
        is_changed = true;
        let Event::Key(key) = event else { continue };
        match press(&mut state, key) {
            Action::None => continue,
            Action::Quit => break,
            Action::Choose => {}
            Action::Filter(expression) => match change(&expression, to_filter, &mut terminal)? {
                Ok((chosen, message)) => {
                    filter = chosen;
                    (state.filter, state.message) = (expression, message);
                }
                Err(message) => {
                    // It can be corrected, where it was typed.
                    (state.input, state.message) = (Some(expression), Some(message));
                    continue;
                }
            },
        }
        state.begin_anew();
        watcher.choose(Choice { filter: filter.clone(), only: state.only });
    }
    drop(restored);
    Ok(())
}

/// Makes the filter. What is said on the way about the log's descriptions goes to standard error, over the screen: it is drawn anew.
fn change(
    expression: &str,
    to_filter: &mut ToFilter<'_>,
    terminal: &mut DefaultTerminal,
) -> Result<Result<(Filter, Option<String>), String>, CliError> {
    let changed = to_filter(expression);
    terminal.clear().map_err(CliError::Output)?;
    Ok(changed)
}

/// Waits a little for a key or another size.
fn next_event() -> io::Result<Option<Event>> {
    let is_there = match event::poll(PAUSE) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
        other => other?,
    };
    if is_there { event::read().map(Some) } else { Ok(None) }
}
