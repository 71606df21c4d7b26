//! What the kernel says of the host's clock.

use std::io;

/// Whether somebody keeps the host's clock right, as the kernel was told (adjtimex(2)): neither in error nor
/// marked as unsynchronised. In a container it is the host's clock all the same, and asking takes no
/// privilege.
///
/// # Errors
/// When the kernel does not say, or a container engine does not let it be asked.
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: the structure is plain numbers, for which zeros are values. No mode is set, so that the call
    // only reads.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes into the structure, which is of the size and kind the call expects, and
    // which nothing else refers to.
    let result = unsafe { libc::syscall(libc::SYS_adjtimex, &raw mut state) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result != libc::c_long::from(libc::TIME_ERROR) && state.status & libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it says is the machine's affair; that it can be asked is ours.
    #[test]
    fn the_kernel_can_be_asked() {
        let told = clock_is_synchronised().unwrap();
        assert_eq!(clock_is_synchronised().unwrap(), told);
    }
}
