//! Cameras that attack.
//!
//! A [`Scenario`] is one attack: what the camera does on each connection ([`Act`]s), the fault or count
//! that must tell of it ([`Expected`]) and what contains it ([`Limit`]). [`catalogue`] has all of them,
//! [`HostileCamera`] plays one. `docs/hostile-cameras.md` is printed from the catalogue.
//!
//! The server is raw TCP on purpose: a library for RTSP would not send most of this. A tool for tests,
//! on neither side of the boundary: nothing shipped links it.
#![forbid(unsafe_code)]

mod act;
mod camera;
mod catalogue;
mod limit;
mod media;
mod path;
mod row;
mod rtsp;
mod scenario;
mod table;

pub use act::Act;
pub use camera::HostileCamera;
pub use catalogue::catalogue;
pub use limit::Limit;
pub use path::Path;
pub use row::Row;
pub use scenario::{Account, Expected, Scenario, Threat};
pub use table::markdown;
