//! Whatever a reader does, in whatever order, the rules hold.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::OnceLock;
use std::time::Duration;

use cofferdam_rtsp::{Access, FirstPacket, Output, State};
use proptest::prelude::*;
use support::{NONCE, Reader, accounts, closed, digest, replace};

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
const URLS: [&str; 7] = [
    "rtsp://gw/lobby/main",
    "rtsp://gw/lobby/main/trackID=0",
    "rtsp://gw/lobby/sub/",
    "rtsp://gw/lobby/many",
    "rtsp://gw/lost/main",
    "*",
    "bad url",
];
const HEADERS: [&str; 7] = [
    "Transport: RTP/AVP/TCP;interleaved=0-1",
    "Transport: RTP/AVP;client_port=5000",
    "Transport: RTP/AVP;mode=\"",
    "Transport: RTP/AVP;multicast",
    "Session: 1",
    "Require: x",
    "X-Y: z",
];

/// How a request says who sends it.
#[derive(Clone, Copy, Debug)]
enum Claim {
    None,
    Right,
    Wrong,
    Foreign,
    Other,
    Broken,
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        2 => Just(Claim::None),
        3 => Just(Claim::Right),
        1 => Just(Claim::Wrong),
        1 => Just(Claim::Foreign),
        1 => Just(Claim::Other),
        1 => Just(Claim::Broken),
    ]
}

impl Claim {
    fn header(self, method: &str, url: &str) -> Option<String> {
        let (name, password, nonce) = match self {
            Self::None => return None,
            Self::Broken => return Some("Authorization: Digest username=\"vms".into()),
            Self::Right => ("vms", "right password", NONCE),
            Self::Wrong => ("vms", "wrong password", NONCE),
            Self::Foreign => ("vms", "right password", "0"),
            Self::Other => ("other", "right password", NONCE),
        };
        Some(digest::plain(name, password, nonce, method, url))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Request {
        method: usize,
        url: usize,
        headers: Vec<String>,
        with_session: bool,
        claim: Claim,
    },
    Bytes(Vec<u8>),
    FirstUnit,
    MountEnded,
    Packet,
    /// Whether "vms" stays.
    AccountsReplaced(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let header = prop_oneof![
        9 => (0..HEADERS.len()).prop_map(|i| HEADERS[i].to_owned()),
        1 => "(Transport|Session|CSeq|Range): [ -~]{0,40}",
    ];
    // The valid sequence often, so that runs get as far as playing.
    prop_oneof![
        4 => (
            0..METHODS.len(),
            0..URLS.len(),
            proptest::collection::vec(header, 0..3),
            any::<bool>(),
            claim(),
        )
            .prop_map(|(method, url, headers, with_session, claim)| Step::Request {
                method, url, headers, with_session, claim
            }),
        3 => (2usize..6).prop_map(|method| Step::Request {
            method, url: 0, headers: vec![HEADERS[0].into()], with_session: true, claim: Claim::Right
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Bytes),
        1 => Just(Step::FirstUnit),
        1 => Just(Step::MountEnded),
        1 => Just(Step::Packet),
        1 => prop::bool::weighted(0.7).prop_map(Step::AccountsReplaced),
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
                Output::Login(_) | Output::Malformed(_) => {}
                Output::CheckPassword(_) => unreachable!("Basic in clear"),
                Output::Close(_) => self.closed = true,
            }
        }
    }
}

fn run(access: &Access, may_nothing: bool, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let has_accounts = matches!(access, Access::Accounts(_));
    let mut reader = Reader::new(access.clone());
    let mut shell = Shell::default();
    if !may_nothing && has_accounts {
        replace(access, |_| true);
    }
    for step in steps {
        let before = reader.connection.state();
        let outputs = match step {
            // What cannot be framed is another test's; here it comes behind a good first line.
            Step::Bytes(bytes) if !reader.connection.is_holding() => {
                let mut text = b"OPTIONS * RTSP/1.0\r\nX: ".to_vec();
                text.extend(bytes.into_iter().filter(|b| !matches!(b, b'\r' | b'\n')));
                text.extend(b"\r\n\r\n");
                shell.owed += 1;
                reader.send_bytes(&text)
            }
            // As the shell does: nothing is read while a request waits.
            Step::Bytes(_) | Step::Request { .. } if reader.connection.is_holding() => continue,
            Step::Bytes(_) => continue,
            Step::Request { method, url, mut headers, with_session, claim } => {
                shell.owed += 1;
                headers.extend(claim.header(METHODS[method], URLS[url]));
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
            Step::AccountsReplaced(_) if may_nothing || !has_accounts => {
                let outputs = reader.connection.handle_accounts_replaced(reader.now);
                prop_assert!(outputs.is_empty(), "nobody has logged in");
                outputs
            }
            Step::AccountsReplaced(vms_stays) => {
                replace(access, |account| vms_stays || account.name.as_str() != "vms");
                let connection = &mut reader.connection;
                let logins = [connection.reader(), connection.session_reader()];
                let is_vms = logins.iter().flatten().any(|name| name.as_str() == "vms");
                let outputs = connection.handle_accounts_replaced(reader.now);
                let is_put_out = matches!(outputs[..], [.., Output::Close(_)]);
                prop_assert_eq!(is_put_out, is_vms && !vms_stays, "{:?}", outputs);
                outputs
            }
            Step::Wait(seconds) => {
                reader.now += Duration::from_secs(seconds);
                reader.deadline()
            }
        };
        shell.take(&outputs);
        let state = reader.connection.state();
        // Every request has its answer, but for a PLAY that waits and for what an end leaves unanswered.
        let waits = state == State::Starting || reader.connection.is_holding();
        prop_assert!(!(state == State::Starting && reader.connection.is_holding()));
        prop_assert!(shell.owed == usize::from(waits) || shell.closed);
        prop_assert_eq!(shell.sending, matches!(state, State::Starting | State::Playing));
        if state == State::Playing {
            prop_assert!(matches!(before, State::Starting | State::Playing));
        }
        let logged_in = reader.connection.reader().is_some();
        if has_accounts && !logged_in {
            prop_assert_eq!(state, State::Init, "a session of nobody's");
        }
        if may_nothing {
            prop_assert!(!logged_in);
        }
        if state != State::Init {
            prop_assert_eq!(reader.connection.session_reader().is_some(), has_accounts);
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
        run(&Access::Anonymous, false, steps)?;
    }

    #[test]
    fn the_rules_hold_for_readers_with_accounts(steps in proptest::collection::vec(step(), 0..40)) {
        // Made once: it takes a while.
        static ACCESS: OnceLock<Access> = OnceLock::new();
        run(ACCESS.get_or_init(accounts), false, steps)?;
    }

    #[test]
    fn a_closed_server_never_has_a_session(steps in proptest::collection::vec(step(), 0..20)) {
        run(&closed(), true, steps)?;
    }
}
