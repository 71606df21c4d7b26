//! How the core side hands its rings to the camera side.
#![forbid(unsafe_code)]
