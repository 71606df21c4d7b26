//! What the supervisor answers. Sans-IO.

use rustix::net::AddressFamily;

/// A system call that a worker waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `socket`, with its arguments.
    Socket { family: u32, kind: u32, protocol: u32 },
    /// `connect`, of which nothing is looked at.
    Connect,
    /// The filter asks about no other; a process that made a listener of its own could.
    Other,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `socket`: the camera's connection.
    Injected,
    /// `connect`: success, and nothing done.
    Connected,
    /// `EACCES`. After [`Answer::Connected`], or for a socket that is no TCP socket, no worker that
    /// is what it should be asks for this.
    Refused,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no socket for it yet.
    Early,
    /// There is one of this family.
    Offered(AddressFamily),
    /// It has its socket and will connect it.
    Injected,
    /// It has had all it gets.
    Done,
}

impl Stage {
    /// What a call made at this stage is answered.
    pub(super) fn answer(self, call: Call) -> Answer {
        match (self, call) {
            (Self::Offered(family), Call::Socket { .. }) if is_tcp(call, family) => {
                Answer::Injected
            }
            (Self::Injected, Call::Connect) => Answer::Connected,
            _ => Answer::Refused,
        }
    }

    /// The stage after `answer` was given.
    pub(super) const fn after(self, answer: Answer) -> Self {
        match answer {
            Answer::Injected => Self::Injected,
            Answer::Connected => Self::Done,
            Answer::Refused => self,
        }
    }
}

/// Whether `call` asks for what the camera's socket is.
fn is_tcp(call: Call, socket: AddressFamily) -> bool {
    if cfg!(feature = "without-socket-check") {
        return true;
    }
    const FLAGS: u32 = libc::SOCK_NONBLOCK.cast_unsigned() | libc::SOCK_CLOEXEC.cast_unsigned();
    let Call::Socket { family, kind, protocol } = call else { return false };
    family == u32::from(socket.as_raw())
        && kind & !FLAGS == libc::SOCK_STREAM.cast_unsigned()
        && (protocol == 0 || protocol == libc::IPPROTO_TCP.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(family: i32, kind: i32, protocol: i32) -> Call {
        let [family, kind, protocol] = [family, kind, protocol].map(i32::cast_unsigned);
        Call::Socket { family, kind, protocol }
    }

    fn tcp() -> Call {
        socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0)
    }

    const OFFERED: Stage = Stage::Offered(AddressFamily::INET);

    #[test]
    fn one_socket_and_one_connect_in_that_order() {
        let mut stage = Stage::Early;
        let asked = |stage: &mut Stage, call| {
            let answer = stage.answer(call);
            *stage = stage.after(answer);
            answer
        };
        assert_eq!(asked(&mut stage, tcp()), Answer::Refused);
        stage = OFFERED;
        assert_eq!(asked(&mut stage, Call::Connect), Answer::Refused);
        assert_eq!(asked(&mut stage, tcp()), Answer::Injected);
        assert_eq!(asked(&mut stage, tcp()), Answer::Refused);
        assert_eq!(asked(&mut stage, Call::Connect), Answer::Connected);
        assert_eq!(asked(&mut stage, Call::Connect), Answer::Refused);
        assert_eq!(asked(&mut stage, tcp()), Answer::Refused);
        assert_eq!(stage, Stage::Done);
    }

    #[test]
    fn what_is_no_tcp_socket_is_refused_and_uses_nothing_up() {
        let others = [
            socket(libc::AF_UNIX, libc::SOCK_STREAM, 0),
            socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
            socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
            socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
            socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
            // The camera has an address of the other family.
            socket(libc::AF_INET6, libc::SOCK_STREAM, 0),
            socket(libc::AF_INET, libc::SOCK_DGRAM, 0),
            socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP),
            socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
            socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
            socket(libc::AF_INET, libc::SOCK_STREAM | 1 << 30, 0),
            Call::Other,
        ];
        for call in others {
            let answer = OFFERED.answer(call);
            assert_eq!((answer, OFFERED.after(answer)), (Answer::Refused, OFFERED), "{call:?}");
        }
        assert_eq!(OFFERED.answer(tcp()), Answer::Injected);
        let with_protocol = socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP);
        assert_eq!(OFFERED.answer(with_protocol), Answer::Injected);
    }
}
