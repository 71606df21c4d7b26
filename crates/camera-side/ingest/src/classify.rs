//! What went wrong, as one of the codes that may cross the boundary.
//!
//! retina's errors are opaque: a status code, and a text made for people. Where the status does not
//! tell, the text's *beginning* does, which is retina's own; what follows may be the camera's words
//! and is neither compared nor repeated.

use cofferdam_picture_ring::Fault;
use rustix::io::Errno;

/// Whether a session goes on after an error in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// One packet is bad; those after it may not be.
    Damage,
    /// There is nothing more to be had of this connection.
    End(Fault),
}

/// The fault of a request that failed: connecting, DESCRIBE, SETUP or PLAY.
pub(crate) fn request_fault(error: &retina::Error) -> Fault {
    fault(error.status_code(), &error.to_string())
}

/// What an error in the stream means for the session. A stream that breaks off is a lost
/// connection or an ended stream, by what the network said.
pub(crate) fn stream_severity(error: &retina::Error) -> Severity {
    severity(error.status_code(), &error.to_string())
}

fn fault(status: Option<u16>, text: &str) -> Fault {
    match status {
        // Success that retina could make no sense of.
        Some(200..300) => return Fault::ProtocolViolation,
        Some(401) => return Fault::AuthenticationFailed,
        Some(403) => return Fault::Forbidden,
        Some(404) => return Fault::NotFound,
        Some(453 | 503) => return Fault::CameraBusy,
        Some(_) => return Fault::RtspStatus,
        None => {}
    }
    if let Some(system) = text.strip_prefix("Unable to connect to RTSP server: ") {
        return connect_fault(os_error(system));
    }
    if text.starts_with("Error reading from RTSP peer: ")
        || text.starts_with("Error writing to RTSP peer: ")
        || truncated(text)
    {
        return Fault::ConnectionLost;
    }
    if text.starts_with("Timeout") {
        return Fault::ResponseTimeout;
    }
    Fault::ProtocolViolation
}

fn severity(status: Option<u16>, text: &str) -> Severity {
    if status.is_some() {
        return Severity::End(fault(status, text));
    }
    if truncated(text) {
        return Severity::End(Fault::StreamEnded);
    }
    if text.starts_with("Error reading from RTSP peer: Server failed to respond to keepalive") {
        return Severity::End(Fault::ResponseTimeout);
    }
    let ends = [
        "Error reading from RTSP peer: ",
        "Error writing to RTSP peer: ",
        "RTSP framing error: ",
        "Timeout",
        "Internal error: ",
        "Failed precondition: ",
        "Invalid argument: ",
    ];
    if ends.iter().any(|start| text.starts_with(start)) {
        Severity::End(fault(status, text))
    } else {
        Severity::Damage
    }
}

/// The connection ended in the middle of a message.
fn truncated(text: &str) -> bool {
    text.starts_with("RTSP framing error: Incomplete RTSP message at EOF")
}

/// The number in the system's `… (os error 111)`.
fn os_error(text: &str) -> Option<Errno> {
    let (_, number) = text.rsplit_once("(os error ")?;
    number.split_once(')')?.0.parse().ok().map(Errno::from_raw_os_error)
}

const fn connect_fault(error: Option<Errno>) -> Fault {
    match error {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => Fault::ConnectionRefused,
        Some(Errno::TIMEDOUT) => Fault::ConnectTimeout,
        // No descriptors, or a broker that gives no second socket, or a broker that is gone.
        Some(Errno::MFILE | Errno::NFILE | Errno::ACCESS | Errno::PERM | Errno::NOSYS) => {
            Fault::WorkerSetup
        }
        _ => Fault::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let table = [
            (200, Fault::ProtocolViolation),
            (401, Fault::AuthenticationFailed),
            (403, Fault::Forbidden),
            (404, Fault::NotFound),
            (453, Fault::CameraBusy),
            (503, Fault::CameraBusy),
            (301, Fault::RtspStatus),
            (454, Fault::RtspStatus),
            (500, Fault::RtspStatus),
        ];
        for (status, expected) in table {
            assert_eq!(fault(Some(status), ""), expected, "{status}");
        }
    }

    #[test]
    fn what_the_network_said() {
        let connect =
            |text: &str| fault(None, &format!("Unable to connect to RTSP server: {text}"));
        assert_eq!(connect("Connection refused (os error 111)"), Fault::ConnectionRefused);
        assert_eq!(connect("Connection timed out (os error 110)"), Fault::ConnectTimeout);
        assert_eq!(connect("No route to host (os error 113)"), Fault::Unreachable);
        assert_eq!(connect("Network is unreachable (os error 101)"), Fault::Unreachable);
        assert_eq!(connect("Permission denied (os error 13)"), Fault::WorkerSetup);
        assert_eq!(connect("Function not implemented (os error 38)"), Fault::WorkerSetup);
        assert_eq!(connect("odd"), Fault::Unreachable);
        let read =
            "Error reading from RTSP peer: Connection reset by peer (os error 104)\n\nconn: x";
        assert_eq!(fault(None, read), Fault::ConnectionLost);
        assert_eq!(severity(None, read), Severity::End(Fault::ConnectionLost));
    }

    #[test]
    fn a_cameras_words_decide_nothing() {
        let quoting = "bad packet: Unable to connect to RTSP server: x (os error 111)";
        assert_eq!(fault(None, quoting), Fault::ProtocolViolation);
        assert_eq!(severity(None, quoting), Severity::Damage);
        let framing = "RTSP framing error: Invalid RTSP message: Error reading from RTSP peer: ";
        assert_eq!(severity(None, framing), Severity::End(Fault::ProtocolViolation));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn retina_still_words_its_errors_so() {
        // A port that was just free, and is again.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("rtsp://{}/", listener.local_addr().unwrap());
        drop(listener);
        let options = retina::client::SessionOptions::default();
        let result = retina::client::Session::describe(url.parse().unwrap(), options).await;
        assert_eq!(request_fault(&result.err().unwrap()), Fault::ConnectionRefused);
    }
}
