//! Whatever a reader does, in whatever order, the rules hold.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use cofferdam_rtsp::{Access, FirstPacket, Output, State};
use proptest::prelude::*;
use support::Reader;

const METHODS: [&str; 10] = [
    "OPTIONS",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "RECORD",
    "X",
];
const URLS: [&str; 6] = [
    "rtsp://gw/lobby/main",
    "rtsp://gw/lobby/main/trackID=0",
    "rtsp://gw/lobby/sub/",
    "rtsp://gw/lost/main",
    "*",
    "bad url",
];
const HEADERS: [&str; 6] = [
    "Transport: RTP/AVP/TCP;interleaved=0-1",
    "Transport: RTP/AVP;client_port=5000",
    "Transport: RTP/AVP;mode=\"",
    "Session: 1",
    "Require: x",
    "X-Y: z",
];

#[derive(Clone, Debug)]
enum Step {
    Request { method: usize, url: usize, headers: Vec<String>, with_session: bool },
    FirstUnit,
    MountEnded,
    Packet,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let header = prop_oneof![
        9 => (0..HEADERS.len()).prop_map(|i| HEADERS[i].to_owned()),
        1 => "(Transport|Session|CSeq|Range): [ -~]{0,40}",
    ];
    // The valid sequence often, so that runs get as far as playing.
    prop_oneof![
        4 => (0..METHODS.len(), 0..URLS.len(), proptest::collection::vec(header, 0..3), any::<bool>())
            .prop_map(|(method, url, headers, with_session)| Step::Request {
                method, url, headers, with_session
            }),
        3 => (2usize..6).prop_map(|method| Step::Request {
            method, url: 0, headers: vec![HEADERS[0].into()], with_session: true
        }),
        1 => Just(Step::FirstUnit),
        1 => Just(Step::MountEnded),
        1 => Just(Step::Packet),
        1 => (0u64..120).prop_map(Step::Wait),
    ]
}

/// What the outputs so far allow and owe.
#[derive(Default)]
struct Shell {
    sending: bool,
    owed: usize,
    closed: bool,
}

impl Shell {
    fn take(&mut self, outputs: &[Output]) {
        for output in outputs {
            assert!(!self.closed, "an output after the end: {output:?}");
            match output {
                Output::Answer(answer) => {
                    assert!(self.owed > 0, "an answer to nothing");
                    self.owed -= 1;
                    let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
                    assert!(text.starts_with(&format!("RTSP/1.0 {} ", answer.status)));
                    assert!(text.contains("\r\n\r\n"));
                }
                Output::StartPlaying { .. } => {
                    assert!(!self.sending, "started twice");
                    self.sending = true;
                }
                Output::StopPlaying => {
                    assert!(self.sending, "stopped what did not play");
                    self.sending = false;
                }
                Output::EndSession(_) => self.sending = false,
                Output::Close(_) => self.closed = true,
            }
        }
    }
}

fn run(access: Access, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut reader = Reader::new(access);
    let mut shell = Shell::default();
    for step in steps {
        let before = reader.connection.state();
        let outputs = match step {
            Step::Request { method, url, headers, with_session } => {
                shell.owed += 1;
                let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
                let kept = reader.session.clone();
                if !with_session {
                    reader.session = None;
                }
                let outputs = reader.send(METHODS[method], URLS[url], &headers);
                reader.session = session_in(&outputs).or(kept);
                outputs
            }
            Step::FirstUnit => {
                reader.connection.first_unit(reader.now, FirstPacket { sequence: 1, timestamp: 2 })
            }
            Step::MountEnded => {
                let outputs = reader.connection.refuse_play();
                if !outputs.is_empty() {
                    shell.sending = false;
                }
                outputs
            }
            Step::Packet => {
                reader.connection.keep_alive(reader.now);
                Vec::new()
            }
            Step::Wait(seconds) => {
                reader.now += Duration::from_secs(seconds);
                reader.connection.handle_deadline(reader.now)
            }
        };
        shell.take(&outputs);
        let state = reader.connection.state();
        // Every request has its answer, but for a PLAY that waits.
        prop_assert_eq!(shell.owed, usize::from(state == State::Starting));
        prop_assert_eq!(shell.sending, matches!(state, State::Starting | State::Playing));
        if state == State::Playing {
            prop_assert!(matches!(before, State::Starting | State::Playing));
        }
        if access == Access::Closed {
            prop_assert_eq!(state, State::Init);
        }
        if shell.closed {
            return Ok(());
        }
        prop_assert!(reader.connection.deadline() > reader.now, "a deadline that stays due");
    }
    Ok(())
}

fn session_in(outputs: &[Output]) -> Option<String> {
    outputs.iter().find_map(|output| {
        let Output::Answer(answer) = output else { return None };
        let text = String::from_utf8(answer.bytes.to_vec()).ok()?;
        let session = text.lines().find_map(|line| line.strip_prefix("Session: "))?;
        session.split(';').next().map(str::to_owned)
    })
}

proptest! {
    #[test]
    fn the_rules_hold_for_an_anonymous_reader(steps in proptest::collection::vec(step(), 0..40)) {
        run(Access::Anonymous, steps)?;
    }

    #[test]
    fn a_closed_server_never_has_a_session(steps in proptest::collection::vec(step(), 0..20)) {
        run(Access::Closed, steps)?;
    }
}
