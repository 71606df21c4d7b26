//! The closed vocabulary that crosses the boundary instead of text.
//!
//! Everything the camera side has to say about a camera is one of these codes. An unknown code is
//! a broken or hostile worker, and reads as the `Unknown` of its kind.

/// Declares a code enum with its number, metric label and slate text in one table.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code),+ }

        impl $name {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code's number, as it crosses the boundary.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The code of that number; `Unknown` for a number that has none.
            #[must_use]
            pub const fn from_code(code: u64) -> Self {
                match code { $($code => Self::$variant,)+ _ => Self::Unknown }
            }

            /// The code's name in metrics and logs: lower case, words joined by `_`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.label())
            }
        }
    };
}

codes! {
    /// What the camera side's isolation self-check found.
    SideIsolation {
        /// Nothing: it was not made, for want of a configured interface.
        NotMade = 0, "not_made";
        /// No check failed that is not allowed to.
        Holds = 1, "holds";
        /// One did, or the kernel did not say.
        Failed = 2, "failed";
        /// A code this version does not know.
        Unknown = 255, "unknown";
    }
}

codes! {
    /// What an ingest worker is doing.
    IngestState {
        /// No worker has run yet.
        Idle = 0, "idle";
        /// A worker runs and has no stream yet.
        Connecting = 1, "connecting";
        /// Pictures arrive.
        Streaming = 2, "streaming";
        /// The last worker ended; the next start is waited for.
        BackingOff = 3, "backing_off";
        /// A code this version does not know.
        Unknown = 255, "unknown";
    }
}

codes! {
    /// What the camera sends.
    Codec {
        /// Nothing yet.
        None = 0, "none";
        /// H.264 (RFC 6184).
        H264 = 1, "h264";
        /// H.265 (RFC 7798).
        H265 = 2, "h265";
        /// Motion JPEG (RFC 2435).
        Mjpeg = 3, "mjpeg";
        /// A code this version does not know.
        Unknown = 255, "unknown";
    }
}

codes! {
    /// Why a camera has no picture, or why its worker ended. Also the worker's exit code.
    Fault {
        /// All is well.
        None = 0, "none";
        /// The camera refused the connection.
        ConnectionRefused = 10, "connection_refused";
        /// No answer to the connection attempt in time.
        ConnectTimeout = 11, "connect_timeout";
        /// No route to the camera.
        Unreachable = 12, "unreachable";
        /// The host name in the camera's URL does not resolve.
        NameNotResolved = 13, "name_not_resolved";
        /// 401: user name or password are wrong, or missing.
        AuthenticationFailed = 14, "authentication_failed";
        /// The camera asks for HTTP Basic and the configuration does not allow it.
        BasicNotAllowed = 15, "basic_not_allowed";
        /// 403, or a vendor's "too many users".
        Forbidden = 16, "forbidden";
        /// 404: no stream at the configured path.
        NotFound = 17, "not_found";
        /// 453 or 503: the camera has no capacity for another session.
        CameraBusy = 18, "camera_busy";
        /// Any other RTSP status that is not success.
        RtspStatus = 19, "rtsp_status";
        /// The camera took the connection and did not answer a request in time.
        ResponseTimeout = 20, "response_timeout";
        /// What the camera sent is not RTSP, or breaks its rules.
        ProtocolViolation = 21, "protocol_violation";
        /// The description has no video.
        NoVideo = 22, "no_video";
        /// The video's codec is none of those decoded here.
        UnsupportedCodec = 23, "unsupported_codec";
        /// The video's profile is none of those decoded here, or its pictures are larger than
        /// allowed or of another sample format.
        UnsupportedPicture = 24, "unsupported_picture";
        /// The camera ended the stream.
        StreamEnded = 25, "stream_ended";
        /// The connection stands and no picture comes.
        NoPictures = 26, "no_pictures";
        /// The decoder gave up.
        DecodeFailed = 27, "decode_failed";
        /// The connection broke.
        ConnectionLost = 28, "connection_lost";
        /// What the camera sends is kept from the decoder: it breaks the rules of its format.
        StreamRefused = 29, "stream_refused";
        /// The camera sends more than any camera needs to.
        TooMuchData = 30, "too_much_data";
        /// The configured network interface is not there.
        InterfaceMissing = 38, "interface_missing";
        /// The worker could not be started: its binary is missing or does not run.
        WorkerMissing = 40, "worker_missing";
        /// The worker could not make its decoder or map its ring.
        WorkerSetup = 41, "worker_setup";
        /// The worker panicked or ended with an unknown exit code.
        WorkerCrashed = 42, "worker_crashed";
        /// The worker was killed by a signal.
        WorkerKilled = 43, "worker_killed";
        /// The worker made no progress and was killed.
        WorkerWedged = 44, "worker_wedged";
        /// The gateway is stopping.
        Stopped = 45, "stopped";
        /// The worker could not lock itself in.
        JailRefused = 46, "jail_refused";
        /// The worker was killed for a system call that its jail forbids.
        JailViolation = 47, "jail_violation";
        /// A code this version does not know.
        Unknown = 255, "unknown";
    }
}

impl Fault {
    /// How many counters the status block keeps for faults: one a code below 64.
    pub const COUNTERS: usize = 64;

    /// Whether the camera itself answered with this, so that asking again at once is rude.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::ConnectionRefused
                | Self::AuthenticationFailed
                | Self::BasicNotAllowed
                | Self::Forbidden
                | Self::NotFound
                | Self::CameraBusy
                | Self::RtspStatus
                | Self::NoVideo
                | Self::UnsupportedCodec
                | Self::UnsupportedPicture
        )
    }

    /// For an operator: what was expected and what was found, and so whose fault it is.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::None => "all is well",
            Self::ConnectionRefused => "expected the camera to take a connection, found it refused",
            Self::ConnectTimeout => {
                "expected an answer to the connection attempt, found none in time"
            }
            Self::Unreachable => "expected a route to the camera, found none",
            Self::NameNotResolved => "expected the host name in `url` to resolve, found no address",
            Self::AuthenticationFailed => {
                "expected the camera to accept `username` and `password_file`, found 401 Unauthorized"
            }
            Self::BasicNotAllowed => {
                "expected a Digest challenge, found HTTP Basic, which `basic = false` refuses"
            }
            Self::Forbidden => "expected access to the stream, found 403 Forbidden",
            Self::NotFound => "expected a stream at the path of `url`, found 404 Not Found",
            Self::CameraBusy => "expected room for one more session, found the camera at its limit",
            Self::RtspStatus => "expected an RTSP success status, found another",
            Self::ResponseTimeout => "expected an RTSP answer, found none in time",
            Self::ProtocolViolation => "expected RTSP, found bytes that are not",
            Self::NoVideo => "expected a video track in the description, found none",
            Self::UnsupportedCodec => "expected H.264, H.265 or JPEG video, found another codec",
            Self::UnsupportedPicture => {
                "expected 8-bit 4:2:0 video of at most 3840x2160 in a known profile, found other"
            }
            Self::StreamEnded => "expected a running stream, found its end",
            Self::NoPictures => "expected pictures, found none in time",
            Self::DecodeFailed => "expected video that decodes, found video that does not",
            Self::ConnectionLost => "expected a standing connection, found it broken",
            Self::InterfaceMissing => {
                "expected `camera_network.interface` to be an interface of this host, found none"
            }
            Self::StreamRefused => {
                "expected well-formed video of a camera, found what no decoder should see"
            }
            Self::TooMuchData => "expected as many bytes as video has, found a flood",
            Self::WorkerMissing => {
                "expected `cofferdam-ingest` beside `cofferdam`, found none that runs"
            }
            Self::WorkerSetup => {
                "expected the worker to make its decoder and map its ring, found it could not"
            }
            Self::WorkerCrashed => "expected the worker to run on, found it crashed",
            Self::WorkerKilled => "expected the worker to run on, found it killed by a signal",
            Self::WorkerWedged => "expected signs of life from the worker, found none in time",
            Self::Stopped => "the gateway is stopping",
            Self::JailRefused => "expected every layer of the worker's jail, found one missing",
            Self::JailViolation => {
                "expected the worker to keep to its system calls, found it killed for another"
            }
            Self::Unknown => "expected a known fault code, found another",
        }
    }

    /// What a viewer is told on the slate: at most 22 upper-case characters.
    #[must_use]
    pub const fn slate_text(self) -> &'static str {
        match self {
            Self::AuthenticationFailed | Self::BasicNotAllowed | Self::Forbidden => "AUTH FAILED",
            Self::NotFound => "NO SUCH STREAM",
            Self::CameraBusy => "CAMERA BUSY",
            Self::NoVideo => "NO VIDEO TRACK",
            Self::UnsupportedCodec | Self::UnsupportedPicture => "UNSUPPORTED VIDEO",
            Self::RtspStatus | Self::ProtocolViolation | Self::TooMuchData => "CAMERA ERROR",
            Self::DecodeFailed => "DECODE FAILED",
            Self::StreamRefused => "VIDEO REFUSED",
            Self::InterfaceMissing
            | Self::WorkerMissing
            | Self::WorkerSetup
            | Self::WorkerCrashed
            | Self::WorkerKilled
            | Self::WorkerWedged
            | Self::JailRefused
            | Self::JailViolation => "GATEWAY FAULT",
            _ => "NO SIGNAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_crossing_and_others_are_unknown() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_code(u64::from(fault.code())), *fault);
            assert!(fault.slate_text().len() <= 22);
        }
        for code in [1, 63, 64, 254, 256, 256 + 10, u64::MAX] {
            assert_eq!(Fault::from_code(code), Fault::Unknown);
        }
        assert_eq!(IngestState::from_code(2), IngestState::Streaming);
        assert_eq!(Codec::from_code(9), Codec::Unknown);
        assert_eq!(SideIsolation::from_code(2), SideIsolation::Failed);
        assert_eq!(SideIsolation::from_code(3), SideIsolation::Unknown);
    }

    #[test]
    fn labels_are_distinct() {
        let labels: std::collections::HashSet<_> = Fault::ALL.iter().map(|f| f.label()).collect();
        assert_eq!(labels.len(), Fault::ALL.len());
    }
}
