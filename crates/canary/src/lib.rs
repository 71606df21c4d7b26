//! The canary suite's tools: marks, the search for them, and what carries bytes to the search.
//!
//! A *mark* is a handful of random bytes that a camera writes at one *place*: a header, an SDP line,
//! an SEI message. The search looks for every mark in every form that a careless gateway may have
//! given it. It knows no camera format: bytes come in, findings come out. [`relay`] and [`client`]
//! are the thin shells that collect the bytes.
//!
//! A tool, on neither side of the boundary.
#![forbid(unsafe_code)]

pub mod capture;
pub mod client;
pub mod connection;
mod encoding;
mod mark;
pub mod relay;
mod search;
mod views;

pub use capture::{Capture, Kind};
pub use mark::{Mark, MarkError, Planted, PlantedCamera, SHORTEST};
pub use search::{BuildError, Finding, Search, Searched};
