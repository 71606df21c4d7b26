//! The names a list may use.
#![allow(clippy::cast_possible_wrap)]

/// Where a system call of some name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// On this processor, under this number.
    Here(i64),
    /// On other processors only.
    #[cfg_attr(target_arch = "x86_64", allow(dead_code))]
    Elsewhere,
    /// Nowhere.
    Unknown,
}

/// A table of `libc`'s constants under their own names. They are of several types and all small.
macro_rules! table {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

/// Calls of every processor this builds for.
const CALLS: &[(&str, i64)] = table![
    SYS_accept SYS_accept4 SYS_acct SYS_add_key SYS_adjtimex SYS_bind SYS_bpf SYS_brk SYS_capget
    SYS_capset SYS_chdir SYS_chroot SYS_clock_adjtime SYS_clock_getres SYS_clock_gettime
    SYS_clock_nanosleep SYS_clock_settime SYS_clone SYS_clone3 SYS_close SYS_close_range
    SYS_connect SYS_copy_file_range SYS_delete_module SYS_dup SYS_dup3 SYS_epoll_create1
    SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2 SYS_execve SYS_execveat SYS_exit
    SYS_exit_group SYS_faccessat SYS_faccessat2 SYS_fadvise64 SYS_fallocate SYS_fchdir SYS_fchmod
    SYS_fchmodat SYS_fchown SYS_fchownat SYS_fcntl SYS_fdatasync SYS_finit_module SYS_flock
    SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fspick SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate
    SYS_futex SYS_futex_waitv SYS_get_mempolicy SYS_get_robust_list SYS_getcpu SYS_getcwd
    SYS_getdents64 SYS_getegid SYS_geteuid SYS_getgid SYS_getgroups SYS_getitimer
    SYS_getpeername SYS_getpgid SYS_getpid SYS_getppid SYS_getpriority SYS_getrandom SYS_getresgid
    SYS_getresuid SYS_getrlimit SYS_getrusage SYS_getsid SYS_getsockname SYS_getsockopt SYS_gettid
    SYS_gettimeofday SYS_getuid SYS_getxattr SYS_init_module SYS_inotify_add_watch
    SYS_inotify_init1 SYS_inotify_rm_watch SYS_io_setup SYS_io_submit SYS_io_uring_enter
    SYS_io_uring_register SYS_io_uring_setup SYS_ioctl SYS_kcmp SYS_kexec_load SYS_keyctl SYS_kill
    SYS_landlock_add_rule SYS_landlock_create_ruleset SYS_landlock_restrict_self SYS_linkat
    SYS_listen SYS_lseek SYS_madvise SYS_mbind SYS_membarrier SYS_memfd_create SYS_memfd_secret
    SYS_migrate_pages SYS_mincore SYS_mkdirat SYS_mknodat SYS_mlock SYS_mlock2 SYS_mlockall SYS_mmap
    SYS_mount SYS_mount_setattr SYS_move_mount SYS_move_pages SYS_mprotect SYS_mremap SYS_msgget
    SYS_msync SYS_munlock SYS_munmap SYS_name_to_handle_at SYS_nanosleep SYS_newfstatat
    SYS_open_by_handle_at SYS_open_tree SYS_openat SYS_openat2 SYS_perf_event_open SYS_personality
    SYS_pidfd_getfd SYS_pidfd_open SYS_pidfd_send_signal SYS_pipe2 SYS_pivot_root
    SYS_pkey_mprotect SYS_ppoll SYS_prctl SYS_pread64 SYS_preadv SYS_preadv2 SYS_prlimit64
    SYS_process_madvise SYS_process_vm_readv SYS_process_vm_writev SYS_pselect6 SYS_ptrace
    SYS_pwrite64 SYS_pwritev SYS_pwritev2 SYS_quotactl SYS_read SYS_readlinkat SYS_readv SYS_reboot
    SYS_recvfrom SYS_recvmmsg SYS_recvmsg SYS_renameat2 SYS_request_key SYS_restart_syscall SYS_rseq
    SYS_rt_sigaction SYS_rt_sigpending SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigsuspend
    SYS_rt_sigtimedwait SYS_rt_tgsigqueueinfo SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_getaffinity SYS_sched_getattr SYS_sched_getparam SYS_sched_getscheduler
    SYS_sched_setaffinity SYS_sched_setattr SYS_sched_setscheduler SYS_sched_yield SYS_seccomp
    SYS_semget SYS_sendfile SYS_sendmmsg SYS_sendmsg SYS_sendto SYS_set_mempolicy
    SYS_set_robust_list SYS_set_tid_address SYS_setdomainname SYS_setfsgid SYS_setfsuid SYS_setgid
    SYS_setgroups SYS_sethostname SYS_setitimer SYS_setns SYS_setpgid SYS_setpriority SYS_setregid
    SYS_setresgid SYS_setresuid SYS_setreuid SYS_setrlimit SYS_setsid SYS_setsockopt
    SYS_settimeofday SYS_setuid SYS_shmat SYS_shmget SYS_shutdown SYS_sigaltstack SYS_signalfd4
    SYS_socket SYS_socketpair SYS_splice SYS_statfs SYS_statx SYS_swapoff SYS_swapon SYS_symlinkat
    SYS_sync SYS_sysinfo SYS_syslog SYS_tee SYS_tgkill SYS_timer_create SYS_timer_delete
    SYS_timer_settime SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime SYS_times SYS_tkill
    SYS_truncate SYS_umask SYS_umount2 SYS_uname SYS_unlinkat SYS_unshare SYS_userfaultfd
    SYS_utimensat SYS_vmsplice SYS_wait4 SYS_waitid SYS_write SYS_writev
];

/// Calls that only older processors have.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[(&str, i64)] = table![
    SYS_access SYS_arch_prctl SYS_chmod SYS_chown SYS_creat SYS_dup2 SYS_epoll_create
    SYS_epoll_wait SYS_eventfd SYS_fork SYS_getdents SYS_getpgrp SYS_inotify_init SYS_ioperm
    SYS_iopl SYS_link SYS_lstat SYS_mkdir SYS_mknod SYS_modify_ldt SYS_open SYS_pause SYS_pipe
    SYS_poll SYS_readlink SYS_rename SYS_rmdir SYS_select SYS_signalfd SYS_stat SYS_symlink
    SYS_time SYS_unlink SYS_uselib SYS_ustat SYS_utime SYS_vfork
];

/// Their names where they are not.
#[cfg(not(target_arch = "x86_64"))]
const ELSEWHERE: &[&str] = &[
    "access",
    "arch_prctl",
    "chmod",
    "chown",
    "creat",
    "dup2",
    "epoll_create",
    "epoll_wait",
    "eventfd",
    "fork",
    "getdents",
    "getpgrp",
    "inotify_init",
    "ioperm",
    "iopl",
    "link",
    "lstat",
    "mkdir",
    "mknod",
    "modify_ldt",
    "open",
    "pause",
    "pipe",
    "poll",
    "readlink",
    "rename",
    "rmdir",
    "select",
    "signalfd",
    "stat",
    "symlink",
    "time",
    "unlink",
    "uselib",
    "ustat",
    "utime",
    "vfork",
];

/// Values of arguments.
const CONSTANTS: &[(&str, i64)] = table![
    AF_INET AF_INET6 AF_NETLINK AF_UNIX
    CLONE_NEWCGROUP CLONE_NEWIPC CLONE_NEWNET CLONE_NEWNS CLONE_NEWPID CLONE_NEWUSER CLONE_NEWUTS
    CLONE_THREAD
    F_DUPFD F_DUPFD_CLOEXEC F_GETFD F_GETFL F_GET_SEALS F_SETFD F_SETFL
    FIOCLEX FIONBIO FIONREAD TIOCGWINSZ TCGETS
    MADV_COLD MADV_COLLAPSE MADV_DODUMP MADV_DONTDUMP MADV_DONTNEED MADV_FREE MADV_HUGEPAGE
    MADV_NOHUGEPAGE MADV_NORMAL MADV_PAGEOUT MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED
    IPPROTO_TCP TCP_INFO
    PROT_EXEC
    PR_CAPBSET_READ PR_GET_DUMPABLE PR_GET_NAME PR_SET_NAME PR_SET_VMA
    SIGABRT SOCK_CLOEXEC SOCK_DGRAM SOCK_NONBLOCK SOCK_STREAM SOL_SOCKET SO_ERROR
    TIOCSTI
];

/// Errors that a refused call may fail with.
const ERRORS: &[(&str, i64)] = table![EACCES EAGAIN EBADF EINVAL ENODEV ENOENT ENOSYS ENOTTY EPERM];

fn find(table: &[(&str, i64)], name: &str) -> Option<i64> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The system call of that name, without libc's prefix.
pub(super) fn call(name: &str) -> Call {
    let here = |table: &[(&str, i64)]| {
        table.iter().find(|(known, _)| known.strip_prefix("SYS_") == Some(name)).map(|(_, nr)| *nr)
    };
    if let Some(number) = here(CALLS) {
        return Call::Here(number);
    }
    #[cfg(target_arch = "x86_64")]
    return here(OLD_CALLS).map_or(Call::Unknown, Call::Here);
    #[cfg(not(target_arch = "x86_64"))]
    if ELSEWHERE.contains(&name) { Call::Elsewhere } else { Call::Unknown }
}

/// The constant of that name.
pub(super) fn constant(name: &str) -> Option<u32> {
    find(CONSTANTS, name).and_then(|value| u32::try_from(value).ok())
}

/// The error of that name.
pub(super) fn errno(name: &str) -> Option<u32> {
    find(ERRORS, name).and_then(|value| u32::try_from(value).ok())
}
