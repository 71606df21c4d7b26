//! What the worker says of its encoder, for the server to compare with the list of vetted ones.
//!
//! The worker says what only it can know: element, version, and what the encoder makes of the
//! built-in clip. Which files its code came from it does not say: the server has the kernel tell it
//! that, and hashes them itself. So the worker must stay as it was born (dumpable, not locked down)
//! until it hears that it is vetted, and must not have touched the ring.

use std::os::fd::OwnedFd;

use cofferdam_encode_link::{Attestation, Command, EncoderName};
use cofferdam_pad_codec::LoadedPlugin;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::boot::Exit;
use crate::encoder::{self, known_answer};
use crate::output::Output;
use crate::worker::Stop;

/// The attestation of the encoder `name`, which came from `plugin`.
///
/// # Errors
/// When the encoder fails on the built-in clip.
pub fn attestation(name: EncoderName, plugin: &LoadedPlugin) -> Result<Attestation, Stop> {
    Ok(Attestation {
        element: encoder::element(name).to_owned(),
        version: plugin.version.clone(),
        // As the kernel names it.
        plugin: plugin.path.canonicalize().unwrap_or_else(|_| plugin.path.clone()),
        answer: known_answer::answer(name)?,
    })
}

/// Waits until the server says [`Command::Vetted`].
///
/// # Errors
/// When the server is gone, or says something else.
pub fn wait_until_vetted(commands: &OwnedFd) -> Result<(), Stop> {
    loop {
        let mut fds = [PollFd::new(commands, PollFlags::IN)];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Err(Stop::Fault(Exit::Pipe)),
        }
        let mut byte = [0];
        return match rustix::io::read(commands, &mut byte) {
            Ok(0) => Err(Stop::ServerGone),
            Ok(_) if Command::from_byte(byte[0]) == Ok(Command::Vetted) => Ok(()),
            Ok(_) => Err(Stop::Fault(Exit::Command)),
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(_) => Err(Stop::Fault(Exit::Pipe)),
        };
    }
}

/// `--attest NAME`: loads the encoder and warms it up as for a camera, says what it is, and stays
/// until whoever asked has looked at this process.
///
/// # Errors
/// When the name is unknown, the plugin does not load or the encoder fails.
pub fn attest(name: &str, records: OwnedFd, commands: &OwnedFd) -> Result<(), Stop> {
    let quoted = serde_json::Value::from(name);
    let name: EncoderName = serde_json::from_value(quoted).map_err(|_| Stop::Fault(Exit::Usage))?;
    let plugin = encoder::load(name).map_err(|error| Stop::Fault(error.into()))?;
    let attestation = attestation(name, &plugin)?;
    let mut output = Output::new(records)?;
    output.push(&attestation.to_record(), &[])?;
    wait_until_vetted(commands)
}
