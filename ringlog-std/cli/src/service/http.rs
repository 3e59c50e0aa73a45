//! Answers scrapes and questions for the health over HTTP.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tiny_http::{Header, Method, Request, Response, Server};

use crate::error::{CliError, FeedError};
use crate::service::scrape::{Form, scrape};
use crate::service::state::State;
use crate::terminal::messages::{SERVE, info, warn};

/// How long to wait after an error of the socket.
const PAUSE: Duration = Duration::from_secs(10);
const INDEX: &str = "this is ringlog: ask for /metrics, or for /health with 200 or 503 and the reasons\n";

/// Binds the address and starts the thread that answers. Says where, and who can read it.
pub(crate) fn start(address: SocketAddr, state: &Arc<State>) -> Result<(), CliError> {
    let failed =
        |action| move |source| FeedError::Io { action, what: format!("--metrics {address}"), source };
    let listener = TcpListener::bind(address).map_err(failed("listen"))?;
    let bound = listener.local_addr().map_err(failed("listen"))?;
    info!(target: SERVE, "metrics at http://{bound}/metrics, health at http://{bound}/health");
    if !bound.ip().is_loopback() {
        warn!(target: SERVE, "--metrics {bound}: no loopback address: everyone who reaches it can read the numbers");
    }
    let state = Arc::clone(state);
    let run = move || serve(&listener, &state);
    std::thread::Builder::new().name("ringlog-metrics".into()).spawn(run).map_err(CliError::Thread)?;
    Ok(())
}

/// Answers until the program ends.
fn serve(listener: &TcpListener, state: &State) {
    loop {
        let made = listener.try_clone().map_err(Into::into).and_then(|it| Server::from_listener(it, None));
        let problem = match made {
            Ok(server) => answer_all(&server, state),
            Err(error) => error.to_string(),
        };
        warn!(target: SERVE, "--metrics: the socket failed: {problem}; it is tried again");
        std::thread::sleep(PAUSE);
    }
}

/// Answers until the server fails, as it does when the process may open no more files. Returns why.
fn answer_all(server: &Server, state: &State) -> String {
    loop {
        match server.recv() {
            // A client that is gone needs no answer.
            Ok(request) => drop(answer(request, state)),
            Err(error) => return error.to_string(),
        }
    }
}

fn answer(request: Request, state: &State) -> std::io::Result<()> {
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    let (code, kind, text) = match (request.method(), path.as_str()) {
        (Method::Get | Method::Head, "/metrics") => {
            let form = Form::wanted(
                request.headers().iter().filter(|it| it.field.equiv("Accept")).map(|it| it.value.as_str()),
            );
            (200, form.content_type(), scrape(state, form))
        }
        (Method::Get | Method::Head, "/health") => {
            let reasons = state.reasons();
            let code = if reasons.is_empty() { 200 } else { 503 };
            let text = if reasons.is_empty() { "ok".to_owned() } else { reasons.join("\n") };
            (code, PLAIN, text + "\n")
        }
        (Method::Get | Method::Head, "/") => (200, PLAIN, INDEX.to_owned()),
        (Method::Get | Method::Head, _) => (404, PLAIN, INDEX.to_owned()),
        _ => (405, PLAIN, INDEX.to_owned()),
    };
    let mut response = Response::from_string(text).with_status_code(code);
    if let Ok(header) = Header::from_bytes("Content-Type", kind) {
        response.add_header(header);
    }
    if code == 405
        && let Ok(header) = Header::from_bytes("Allow", "GET, HEAD")
    {
        response.add_header(header);
    }
    request.respond(response)
}

const PLAIN: &str = "text/plain; charset=utf-8";
