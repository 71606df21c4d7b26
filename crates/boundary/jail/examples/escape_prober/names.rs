//! Words for results.

/// The name of an error, as the golden table spells it.
pub(crate) fn errno_name(errno: i32) -> String {
    let names = [
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::ESRCH, "ESRCH"),
        (libc::EBADF, "EBADF"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::EACCES, "EACCES"),
        (libc::EFAULT, "EFAULT"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::EMFILE, "EMFILE"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::ECHILD, "ECHILD"),
        (libc::ENOEXEC, "ENOEXEC"),
        (libc::EDESTADDRREQ, "EDESTADDRREQ"),
        (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    ];
    let name = names.iter().find(|(number, _)| *number == errno).map(|(_, name)| *name);
    name.map_or_else(|| format!("errno-{errno}"), str::to_owned)
}
