//! The pictures that simulated cameras see.

pub mod barcode;
mod draw;
mod text;

pub(crate) use draw::{Clock, Painter, expand_to_full_range};
