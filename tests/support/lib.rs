//! What the system tests and benchmarks share: the built programs, a running gateway, cameras and
//! players that are not ours, and the judgement of what arrived.
//!
//! Tests wait on events with a deadline; no test sleeps for luck. All traffic stays on loopback.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]

pub mod accounts;
pub mod container;
pub mod film;
pub mod foreign_camera;
pub mod gateway;
pub mod http;
pub mod judge;
pub mod matrix;
pub mod motion;
pub mod netns;
pub mod player;
pub mod processes;
pub mod programs;
pub mod python;
mod retina_reader;
pub mod rtsp;
pub mod run;
pub mod scene;
pub mod site;
pub mod skip;
pub mod units;
pub mod vetting;
mod vlc;
pub mod wait;
pub mod watch;
pub mod watcher;
pub mod wire;

pub use gateway::{CameraConfig, Gateway, GatewayConfig};
pub use player::{Client, Player, Transport};
pub use wait::{eventually, until};
