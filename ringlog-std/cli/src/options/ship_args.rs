//! Command lines of what ships a log to other machines.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::values;

/// Arguments of `ringlog ship`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShipArgs {
    /// Folder of a log, also of one at work: then what is durable is shipped
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Ship what is written from now on too, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Ship nothing: compare each message of the stream with the log, and exit 3 where they differ
    #[arg(long, conflicts_with_all = ["follow", "create", "resume_at"])]
    pub(crate) verify: bool,
    /// The stream [default: the name of the log's folder, with _ for all but letters, digits, - and _]
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Option<String>,
    /// Make the stream if there is none; one that exists is never changed
    #[arg(long)]
    pub(crate) create: bool,
    /// With --create: servers that have the stream, 1 to 5
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "create", value_parser = clap::value_parser!(u64).range(1..=5))]
    pub(crate) replicas: u64,
    /// With --create: most bytes of the stream, after which it takes no more [default: no limit]
    #[arg(long, value_name = "SIZE", requires = "create", value_parser = values::size)]
    pub(crate) stream_bytes: Option<u64>,
    /// Most messages on their way
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) window: u32,
    /// How long an acknowledgement is waited for
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    pub(crate) ack_timeout: Duration,
    /// How long records wait for others, so that they fill a message
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = values::duration)]
    pub(crate) linger: Duration,
    /// How long the log keeps what was acknowledged: longer than the server's sync interval
    #[arg(long, value_name = "DURATION", default_value = "150s", value_parser = values::duration)]
    pub(crate) hold: Duration,
    /// The cursor that keeps the log's files from its retention
    #[arg(long, value_name = "NAME", default_value = "ship")]
    pub(crate) cursor: String,
    /// Where the stream does not end with what the log has: continue with this record, after a GAP
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) resume_at: Option<u64>,
    /// Print JSON at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where servers are, and who this client is. Secrets are in files: other users see a command line.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerArgs {
    /// Servers of one cluster, separated by commas, such as nats://localhost:4222
    #[arg(value_name = "SERVERS")]
    pub(crate) servers: String,
    /// File with a user's JWT and key, as nsc writes it
    #[arg(long, value_name = "FILE", group = "secret")]
    pub(crate) credentials: Option<PathBuf>,
    /// File with a token
    #[arg(long, value_name = "FILE", group = "secret")]
    pub(crate) token_file: Option<PathBuf>,
    /// File with the seed of an nkey
    #[arg(long, value_name = "FILE", group = "secret")]
    pub(crate) nkey_file: Option<PathBuf>,
    /// File with a password, for --user
    #[arg(long, value_name = "FILE", group = "secret", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// The user that the password is of
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// Use encrypted connections only
    #[arg(long)]
    pub(crate) tls: bool,
    /// PEM file with certificates to trust, besides those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// PEM file with this client's certificate
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file with the key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// Arguments of `ringlog pull`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Folder of the log; missing or empty, or one that was pulled from this stream before
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// The stream [default: the name of the folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Option<String>,
    /// Pull what is shipped from now on too, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Close the log at the end: it is whole then, and nothing more can be pulled into it
    #[arg(long, conflicts_with = "follow")]
    pub(crate) close: bool,
    /// Begin an empty folder with this record, such as the one after a GAP
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) from_record: Option<u64>,
    /// Print JSON at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// The options of `serve` for a shipper beside the recorder.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct BesideArgs {
    /// Ship the log as well, to servers such as nats://localhost:4222; `ringlog ship` has more options
    #[arg(long, value_name = "SERVERS")]
    pub(crate) ship: Option<String>,
    /// With --ship: file with a user's JWT and key, as nsc writes it
    #[arg(long, value_name = "FILE", requires = "ship")]
    pub(crate) ship_credentials: Option<PathBuf>,
    /// With --ship: make the stream on this many servers if there is none, 1 to 5
    #[arg(long, value_name = "COUNT", requires = "ship", value_parser = clap::value_parser!(u64).range(1..=5))]
    pub(crate) ship_replicas: Option<u64>,
}
