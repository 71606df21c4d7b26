//! Scaling and letterboxing of pictures.
//!
//! A published stream never changes shape, so whatever size a camera sends is fitted into the
//! configured [`Geometry`](cofferdam_picture::Geometry): scaled with its display aspect kept, and
//! bordered with black. The same code makes the smaller `sub` pictures on the core side.
//!
//! Planes come in as slices with strides ([`PlanesRef`]) and are checked once; after that nothing
//! here can fail on pixels, whatever their values.
#![forbid(unsafe_code)]

mod fit;
mod planes;
mod scaler;

pub use fit::{Rect, SourceShape, SourceShapeError, fit};
pub use planes::{PlaneRef, PlanesRef};
pub use scaler::{ScaleError, Scaler};
