//! The cases that the running gateway and the fuzzer are given as well: requests and their answers.

mod cases;
mod support;

use cofferdam_rtsp::{Access, Frame, Framer, Output};
use support::{Mounts, Reader, status_of};

/// What an anonymous reader is sent in answer to bytes: outputs until nothing is left of them.
fn outputs(bytes: &[u8]) -> Vec<Output> {
    let mut reader = Reader::new(Access::Anonymous);
    let (mut framer, mut outputs) = (Framer::new(), Vec::new());
    framer.push(bytes);
    loop {
        let connection = &mut reader.connection;
        outputs.extend(match framer.next_frame() {
            Ok(None) => return outputs,
            Ok(Some(Frame::Request(request))) => {
                connection.handle_request(reader.now, &request, &Mounts)
            }
            Ok(Some(Frame::Malformed(malformed))) => {
                connection.handle_malformed(reader.now, &malformed)
            }
            Ok(Some(Frame::Interleaved { .. })) => Vec::new(),
            Err(error) => {
                outputs.extend(connection.handle_frame_error(reader.now, error));
                return outputs;
            }
        });
    }
}

#[test]
fn what_is_odd_and_makes_sense_is_answered_and_not_counted() {
    for (bytes, status) in cases::ODD {
        let outputs = outputs(bytes);
        assert_eq!(status_of(&outputs), *status, "{}", bytes.escape_ascii());
        let counted = outputs.iter().any(|output| matches!(output, Output::Malformed(_)));
        assert!(!counted, "{}: {outputs:?}", bytes.escape_ascii());
    }
}

#[test]
fn what_makes_no_sense_is_answered_or_closed_and_counted() {
    for (bytes, status, goes_on, reason) in cases::NONSENSE {
        let outputs = outputs(bytes);
        let what = bytes.escape_ascii();
        let answered = outputs.iter().any(|output| matches!(output, Output::Answer(_)));
        assert_eq!(if answered { status_of(&outputs) } else { 0 }, *status, "{what}");
        let closed = outputs.iter().any(|output| matches!(output, Output::Close(_)));
        assert_eq!(closed, !goes_on, "{what}");
        let counted: Vec<_> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Malformed(reason) => Some(reason.label()),
                _ => None,
            })
            .collect();
        // Which channels are agreed on is the shell's to know.
        let expected: &[&str] = if *reason == "channel" { &[] } else { &[reason] };
        assert_eq!(counted, expected, "{what}");
    }
}
