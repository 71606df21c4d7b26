//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// RTSP isolation gateway: pictures cross, camera bytes do not.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway.
    Run(RunOptions),
    /// Run simulated cameras and the gateway in front of them; nothing to configure.
    Demo(DemoOptions),
    /// Validate a configuration and what it needs; the exit code says.
    Check(CheckOptions),
    /// Print firewall rules for this host that match a configuration, for `nft -f -`.
    Nft(NftOptions),
    /// List the encoders of this host, the files they execute and their hashes.
    Attest(AttestOptions),
    /// Manage readers' accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// Ask a camera what it is, and print a ready `[[camera]]` block.
    Probe(ProbeOptions),
    /// Show, on this host, that nothing a camera writes crosses; writes a report.
    ///
    /// Starts the gateway a second time, on loopback, between simulated cameras that carry random
    /// marks at every place a camera can write and readers that keep every byte. Takes half a minute,
    /// disturbs nothing that runs, and ends with 0 only where nothing crossed and every mark was seen
    /// on the wire to the gateway.
    Prove(ProveOptions),
}

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Which side to run in this process.
    #[arg(long, value_enum, default_value_t = Side::Both)]
    pub(crate) side: Side,
    /// Descriptor 3 is a socket to the parent that runs both sides.
    #[arg(long, hide = true)]
    pub(crate) inherited: bool,
}

/// The two sides, which share nothing but rings of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// Both, as two processes of this host.
    Both,
    /// The side that meets cameras.
    Camera,
    /// The side that meets readers.
    Core,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Serve this video file as a fourth camera.
    #[arg(long, value_name = "FILE")]
    pub(crate) footage: Option<PathBuf>,
    /// Where readers connect.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8554")]
    pub(crate) rtsp: std::net::SocketAddr,
    /// Where metrics and health are.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub(crate) admin: std::net::SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Which side is to run here: the self-check of one started apart wants its own network only.
    #[arg(long, value_enum, default_value_t = Side::Both)]
    pub(crate) side: Side,
}

#[derive(Debug, Args)]
pub(crate) struct NftOptions {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AttestOptions {
    /// Write the list: from now on these encoders are vetted.
    #[arg(long)]
    pub(crate) write: bool,
    /// The list, where `core.vetted` names another than vetted.toml beside the programs.
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveOptions {
    /// A configuration whose encoder settings are used; the defaults otherwise.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder for `cofferdam-proof.html` and `cofferdam-proof.json`.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Write an account's file, and print the `[[reader]]` block to go with it.
    ///
    /// Asks for the password at the terminal, or reads one line from standard input. The file holds what
    /// verifies the password, not the password; it is readable by its owner only.
    Add(UserAddOptions),
}

#[derive(Debug, Args)]
pub(crate) struct UserAddOptions {
    /// What the account is called: 1 to 64 of A-Z a-z 0-9 - _ . @.
    pub(crate) name: String,
    /// Where to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
    /// Make up a password, and print it.
    #[arg(long)]
    pub(crate) generate: bool,
    /// Write over a file that is there already.
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeOptions {
    /// The camera's stream, as `rtsp://host[:port]/path`, without user or password.
    pub(crate) url: String,
    /// The camera's account.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) username: Option<String>,
    /// A file that holds the account's password.
    #[arg(long, value_name = "FILE", requires = "username")]
    pub(crate) password_file: Option<PathBuf>,
    /// Allow HTTP Basic, which shows the password to anyone on the wire.
    #[arg(long)]
    pub(crate) basic: bool,
}
