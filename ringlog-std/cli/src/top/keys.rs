//! What the keys do.
#![forbid(unsafe_code)]

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::top::state::State;

/// What a key asks for that the state alone cannot do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    None,
    Quit,
    /// Use this expression; an empty one chooses all events.
    Filter(String),
    /// Show the events of the type that the state has chosen.
    Choose,
}

/// The keys, for the help.
pub(crate) const HELP: [(&str, &str); 8] = [
    ("q, Ctrl-C", "quit"),
    ("p, space", "pause the screen; again, continue with all that came"),
    ("/", "filter: only events for which an expression holds, as with --where"),
    ("up, down", "mark a type"),
    ("t", "show the events of the marked type alone; again, of all types"),
    ("PgUp, PgDn", "scroll through the last events; Home, End: oldest, newest"),
    ("Esc", "all types, the newest events"),
    ("?", "this help"),
];
const PAGE: isize = 10;

/// Takes a key.
pub(crate) fn press(state: &mut State, key: KeyEvent) -> Action {
    if key.kind == KeyEventKind::Release {
        return Action::None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
        return Action::Quit;
    }
    if state.has_help {
        state.has_help = false;
        return if key.code == KeyCode::Char('q') { Action::Quit } else { Action::None };
    }
    if let Some(input) = state.input.take() {
        return type_key(state, input, key);
    }
    command(state, key.code)
}

fn command(state: &mut State, code: KeyCode) -> Action {
    state.message = None;
    match code {
        KeyCode::Char('q') => return Action::Quit,
        KeyCode::Char('p' | ' ') => state.toggle_pause(),
        KeyCode::Char('?' | 'h') => state.has_help = true,
        KeyCode::Char('/') if state.seen.look.log.is_some() => state.input = Some(state.filter.clone()),
        KeyCode::Char('/') => state.message = Some("a filter is for the events of a log".into()),
        KeyCode::Char('t') | KeyCode::Enter if state.toggle_type() => return Action::Choose,
        KeyCode::Up | KeyCode::Char('k') => state.move_mark(-1),
        KeyCode::Down | KeyCode::Char('j') => state.move_mark(1),
        KeyCode::PageUp => state.scroll_by(PAGE),
        KeyCode::PageDown => state.scroll_by(-PAGE),
        KeyCode::Home => state.scroll_by(isize::MAX),
        KeyCode::End => state.scroll_by(isize::MIN),
        KeyCode::Esc => {
            state.scroll = 0;
            if state.only.take().is_some() {
                return Action::Choose;
            }
        }
        _ => {}
    }
    Action::None
}

/// Takes a key of the expression that is being typed.
fn type_key(state: &mut State, mut input: String, key: KeyEvent) -> Action {
    state.message = None;
    match key.code {
        KeyCode::Enter => return Action::Filter(input.trim().to_owned()),
        KeyCode::Esc => return Action::None,
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => input.clear(),
        KeyCode::Char(sign) if !sign.is_control() => input.push(sign),
        KeyCode::Backspace => drop(input.pop()),
        _ => {}
    }
    state.input = Some(input);
    Action::None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::state::tests::state_after;

    fn type_all(state: &mut State, text: &str) -> Action {
        text.chars().map(|sign| press(state, KeyCode::Char(sign).into())).last().unwrap()
    }

    #[test]
    fn an_expression_is_typed_and_its_letters_are_no_commands() {
        let mut state = state_after(2);
        assert_eq!(type_all(&mut state, "/qty > 5?"), Action::None);
        press(&mut state, KeyCode::Backspace.into());
        assert_eq!(state.input.as_deref(), Some("qty > 5"));
        assert_eq!(press(&mut state, KeyCode::Enter.into()), Action::Filter("qty > 5".into()));
        assert_eq!(state.input, None);
        state.filter = "qty > 5".into();
        press(&mut state, KeyCode::Char('/').into());
        assert_eq!(state.input.as_deref(), Some("qty > 5"), "to be changed");
        press(&mut state, KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(press(&mut state, KeyCode::Enter.into()), Action::Filter(String::new()));
        press(&mut state, KeyCode::Char('/').into());
        assert_eq!(press(&mut state, KeyCode::Esc.into()), Action::None);
        assert_eq!((state.input, state.filter.as_str()), (None, "qty > 5"));
    }

    #[test]
    fn each_key_of_the_help_does_something() {
        let mut state = state_after(9);
        assert_eq!(type_all(&mut state, "q"), Action::Quit);
        assert_eq!(press(&mut state, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Action::Quit);
        type_all(&mut state, "p");
        assert!(state.is_paused());
        type_all(&mut state, " ");
        assert!(!state.is_paused());
        press(&mut state, KeyCode::Down.into());
        assert_eq!((type_all(&mut state, "t"), state.only), (Action::Choose, Some(1)));
        assert_eq!((press(&mut state, KeyCode::Esc.into()), state.only), (Action::Choose, None));
        press(&mut state, KeyCode::PageUp.into());
        assert_eq!(state.scroll, 10);
        press(&mut state, KeyCode::Home.into());
        assert_eq!(state.scroll, 35);
        press(&mut state, KeyCode::End.into());
        assert_eq!(state.scroll, 0);
        type_all(&mut state, "?");
        assert!(state.has_help);
        assert_eq!((type_all(&mut state, "x"), state.has_help), (Action::None, false));
    }
}
