//! Who a client of a NATS server is: secrets come from files.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use ringlog::ship::{Login, Secret};

use crate::error::CliError;
use crate::options::ship_args::ServerArgs;

pub(crate) fn login_of(args: &ServerArgs) -> Result<Login, CliError> {
    let secret = if let Some(path) = &args.credentials {
        Some(Secret::CredentialsFile(path.clone()))
    } else if let Some(path) = &args.token_file {
        Some(Secret::Token(read(path)?))
    } else if let Some(path) = &args.nkey_file {
        Some(Secret::Nkey(read(path)?))
    } else if let (Some(path), Some(user)) = (&args.password_file, &args.user) {
        Some(Secret::Password { user: user.clone(), password: read(path)? })
    } else {
        None
    };
    Ok(Login {
        secret,
        ca_file: args.tls_ca.clone(),
        certificate: args.tls_cert.clone().zip(args.tls_key.clone()),
        is_tls_required: args.tls,
    })
}

/// Reads the one line of a file.
fn read(path: &Path) -> Result<String, CliError> {
    Ok(fs::read_to_string(path).map_err(CliError::io("read the file", path))?.trim().to_owned())
}
