//! A worker that gets one socket, already connected, and not another one: the real filter, in real
//! processes.
//!
//! A worker here is this very program again, with the name of a part to play in its environment
//! (see [`worker`]). What it found it writes into a pipe.
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cofferdam_jail::broker::{Answer, CameraSocket, Supervisor, install};
use cofferdam_jail::{WorkerCommand, inherited, pipe};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);
const CHANNEL: i32 = 3;
const REPORT: i32 = 4;
/// What says hello to whoever connects.
const GREETING: &[u8; 5] = b"hello";

// ---- the supervisor's side of the tests ----

/// A worker that has installed its filter.
struct Worker {
    child: Child,
    channel: UnixStream,
    report: File,
    supervisor: Supervisor,
}

impl Worker {
    /// Starts this program as a worker that plays `part`, with the address of a host that it is
    /// never to reach.
    async fn start(part: &str, elsewhere: SocketAddr) -> Self {
        let (ours, theirs) = StdUnixStream::pair().unwrap();
        let (report, write) = pipe().unwrap();
        let child = WorkerCommand::new(&std::env::current_exe().unwrap())
            .argument("worker")
            .argument("--exact")
            .environment("PART", part)
            .environment("ELSEWHERE", &elsewhere.to_string())
            .descriptor(CHANNEL, theirs.into())
            .descriptor(REPORT, write)
            .spawn()
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        let channel = UnixStream::from_std(ours).unwrap();
        let supervisor = timeout(DEADLINE, Supervisor::receive(&channel)).await.unwrap().unwrap();
        let supervisor = supervisor.expect("a listener");
        Self { child, channel, report: File::from(report), supervisor }
    }

    /// Tells the worker to go on.
    async fn go(&mut self) {
        self.channel.write_all(&[1]).await.unwrap();
    }

    /// Answers all of its questions until it is gone.
    async fn answers(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(answer) = timeout(DEADLINE, self.supervisor.next()).await.unwrap().unwrap() {
            answers.push(answer);
        }
        answers
    }

    /// Waits for its end, and reads what it found.
    async fn found(&mut self) -> String {
        let status = timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap();
        let mut text = String::new();
        self.report.read_to_string(&mut text).unwrap();
        assert!(status.success(), "{status}: {text}");
        text
    }

    /// Waits until one of its threads stands in `call`.
    async fn stands_in(&self, call: libc::c_long) {
        let tasks = format!("/proc/{}/task", self.child.id().unwrap());
        let stands = || {
            std::fs::read_dir(&tasks).unwrap().flatten().any(|task| {
                let said = std::fs::read_to_string(task.path().join("syscall")).unwrap_or_default();
                said.split(' ').next() == Some(&call.to_string())
            })
        };
        let waiting = async {
            while !stands() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(DEADLINE, waiting).await.expect("a thread in that call");
    }
}

/// Something to connect to, and whether anyone did.
struct Host(TcpListener);

impl Host {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Two ends of one connection: the dialer's, and the camera's.
    fn connection(&self) -> (TcpStream, TcpStream) {
        let ours = TcpStream::connect(self.address()).unwrap();
        // A loopback connection is there to be accepted once `connect` has returned.
        let (theirs, _) = self.0.accept().unwrap();
        theirs.set_nonblocking(false).unwrap();
        (ours, theirs)
    }

    fn assert_untouched(&self) {
        assert_eq!(self.0.accept().err().map(|e| e.kind()), Some(ErrorKind::WouldBlock));
        // The control: had anyone connected, this is how it would have shown.
        let _visitor = TcpStream::connect(self.address()).unwrap();
        assert!(self.0.accept().is_ok());
    }
}

#[tokio::test]
async fn the_first_socket_is_the_cameras_and_no_other_is_given() {
    let (camera, elsewhere) = (Host::new(), Host::new());
    let mut worker = Worker::start("read a camera", elsewhere.address()).await;
    let (connection, mut at_camera) = camera.connection();
    at_camera.write_all(GREETING).unwrap();
    worker.supervisor.offer(CameraSocket::new(connection).unwrap());
    worker.go().await;

    use Answer::{Connected, Injected, Refused};
    assert_eq!(worker.answers().await, [Injected, Connected, Refused, Refused]);
    assert_eq!(worker.found().await, "read hello\nsocket 13\nconnect 13\n");
    let mut heard = String::new();
    at_camera.read_to_string(&mut heard).unwrap();
    // The end of the stream: no copy is left open here.
    assert_eq!(heard, "thanks");
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn other_sockets_are_refused_and_do_not_use_up_the_cameras() {
    let (camera, elsewhere) = (Host::new(), Host::new());
    let mut worker = Worker::start("try other sockets first", elsewhere.address()).await;
    let (connection, mut at_camera) = camera.connection();
    at_camera.write_all(GREETING).unwrap();
    worker.supervisor.offer(CameraSocket::new(connection).unwrap());
    worker.go().await;
    let answers = worker.answers().await;
    let found = worker.found().await;
    let (last, refused) = found.trim_end().split_last_line();
    assert_eq!(last, "read hello", "{found}");
    assert!(refused.lines().all(|line| line.ends_with(" 13")), "{found}");
    assert_eq!(refused.lines().count(), FAMILIES.len() + 1);
    assert_eq!(answers.iter().filter(|a| **a == Answer::Refused).count(), FAMILIES.len() + 1);
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn before_there_is_a_connection_every_socket_is_refused() {
    let elsewhere = Host::new();
    let mut worker = Worker::start("ask for a socket", elsewhere.address()).await;
    worker.go().await;
    assert_eq!(worker.answers().await, [Answer::Refused]);
    assert_eq!(worker.found().await, "socket 13\n");
}

#[tokio::test]
async fn threads_children_and_other_programs_are_asked_about_too() {
    let elsewhere = Host::new();
    let mut worker = Worker::start("hand the question on", elsewhere.address()).await;
    worker.go().await;
    let answers = worker.answers().await;
    assert!(answers.len() >= 2 && answers.iter().all(|a| *a == Answer::Refused), "{answers:?}");
    assert_eq!(worker.found().await, "thread that was there before: 13\nbash failed\n");
    elsewhere.assert_untouched();
}

/// `sendto` can connect (TCP fast open), and `listen` can bind: not on a socket that is connected.
#[tokio::test]
async fn the_cameras_socket_is_good_for_nothing_else() {
    let (camera, elsewhere) = (Host::new(), Host::new());
    let mut worker = Worker::start("misuse the socket", elsewhere.address()).await;
    let (connection, at_camera) = camera.connection();
    worker.supervisor.offer(CameraSocket::new(connection).unwrap());
    drop(at_camera);
    worker.go().await;
    worker.answers().await;
    let expected = [("fast open", Errno::ISCONN), ("listen", Errno::INVAL), ("bind", Errno::INVAL)];
    let expected: String =
        expected.iter().map(|(what, errno)| format!("{what} {}\n", errno.raw_os_error())).collect();
    assert_eq!(worker.found().await, expected);
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn without_a_supervisor_sockets_fail_and_do_not_hang() {
    let elsewhere = Host::new();
    let mut worker = Worker::start("ask for a socket", elsewhere.address()).await;
    let Worker { child, channel, report, supervisor } = &mut worker;
    let _ = (&child, &report);
    // Dropped before the question.
    let other = Worker::start("ask for a socket", elsewhere.address()).await;
    drop(std::mem::replace(supervisor, other.supervisor));
    channel.write_all(&[1]).await.unwrap();
    assert_eq!(worker.found().await, format!("socket {}\n", Errno::NOSYS.raw_os_error()));
}

#[tokio::test]
async fn a_question_is_ended_when_the_supervisor_dies() {
    let elsewhere = Host::new();
    let mut worker = Worker::start("ask for a socket", elsewhere.address()).await;
    worker.go().await;
    worker.stands_in(libc::SYS_socket).await;
    let Worker { mut child, report, supervisor, channel: _channel } = worker;
    drop(supervisor);
    let status = timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert!(status.success());
    let mut found = String::new();
    { report }.read_to_string(&mut found).unwrap();
    assert_eq!(found, format!("socket {}\n", Errno::NOSYS.raw_os_error()));
}

#[tokio::test]
async fn a_worker_that_dies_in_its_question_does_not_hang_the_supervisor() {
    let elsewhere = Host::new();
    let mut worker = Worker::start("ask for a socket", elsewhere.address()).await;
    worker.go().await;
    worker.stands_in(libc::SYS_socket).await;
    worker.child.kill().await.unwrap();
    assert_eq!(worker.answers().await, []);
}

/// Questions whose askers are killed, again and again, while they are being answered.
#[tokio::test]
async fn no_moment_to_die_is_one_that_hangs_the_supervisor() {
    let elsewhere = Host::new();
    for round in 0..20_u64 {
        let mut worker = Worker::start("ask for ever", elsewhere.address()).await;
        worker.go().await;
        let mut answers = 0;
        let Worker { child, supervisor, .. } = &mut worker;
        let answering = async {
            while supervisor.next().await.unwrap().is_some() {
                answers += 1;
                if answers == 1 {
                    tokio::task::yield_now().await;
                }
            }
        };
        let killing = async {
            tokio::time::sleep(Duration::from_micros(200 * round)).await;
            child.start_kill().unwrap();
        };
        timeout(DEADLINE, async { tokio::join!(answering, killing) }).await.expect("an end");
    }
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn calls_under_another_number_are_the_end() {
    let elsewhere = Host::new();
    let mut worker = Worker::start("call by another number", elsewhere.address()).await;
    worker.go().await;
    let status = timeout(DEADLINE, worker.child.wait()).await.unwrap().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGSYS));
}

#[tokio::test]
async fn a_worker_that_says_something_else_is_not_supervised() {
    let (ours, theirs) = StdUnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let channel = UnixStream::from_std(ours).unwrap();
    (&theirs).write_all(b"L").unwrap();
    let error = Supervisor::receive(&channel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    drop(theirs);
    assert!(Supervisor::receive(&channel).await.unwrap().is_none());
}

/// Everything above again, as a user who may do nothing.
#[test]
fn it_needs_no_privilege() {
    if !rustix::process::geteuid().is_root() {
        // Then all the others have shown it.
        return;
    }
    // The checkout may be in a home that nobody else may enter.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("broker");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let open = |path: &Path| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    };
    open(folder.path());
    open(&program);
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"])
        .arg(&program)
        .args(["--skip", "it_needs_no_privilege"])
        .current_dir("/")
        .output()
        .expect("setpriv, which Debian's util-linux has");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains(" 0 passed"), "{said}");
}

// ---- the worker's side ----

/// Socket types that no camera's worker needs.
const FAMILIES: [(i32, SocketType); 8] = [
    (libc::AF_UNIX, SocketType::STREAM),
    (libc::AF_NETLINK, SocketType::RAW),
    (libc::AF_PACKET, SocketType::RAW),
    (libc::AF_ALG, SocketType::SEQPACKET),
    (libc::AF_VSOCK, SocketType::STREAM),
    (libc::AF_INET, SocketType::DGRAM),
    (libc::AF_INET, SocketType::RAW),
    (libc::AF_INET6, SocketType::STREAM),
];

fn socket(family: i32, kind: SocketType) -> Result<std::os::fd::OwnedFd, Errno> {
    let family = AddressFamily::from_raw(family.try_into().unwrap());
    rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)
}

/// No test, unless another one started it: then the part that one gave it is played.
#[test]
fn worker() {
    let Ok(part) = std::env::var("PART") else { return };
    let elsewhere: SocketAddr = std::env::var("ELSEWHERE").unwrap().parse().unwrap();
    let mut channel = StdUnixStream::from(inherited(CHANNEL).unwrap());
    let mut report = File::from(inherited(REPORT).unwrap());
    let early = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        early.1.recv().unwrap();
        socket(libc::AF_INET, SocketType::STREAM).unwrap_err()
    });
    install(&channel).unwrap();
    channel.read_exact(&mut [0]).unwrap();
    let tcp = || socket(libc::AF_INET, SocketType::STREAM);
    let mut refused = |what: &str, errno: Errno| {
        writeln!(report, "{what} {}", errno.raw_os_error()).unwrap();
    };
    match part.as_str() {
        "read a camera" => {
            let mut camera = TcpStream::connect(elsewhere).unwrap();
            let read = greeting(&mut camera);
            camera.write_all(b"thanks").unwrap();
            writeln!(report, "read {read}").unwrap();
            writeln!(report, "socket {}", tcp().unwrap_err().raw_os_error()).unwrap();
            let again = rustix::net::connect(&camera, &elsewhere).unwrap_err();
            writeln!(report, "connect {}", again.raw_os_error()).unwrap();
        }
        "try other sockets first" => {
            for (family, kind) in FAMILIES {
                refused(&format!("{family}"), socket(family, kind).unwrap_err());
            }
            // No socket, and so nothing to connect.
            refused("connect", rustix::net::connect(&channel, &elsewhere).unwrap_err());
            let read = greeting(&mut TcpStream::connect(elsewhere).unwrap());
            writeln!(report, "read {read}").unwrap();
        }
        "ask for a socket" => refused("socket", tcp().unwrap_err()),
        "ask for ever" => loop {
            let _ = tcp();
        },
        "hand the question on" => {
            early.0.send(()).unwrap();
            let errno = thread.join().unwrap().raw_os_error();
            writeln!(report, "thread that was there before: {errno}").unwrap();
            let dial = format!("exec 9<>/dev/tcp/{}/{}", elsewhere.ip(), elsewhere.port());
            let bash = Command::new("bash").args(["-c", &dial]).status().unwrap();
            let how = if bash.success() { "connected" } else { "failed" };
            writeln!(report, "bash {how}").unwrap();
        }
        "misuse the socket" => {
            let camera = TcpStream::connect(elsewhere).unwrap();
            let flags = rustix::net::SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32);
            refused(
                "fast open",
                rustix::net::sendto(&camera, b"x", flags, &elsewhere).unwrap_err(),
            );
            refused("listen", rustix::net::listen(&camera, 1).unwrap_err());
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            refused("bind", rustix::net::bind(&camera, &any).unwrap_err());
        }
        "call by another number" => {
            // SAFETY: whatever the number means, its arguments are no pointers.
            unsafe { libc::syscall(0x4000_0000 + libc::SYS_socket, libc::AF_INET, 1, 0) };
        }
        other => panic!("there is no part called {other}"),
    }
}

/// What the camera says first. Its socket does not wait.
fn greeting(camera: &mut TcpStream) -> String {
    let mut bytes = [0; GREETING.len()];
    let mut length = 0;
    while length < bytes.len() {
        match camera.read(&mut bytes[length..]) {
            Ok(0) => panic!("an early end"),
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8(bytes.to_vec()).unwrap()
}

trait SplitLastLine {
    /// The last line, and those before it.
    fn split_last_line(&self) -> (&str, &str);
}

impl SplitLastLine for str {
    fn split_last_line(&self) -> (&str, &str) {
        self.rsplit_once('\n').map_or((self, ""), |(before, last)| (last, before))
    }
}
