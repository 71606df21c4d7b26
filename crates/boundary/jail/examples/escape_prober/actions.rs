//! What is tried. Each action is one system call, or two; arguments are chosen so that it would do
//! something harmless, or reach the kernel and be refused for its arguments, were it let through.

use std::ffi::c_long;

use crate::names::errno_name;
use crate::stage::Stage;

/// One thing to try.
pub(crate) struct Action {
    /// Its name in the golden table.
    pub(crate) name: &'static str,
    /// Tries it: 0 when it was done, the error number when it was not.
    pub(crate) attempt: fn(&Stage) -> i32,
    /// Whether the process would end by it, or go on as another one, were it let through.
    pub(crate) ends_the_process: bool,
}

const fn action(name: &'static str, attempt: fn(&Stage) -> i32) -> Action {
    Action { name, attempt, ends_the_process: false }
}

const fn last(name: &'static str, attempt: fn(&Stage) -> i32) -> Action {
    Action { name, attempt, ends_the_process: true }
}

/// An argument of a system call.
trait Argument {
    fn word(self) -> usize;
}

macro_rules! arguments {
    ($($kind:ty)*) => { $(impl Argument for $kind {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)]
        fn word(self) -> usize { self as isize as usize }
    })* };
}
arguments!(i32 u32 i64 u64 usize);

impl<T> Argument for *const T {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Argument for *mut T {
    fn word(self) -> usize {
        self as usize
    }
}

/// Makes a system call; see [`call`].
macro_rules! sys {
    ($number:expr $(, $argument:expr)*) => { call($number, &[$(Argument::word($argument)),*]) };
}

/// 0, or the error number.
fn call(number: c_long, arguments: &[usize]) -> i32 {
    result(raw(number, arguments))
}

fn result(returned: c_long) -> i32 {
    if returned == -1 { errno() } else { 0 }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}

fn raw(number: c_long, arguments: &[usize]) -> c_long {
    let word = |index: usize| arguments.get(index).copied().unwrap_or(0);
    // SAFETY: every action below passes pointers to buffers that outlive the call and are as large as
    // their lengths say, or pointers that the kernel refuses. Mappings are fresh or of their own.
    unsafe { libc::syscall(number, word(0), word(1), word(2), word(3), word(4), word(5)) }
}

/// A new descriptor, closed again, or the error number.
fn opened(number: c_long, arguments: &[usize]) -> i32 {
    let descriptor = raw(number, arguments);
    if descriptor >= 0 {
        call(libc::SYS_close, &[Argument::word(descriptor)]);
    }
    result(descriptor)
}

macro_rules! open {
    ($number:expr $(, $argument:expr)*) => { opened($number, &[$(Argument::word($argument)),*]) };
}

/// A child that was made ends at once, and is waited for.
fn child(number: c_long, arguments: &[usize]) -> i32 {
    let pid = raw(number, arguments);
    if pid == 0 {
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) }
    }
    if pid > 0 {
        call(libc::SYS_wait4, &[Argument::word(pid), 0, 0, 0]);
    }
    result(pid)
}

const NULL: usize = 0;
const PAGE: usize = 4096;
const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

fn map(protection: i32, flags: i32, descriptor: i32) -> c_long {
    let [protection, flags] = [protection, flags].map(Argument::word);
    raw(libc::SYS_mmap, &[NULL, PAGE, protection, flags, Argument::word(descriptor), 0])
}

/// Maps a page, then protects it otherwise.
fn protect(from: i32, to: i32) -> i32 {
    let address = map(from, PRIVATE, -1);
    if address == -1 { errno() } else { sys!(libc::SYS_mprotect, address, PAGE, to) }
}

/// Runs a program, found by `what`, that ends well at once.
fn exec(number: c_long, what: &[usize], flags: i32) -> i32 {
    let arguments = [c"escape_prober".as_ptr(), c"alive".as_ptr(), std::ptr::null()];
    let mut words = what.to_vec();
    words.extend([arguments.as_ptr() as usize, arguments[2..].as_ptr() as usize]);
    words.push(Argument::word(flags));
    call(number, &words)
}

fn ipv4(port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: u16::try_from(libc::AF_INET).unwrap_or_default(),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    }
}

/// Does `what` with a new TCP socket and the address of `port`.
fn with_tcp_socket(what: c_long, port: u16) -> i32 {
    let arguments = [libc::AF_INET, libc::SOCK_STREAM, 0].map(Argument::word);
    let socket = raw(libc::SYS_socket, &arguments);
    if socket == -1 {
        return errno();
    }
    let address = ipv4(port);
    let result = sys!(what, socket, &raw const address, IPV4_LEN);
    sys!(libc::SYS_close, socket);
    result
}

const IPV4_LEN: usize = size_of::<libc::sockaddr_in>();

/// An abstract Unix address, and its length.
fn abstract_address(name: &[u8]) -> (libc::sockaddr_un, usize) {
    let family = u16::try_from(libc::AF_UNIX).unwrap_or_default();
    let mut address = libc::sockaddr_un { sun_family: family, sun_path: [0; 108] };
    for (to, from) in address.sun_path.iter_mut().skip(1).zip(name) {
        *to = from.cast_signed();
    }
    (address, 3 + name.len())
}

/// The address of the Unix socket in the file system, and its length.
fn file_address(path: &[u8]) -> (libc::sockaddr_un, usize) {
    let family = u16::try_from(libc::AF_UNIX).unwrap_or_default();
    let mut address = libc::sockaddr_un { sun_family: family, sun_path: [0; 108] };
    for (to, from) in address.sun_path.iter_mut().zip(path) {
        *to = from.cast_signed();
    }
    (address, 3 + path.len())
}

/// Everything that is tried, in the order of the golden table.
pub(crate) const ACTIONS: &[Action] = &[
    // Files.
    action("open", |_| {
        open!(libc::SYS_openat, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), libc::O_RDONLY)
    }),
    action("open-to-write", |_| {
        open!(
            libc::SYS_openat,
            libc::AT_FDCWD,
            c"/tmp".as_ptr(),
            libc::O_TMPFILE | libc::O_RDWR,
            0o600
        )
    }),
    action("open-path", |_| {
        open!(libc::SYS_openat, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), libc::O_PATH)
    }),
    action("open-in-leaked-folder", |s| {
        open!(libc::SYS_openat, s.folder, c"etc/passwd".as_ptr(), libc::O_RDONLY)
    }),
    action("open-proc-self-fd", |s| {
        let path = format!("/proc/self/fd/{}\0", s.ring);
        open!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDWR)
    }),
    action("openat2", |_| {
        let how = [u64::from(libc::O_RDONLY.cast_unsigned()), 0, 0];
        open!(libc::SYS_openat2, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), how.as_ptr(), 24)
    }),
    action("read-leaked-file", |s| sys!(libc::SYS_read, s.file, [0u8; 16].as_mut_ptr(), 16)),
    action("stat", |_| {
        let mut stat = [0u8; 256];
        sys!(libc::SYS_newfstatat, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), stat.as_mut_ptr(), 0)
    }),
    action("access", |_| {
        sys!(libc::SYS_faccessat, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), libc::R_OK)
    }),
    action("readlink", |_| {
        let mut to = [0u8; 256];
        sys!(libc::SYS_readlinkat, libc::AT_FDCWD, c"/proc/self/exe".as_ptr(), to.as_mut_ptr(), 256)
    }),
    action("unlink", |_| sys!(libc::SYS_unlinkat, libc::AT_FDCWD, c"/nowhere".as_ptr(), 0)),
    action("mkdir", |_| sys!(libc::SYS_mkdirat, libc::AT_FDCWD, c"/nowhere/x".as_ptr(), 0o700)),
    action("rename", |_| {
        let (from, to) = (c"/nowhere".as_ptr(), c"/nowhere2".as_ptr());
        sys!(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
    }),
    action("symlink", |_| {
        sys!(libc::SYS_symlinkat, c"x".as_ptr(), libc::AT_FDCWD, c"/nowhere/x".as_ptr())
    }),
    action("chmod", |_| sys!(libc::SYS_fchmodat, libc::AT_FDCWD, c"/nowhere".as_ptr(), 0o777)),
    action("truncate", |_| sys!(libc::SYS_truncate, c"/nowhere".as_ptr(), 0)),
    action("getdents", |s| sys!(libc::SYS_getdents64, s.folder, [0u8; 1024].as_mut_ptr(), 1024)),
    action("chdir", |_| sys!(libc::SYS_chdir, c"/".as_ptr())),
    action("name-to-handle", |_| {
        let mut handle = [0u32; 64];
        handle[0] = 128;
        let mut mount = 0i32;
        let (handle, mount) = (handle.as_mut_ptr(), &raw mut mount);
        sys!(libc::SYS_name_to_handle_at, libc::AT_FDCWD, c"/".as_ptr(), handle, mount, 0)
    }),
    action("open-by-handle", |_| sys!(libc::SYS_open_by_handle_at, -1, NULL, libc::O_RDONLY)),
    action("inotify", |_| open!(libc::SYS_inotify_init1, 0)),
    // The ring.
    action("ring-resize", |s| sys!(libc::SYS_ftruncate, s.ring, 1 << 16)),
    // A worker maps it; through its descriptor it may not even be written.
    action("ring-write", |s| sys!(libc::SYS_write, s.ring, [0u8; 1].as_ptr(), 1)),
    action("ring-punch", |s| {
        sys!(
            libc::SYS_fallocate,
            s.ring,
            libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
            0,
            PAGE
        )
    }),
    action("ring-remove-pages", |s| {
        let address = map(libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, s.ring);
        if address == -1 {
            errno()
        } else {
            sys!(libc::SYS_madvise, address, PAGE, libc::MADV_REMOVE)
        }
    }),
    action("ring-seal", |s| sys!(libc::SYS_fcntl, s.ring, libc::F_ADD_SEALS, libc::F_SEAL_SEAL)),
    action("ring-execute", |s| {
        result(map(libc::PROT_READ | libc::PROT_EXEC, libc::MAP_SHARED, s.ring))
    }),
    // Other programs, other processes, threads.
    last("exec", |_| exec(libc::SYS_execve, &[c"/proc/self/exe".as_ptr() as usize], 0)),
    last("exec-descriptor", |s| {
        exec(
            libc::SYS_execveat,
            &[Argument::word(s.program), c"".as_ptr() as usize],
            libc::AT_EMPTY_PATH,
        )
    }),
    action("fork", |_| child(libc::SYS_clone, &[Argument::word(libc::SIGCHLD)])),
    #[cfg(target_arch = "x86_64")]
    action("old-fork", |_| child(libc::SYS_fork, &[])),
    action("clone3", |_| sys!(libc::SYS_clone3, NULL, 0)),
    action("thread", |_| {
        // Without the flags that it needs, so that none is made.
        sys!(libc::SYS_clone, libc::CLONE_THREAD, 0, 0, 0, 0)
    }),
    action("kill-parent", |_| {
        // SAFETY: asks for a number.
        let parent = unsafe { libc::getppid() };
        sys!(libc::SYS_kill, parent, 0)
    }),
    action("kill-sibling", |s| sys!(libc::SYS_kill, s.sibling, libc::SIGCONT)),
    action("tgkill-sibling", |s| sys!(libc::SYS_tgkill, s.sibling, s.sibling, libc::SIGCONT)),
    last("abort", |_| {
        // SAFETY: asks for numbers.
        let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
        sys!(libc::SYS_tgkill, process, thread, libc::SIGABRT)
    }),
    action("ptrace-sibling", |s| sys!(libc::SYS_ptrace, libc::PTRACE_SEIZE, s.sibling, 0, 0)),
    action("read-sibling-memory", |s| {
        let mut byte = [0u8; 8];
        let here = [byte.as_mut_ptr() as usize, 8];
        let there = [errno_name as *const () as usize & !0xfff, 8];
        sys!(libc::SYS_process_vm_readv, s.sibling, here.as_ptr(), 1, there.as_ptr(), 1, 0)
    }),
    action("write-sibling-memory", |s| {
        sys!(libc::SYS_process_vm_writev, s.sibling, NULL, 0, NULL, 0, 0)
    }),
    action("open-sibling-memory", |s| {
        let path = format!("/proc/{}/mem\0", s.sibling);
        open!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDWR)
    }),
    action("pidfd-sibling", |s| open!(libc::SYS_pidfd_open, s.sibling, 0)),
    action("pidfd-getfd", |_| open!(libc::SYS_pidfd_getfd, -1, 0, 0)),
    action("wait", |_| sys!(libc::SYS_wait4, -1, NULL, libc::WNOHANG, NULL)),
    action("setpriority", |_| sys!(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, 0)),
    action("sched-setscheduler", |_| {
        let priority = 0i32;
        sys!(libc::SYS_sched_setscheduler, 0, libc::SCHED_OTHER, &raw const priority)
    }),
    // Networks.
    action("socket-tcp", |_| open!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0)),
    action("socket-tcp6", |_| open!(libc::SYS_socket, libc::AF_INET6, libc::SOCK_STREAM, 0)),
    action("socket-udp", |_| open!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0)),
    action("socket-raw", |_| {
        open!(libc::SYS_socket, libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)
    }),
    action("socket-unix", |_| open!(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0)),
    action("socket-netlink", |_| open!(libc::SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 0)),
    action("socket-packet", |_| open!(libc::SYS_socket, libc::AF_PACKET, libc::SOCK_RAW, 0)),
    action("socket-alg", |_| open!(libc::SYS_socket, libc::AF_ALG, libc::SOCK_SEQPACKET, 0)),
    action("socket-vsock", |_| open!(libc::SYS_socket, libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
    action("socketpair-datagrams", |_| {
        sys!(libc::SYS_socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, [0i32; 2].as_mut_ptr())
    }),
    action("connect-abstract", |s| {
        let (address, length) = abstract_address(&s.abstract_name);
        sys!(libc::SYS_connect, s.unix, &raw const address, length)
    }),
    action("connect-file-socket", |s| {
        let (address, length) = file_address(&s.socket_path);
        sys!(libc::SYS_connect, s.unix, &raw const address, length)
    }),
    action("connect-tcp", |s| with_tcp_socket(libc::SYS_connect, s.ports.1)),
    action("connect-leaked-tcp", |s| {
        let address = ipv4(s.ports.1);
        sys!(libc::SYS_connect, s.stream, &raw const address, IPV4_LEN)
    }),
    action("bind-tcp", |_| with_tcp_socket(libc::SYS_bind, 0)),
    action("sendto-abstract", |s| {
        let (address, length) = abstract_address(&s.abstract_name);
        sys!(libc::SYS_sendto, s.unix, [0u8; 1].as_ptr(), 1, 0, &raw const address, length)
    }),
    action("send-on-leaked-udp", |s| {
        let address = ipv4(s.ports.0);
        sys!(libc::SYS_sendto, s.datagrams, [0u8; 1].as_ptr(), 1, 0, &raw const address, IPV4_LEN)
    }),
    action("write-leaked-udp", |s| {
        // Unconnected, so it has nowhere to go: what counts is whether the socket is there.
        sys!(libc::SYS_write, s.datagrams, [0u8; 1].as_ptr(), 1)
    }),
    action("bind", |s| {
        let address = ipv4(0);
        sys!(libc::SYS_bind, s.unix, &raw const address, IPV4_LEN)
    }),
    action("listen", |s| sys!(libc::SYS_listen, s.listener, 1)),
    action("accept", |s| open!(libc::SYS_accept4, s.listener, NULL, NULL, libc::SOCK_NONBLOCK)),
    action("sendmsg", |s| sys!(libc::SYS_sendmsg, s.unix, NULL, 0)),
    action("recvmsg", |s| sys!(libc::SYS_recvmsg, s.unix, NULL, 0)),
    action("attach-filter", |s| {
        sys!(libc::SYS_setsockopt, s.unix, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, NULL, 0)
    }),
    // Memory.
    action("map-executable", |_| result(map(libc::PROT_READ | libc::PROT_EXEC, PRIVATE, -1))),
    action("map-writable-executable", |_| {
        result(map(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC, PRIVATE, -1))
    }),
    action("protect-executable", |_| {
        protect(libc::PROT_READ | libc::PROT_WRITE, libc::PROT_READ | libc::PROT_EXEC)
    }),
    action("pkey-protect-executable", |_| {
        let address = map(libc::PROT_READ, PRIVATE, -1);
        sys!(libc::SYS_pkey_mprotect, address, PAGE, libc::PROT_READ | libc::PROT_EXEC, -1)
    }),
    action("map-8-GiB", |_| {
        let [protection, flags] =
            [libc::PROT_NONE, PRIVATE | libc::MAP_NORESERVE].map(Argument::word);
        result(raw(libc::SYS_mmap, &[NULL, 8 << 30, protection, flags, usize::MAX, 0]))
    }),
    action("memory-file", |_| open!(libc::SYS_memfd_create, c"x".as_ptr(), 0)),
    action("poison-page", |_| {
        let address = map(libc::PROT_READ | libc::PROT_WRITE, PRIVATE, -1);
        // A length of nothing: were it let through, it would do nothing.
        sys!(libc::SYS_madvise, address, 0, libc::MADV_HWPOISON)
    }),
    action("lock-memory", |_| sys!(libc::SYS_mlockall, libc::MCL_CURRENT)),
    action("userfaultfd", |_| open!(libc::SYS_userfaultfd, 1)),
    action("shared-memory", |_| {
        let id = raw(libc::SYS_shmget, &[0, PAGE, 0o600]);
        if id >= 0 {
            call(libc::SYS_shmctl, &[Argument::word(id), Argument::word(libc::IPC_RMID), NULL]);
        }
        result(id)
    }),
    action("message-queue", |_| {
        let id = raw(libc::SYS_msgget, &[0, 0o600]);
        if id >= 0 {
            call(libc::SYS_msgctl, &[Argument::word(id), Argument::word(libc::IPC_RMID), NULL]);
        }
        result(id)
    }),
    // The kernel's large surfaces.
    action("io-uring", |_| {
        let mut parameters = [0u8; 120];
        open!(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr())
    }),
    action("aio", |_| {
        let mut context = 0u64;
        sys!(libc::SYS_io_setup, 1, &raw mut context)
    }),
    action("bpf", |_| sys!(libc::SYS_bpf, 0, NULL, 0)),
    action("perf", |_| sys!(libc::SYS_perf_event_open, NULL, 0, -1, -1, 0)),
    action("splice", |s| {
        sys!(libc::SYS_splice, s.pipe.0, NULL, s.pipe.1, NULL, 1, libc::SPLICE_F_NONBLOCK)
    }),
    action("vmsplice", |s| sys!(libc::SYS_vmsplice, s.pipe.1, NULL, 0, 0)),
    action("tee", |s| sys!(libc::SYS_tee, s.pipe.0, s.pipe.1, 1, libc::SPLICE_F_NONBLOCK)),
    action("keyctl", |_| sys!(libc::SYS_keyctl, 0, -3, 0)),
    action("add-key", |_| sys!(libc::SYS_add_key, NULL, NULL, NULL, 0, 0)),
    action("request-key", |_| sys!(libc::SYS_request_key, NULL, NULL, NULL, 0)),
    action("timer", |_| sys!(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, NULL, NULL)),
    action("ioctl", |s| sys!(libc::SYS_ioctl, s.pipe.0, libc::FIONREAD, [0i32; 1].as_mut_ptr())),
    action("ioctl-push-input", |_| sys!(libc::SYS_ioctl, 0, libc::TIOCSTI, c"x".as_ptr())),
    // The process's own chains.
    action("dumpable", |_| sys!(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0)),
    action("speculation", |_| sys!(libc::SYS_prctl, libc::PR_SET_SPECULATION_CTRL, 0, 0, 0, 0)),
    action("thread-name", |_| sys!(libc::SYS_prctl, libc::PR_SET_NAME, c"x".as_ptr(), 0, 0, 0)),
    action("raise-limit", |_| {
        let limit = [u64::MAX; 2];
        sys!(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, limit.as_ptr(), NULL)
    }),
    action("another-filter", |_| sys!(libc::SYS_seccomp, 2, 0, NULL)),
    action("another-rule-set", |_| sys!(libc::SYS_landlock_create_ruleset, NULL, 0, 1)),
    action("setuid", |_| {
        // SAFETY: asks for a number.
        let me = unsafe { libc::getuid() };
        sys!(libc::SYS_setresuid, me, me, me)
    }),
    action("capset", |_| sys!(libc::SYS_capset, NULL, NULL)),
    action("personality", |_| sys!(libc::SYS_personality, 0xffff_ffffu32)),
    action("unshare-user", |_| sys!(libc::SYS_unshare, libc::CLONE_NEWUSER)),
    action("unshare-network", |_| sys!(libc::SYS_unshare, libc::CLONE_NEWNET)),
    action("setns", |_| sys!(libc::SYS_setns, -1, 0)),
    action("mount", |_| {
        sys!(libc::SYS_mount, c"none".as_ptr(), c"/nowhere".as_ptr(), c"tmpfs".as_ptr(), 0, NULL)
    }),
    action("umount", |_| sys!(libc::SYS_umount2, c"/nowhere".as_ptr(), 0)),
    action("pivot-root", |_| {
        sys!(libc::SYS_pivot_root, c"/nowhere".as_ptr(), c"/nowhere".as_ptr())
    }),
    action("chroot", |_| sys!(libc::SYS_chroot, c"/nowhere".as_ptr())),
    action("fsopen", |_| open!(libc::SYS_fsopen, NULL, 0)),
    action("open-tree", |_| open!(libc::SYS_open_tree, -1, c"/nowhere".as_ptr(), 0)),
    action("move-mount", |_| sys!(libc::SYS_move_mount, -1, NULL, -1, NULL, 0)),
    // The machine.
    action("hostname", |_| sys!(libc::SYS_sethostname, NULL, 65)),
    action("set-clock", |_| sys!(libc::SYS_clock_settime, libc::CLOCK_REALTIME, NULL)),
    action("kernel-log", |_| sys!(libc::SYS_syslog, 10, NULL, 0)),
    action("load-module", |_| sys!(libc::SYS_finit_module, -1, NULL, 0)),
    action("kexec", |_| sys!(libc::SYS_kexec_load, 0, 0, NULL, 0xffffu32)),
    action("swap-on", |_| sys!(libc::SYS_swapon, NULL, 0)),
    action("reboot", |_| sys!(libc::SYS_reboot, 0, 0, 0, NULL)),
    #[cfg(target_arch = "x86_64")]
    action("io-ports", |_| sys!(libc::SYS_iopl, 9)),
    #[cfg(target_arch = "x86_64")]
    action("descriptor-table", |_| sys!(libc::SYS_modify_ldt, 9, NULL, 0)),
    // Other ways in.
    #[cfg(target_arch = "x86_64")]
    action("x32-call", |_| sys!(0x4000_0000 + libc::SYS_getpid)),
    #[cfg(target_arch = "x86_64")]
    action("int80-call", |_| {
        let returned: i64;
        // SAFETY: getpid of the 32-bit table: takes nothing, touches no memory.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("rax") 20i64 => returned,
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _);
        }
        if returned > 0 { 0 } else { i32::try_from(-returned).unwrap_or(libc::EINVAL) }
    }),
    action("unknown-call", |_| sys!(100_000)),
];
