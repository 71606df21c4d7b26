//! The `cofferdam` command: configuration and composition root.
//!
//! `run` starts both sides as processes of their own, or one of them; everything else is a tool. No
//! C media code is linked here.
#![forbid(unsafe_code)]

// First: a macro is known from where it stands on.
#[macro_use]
mod say;

mod accounts;
mod attest;
mod both;
mod camera_side;
mod check;
mod cli;
mod config;
mod core_side;
mod demo;
mod exit;
mod isolation;
mod jail;
mod logging;
mod nft;
mod parent;
mod probe;
mod programs;
mod prove;
mod signals;
mod take_over;
mod tls;
mod user;
mod vetting;

use clap::Parser;
use cli::{Cli, Command, Side, UserCommand};
use config::Texts;
use exit::Exit;
use parent::Parent;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::run_time(format!("starting the event loop: {error}")).report(),
    };
    let outcome = runtime.block_on(dispatch(cli.command));
    // A file that is waited for holds up no end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

async fn dispatch(command: Command) -> Result<(), Exit> {
    match command {
        Command::Run(options) => {
            let (parent, texts) = if options.inherited {
                (Some(Parent::inherited()?), Texts::inherited()?)
            } else {
                (None, Texts::read(&options.config)?)
            };
            let config = texts.config(&options.config)?;
            logging::init(&config.log);
            match options.side {
                Side::Both => both::run(&config, texts, &options.config).await,
                Side::Core => core_side::run(config, &options.config, parent).await,
                Side::Camera => camera_side::run(config, &options.config, parent).await,
            }
        }
        Command::Demo(options) => demo::run(&options).await,
        Command::Check(options) => check::run(&options).await,
        Command::Nft(options) => nft::run(&options.config),
        Command::Attest(options) => attest::run(&options).await,
        Command::User(UserCommand::Add(options)) => user::add(&options),
        Command::Probe(options) => probe::run(&options).await,
        Command::Prove(options) => prove::run(&options).await,
    }
}
