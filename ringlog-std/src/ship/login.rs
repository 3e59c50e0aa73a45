//! How a client shows who it is.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

/// What a server asks for: all is optional. Nothing secret of it is in an error or in the output of `Debug`.
///
/// ```
/// use ringlog::ship::{Login, Secret};
///
/// let login = Login { secret: Some(Secret::Token("s3cret".into())), ..Login::default() };
/// assert!(!format!("{login:?}").contains("s3cret"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// Who the client is.
    pub secret: Option<Secret>,
    /// A PEM file with certificates that the server's is signed by, besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM files with the client's certificate and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether only an encrypted connection will do.
    pub is_tls_required: bool,
}

/// Who the client is.
///
/// ```
/// use ringlog::ship::Secret;
///
/// let secret = Secret::Password { user: "ship".into(), password: "s3cret".into() };
/// assert_eq!(format!("{secret:?}"), "Password(..)");
/// ```
#[derive(Clone)]
pub enum Secret {
    /// The file with a user's JWT and key, as `nsc` writes it.
    CredentialsFile(PathBuf),
    /// A token.
    Token(String),
    /// The seed of an nkey.
    Nkey(String),
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CredentialsFile(_) => "CredentialsFile(..)",
            Self::Token(_) => "Token(..)",
            Self::Nkey(_) => "Nkey(..)",
            Self::Password { .. } => "Password(..)",
        })
    }
}
