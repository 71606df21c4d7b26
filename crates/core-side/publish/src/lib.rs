//! Mounts: output verifier, key-frame cache and fan-out to readers.
//!
//! One [`CameraPublisher`] a camera takes in what that camera's encode worker says, trusts none of
//! it unchecked, makes packets of it once, and hands them to every reader of the camera's two
//! [`Mount`]s. Readers coming and going cause nothing but [`Command`](cofferdam_encode_link::Command)s
//! to the encode worker: nothing of it reaches the camera side. Times come in as arguments; the
//! only thing waited for is another task of this process.
#![forbid(unsafe_code)]

#[cfg(all(
    not(debug_assertions),
    any(feature = "without-verifier", feature = "without-fixed-sets",)
))]
compile_error!(
    "a check of what is published is left out: such a build is for tests and cannot be shipped"
);

mod access_unit;
mod clock;
mod commands;
mod fan_out;
mod key_requests;
mod metrics;
mod mount;
mod mounts;
mod publisher;
mod pump;
mod reader;
mod settings;
mod signal;
mod unit;
mod verified;

pub use access_unit::{ParameterSets, Refusal};
pub use commands::Commands;
pub use metrics::PublishMetrics;
pub use mount::{Availability, Mount};
pub use mounts::Mounts;
pub use publisher::{CameraPublisher, OutputFault};
pub use pump::{Delivery, Next, Pump, Sink};
pub use reader::{Subscription, SubscriptionEnd};
pub use settings::{AfterHold, MountSeed, PublishSettings, ReaderLimits, SignalLoss};
pub use unit::Unit;
pub use verified::verified_nal_units;
