//! A connection to a NATS server, driven by the thread that uses it.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, RequestErrorKind, Subscriber,
};
use futures_util::StreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::ship::jetstream::Wire;
use crate::ship::login::{Login, Secret};
use crate::ship::target::Silence;

/// How long an answer to a request is waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A client whose tasks run while this thread waits for an answer.
pub(crate) struct NatsWire {
    client: Client,
    answers: Subscriber,
    inbox: String,
    /// How often a connection ended.
    ends: Arc<AtomicU64>,
    // Dropped last: the others have tasks in it.
    runtime: Runtime,
}

impl NatsWire {
    /// Connects to one of the servers, which are separated by commas.
    pub(crate) fn connect(servers: &str, login: &Login) -> Result<Self, Silence> {
        let built = Builder::new_current_thread().enable_all().build();
        let runtime = built.map_err(|error| {
            Silence::Wrong(format!("cannot start the client: {error}; end other programs"))
        })?;
        let addresses = addresses_of(servers)?;
        let ends = Arc::new(AtomicU64::new(0));
        let (client, answers, inbox) = runtime.block_on(async {
            let options = options_of(login, &ends).await?;
            let client = options.connect(addresses).await.map_err(|error| connect_words(&error, servers))?;
            let inbox = client.new_inbox();
            let answers = client.subscribe(format!("{inbox}.*")).await;
            let answers = answers.map_err(|_| Silence::Away(format!("the server {servers}")))?;
            Ok((client, answers, inbox))
        })?;
        Ok(Self { client, answers, inbox, ends, runtime })
    }
}

fn addresses_of(servers: &str) -> Result<Vec<async_nats::ServerAddr>, Silence> {
    let parsed: Result<Vec<async_nats::ServerAddr>, _> =
        servers.split(',').map(|server| server.trim().parse()).collect();
    let parsed = parsed
        .map_err(|_| Silence::Wrong("not the address of a server; write it as nats://HOST:PORT".into()))?;
    if parsed.iter().any(|address: &async_nats::ServerAddr| address.has_user_pass()) {
        let advice = "a password does not belong into an address, which others can see; give a file or use the environment";
        return Err(Silence::Wrong(advice.into()));
    }
    Ok(parsed)
}

async fn options_of(login: &Login, ends: &Arc<AtomicU64>) -> Result<ConnectOptions, Silence> {
    let ends = Arc::clone(ends);
    let mut options = ConnectOptions::new()
        .name("ringlog ship")
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            let doubled = u32::try_from(attempts.min(5)).unwrap_or(5);
            (Duration::from_millis(50) * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
        })
        .event_callback(move |event| {
            if matches!(event, Event::Disconnected) {
                // ORDERING: Relaxed: one thread drives the client and reads the count.
                ends.fetch_add(1, Ordering::Relaxed);
            }
            std::future::ready(())
        })
        .require_tls(login.is_tls_required);
    if let Some(ca_file) = &login.ca_file {
        options = options.add_root_certificates(ca_file.clone());
    }
    if let Some((certificate, key)) = &login.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(match &login.secret {
        None => options,
        Some(Secret::Token(token)) => options.token(token.clone()),
        Some(Secret::Nkey(seed)) => options.nkey(seed.clone()),
        Some(Secret::Password { user, password }) => {
            options.user_and_password(user.clone(), password.clone())
        }
        Some(Secret::CredentialsFile(path)) => options.credentials_file(path).await.map_err(|error| {
            Silence::Wrong(format!(
                "{}: cannot read the credentials: {error}; give the file that nsc wrote",
                path.display()
            ))
        })?,
    })
}

fn connect_words(error: &ConnectError, servers: &str) -> Silence {
    let kind = if is_of_tls(error) { ConnectErrorKind::Tls } else { error.kind() };
    match kind {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            Silence::Wrong(format!("{servers}: the server refuses this client; give other credentials"))
        }
        ConnectErrorKind::Tls => Silence::Wrong(format!(
            "{servers}: no encrypted connection; look at the certificates, and at what the server asks for"
        )),
        ConnectErrorKind::ServerParse => {
            Silence::Wrong("not the address of a server; write it as nats://HOST:PORT".into())
        }
        _ => Silence::Away(format!("{servers}: {kind}")),
    }
}

/// Returns whether two sides did not agree on encryption: the client reports that as an error of the connection.
fn is_of_tls(error: &ConnectError) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::InvalidData) {
            return true;
        }
        next = error.source();
    }
    false
}

impl Wire for NatsWire {
    fn request(&mut self, subject: &str, body: Vec<u8>) -> Result<Vec<u8>, Silence> {
        let answer = self.runtime.block_on(self.client.request(subject.to_owned(), body.into()));
        match answer {
            Ok(message) => Ok(message.payload.into()),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                Err(Silence::Away("a server with JetStream, which answers for this account".into()))
            }
            Err(_) => Err(Silence::Away("an answer of the server".into())),
        }
    }

    fn publish(
        &mut self,
        token: u64,
        subject: &str,
        headers: [(&str, String); 2],
        payload: &[u8],
    ) -> Result<(), Silence> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, value.as_str());
        }
        let reply = format!("{}.{token}", self.inbox);
        let sent = self.client.publish_with_reply_and_headers(
            subject.to_owned(),
            reply,
            map,
            payload.to_vec().into(),
        );
        self.runtime.block_on(sent).map_err(|_| Silence::Away("the connection to the server".into()))
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<(u64, Vec<u8>)>, Silence> {
        let answers = &mut self.answers;
        let Ok(answer) = self.runtime.block_on(async { timeout(wait, answers.next()).await }) else {
            return Ok(None);
        };
        let message =
            answer.ok_or_else(|| Silence::Wrong("the connection was closed; start again".into()))?;
        let token = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        Ok(token.map(|token| (token, message.payload.into())))
    }

    fn connections(&self) -> u64 {
        // ORDERING: Relaxed: see where it is counted.
        self.ends.load(Ordering::Relaxed)
    }

    fn server(&self) -> (String, u64) {
        let info = self.client.server_info();
        (info.version, info.max_payload as u64)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }
}
