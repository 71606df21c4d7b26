//! What can go wrong, without a word of what was in the data.

use std::path::PathBuf;

/// Why GStreamer or a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The library itself did not start.
    #[error("GStreamer did not start: {0}")]
    Library(String),
    /// No folder of [`PLUGIN_FOLDERS`](crate::PLUGIN_FOLDERS) has a file of that name.
    #[error("plugin {0}: found in none of the usual plugin folders")]
    Missing(String),
    /// The file is there and is no plugin that can be loaded.
    #[error("plugin {path}: {reason}")]
    Unloadable {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
}

/// Why a codec could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// No loaded plugin has an element of that name.
    #[error("element {0}: not in any loaded plugin")]
    Element(String),
    /// The element has no such property, or it does not take this value.
    #[error("element {element}: property {property} does not take {value:?}")]
    Property {
        /// The element's name.
        element: String,
        /// The property's name.
        property: String,
        /// The value given.
        value: String,
    },
    /// A text is no caps, or no fixed caps where fixed ones are needed.
    #[error("caps {0:?}: not understood")]
    Caps(String),
    /// The element has no always-present pad to link, or does not take these caps.
    #[error("element {0}: does not take these caps")]
    Link(String),
    /// The element did not reach the playing state.
    #[error("element {0}: did not start")]
    Start(String),
}

/// Why data was not taken, or its result not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The element gave up: a decoder on broken data, an encoder on its settings.
    #[error("the codec gave up")]
    Failed,
    /// The element found no format in common with what was offered to it.
    #[error("the codec does not take this format")]
    NotNegotiated,
    /// The element did not take an event (a change of caps, a key-frame request, a flush).
    #[error("the codec did not take {0}")]
    Event(&'static str),
    /// What came out cannot be mapped as what its caps say it is.
    #[error("the codec's output is not what it says it is")]
    Output,
    /// A raw picture of another size than its caps say.
    #[error("expected a picture of {expected} bytes, found {found}")]
    Size {
        /// Bytes of a picture of the caps' size.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

impl From<gstreamer::FlowError> for CodecError {
    fn from(error: gstreamer::FlowError) -> Self {
        match error {
            gstreamer::FlowError::NotNegotiated => Self::NotNegotiated,
            _ => Self::Failed,
        }
    }
}
