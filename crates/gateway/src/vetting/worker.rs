//! An encode worker without a camera, started to be looked at.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use cofferdam_encode_link::{
    Attestation, EncoderName, Record, RecordError, RecordReader, descriptors,
};
use cofferdam_jail::{SpawnError, WorkerCommand, pipe, set_nonblocking};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;

use crate::programs::WORKER_ENVIRONMENT;

/// How long a worker may take to say what its encoder is.
const PATIENCE: Duration = Duration::from_secs(20);

/// A worker that has said what its encoder is, and stays as it is until this is dropped.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) attestation: Attestation,
    pub(crate) pid: u32,
    _child: Child,
    _commands: OwnedFd,
}

/// Why a worker did not say what its encoder is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{0}")]
    NotStarted(#[from] SpawnError),
    #[error("expected the encoder to work here, found that it does not ({0})")]
    Ended(ExitStatus),
    #[error("expected the worker to say what its encoder is, found other records")]
    Record(#[from] RecordError),
    #[error("expected the worker to say what its encoder is within {PATIENCE:?}, found it silent")]
    Silent,
    #[error("asking the worker: {0}")]
    Pipe(#[from] io::Error),
}

/// Starts a worker with the encoder `name`, and waits for what it says.
pub(crate) async fn ask(program: &Path, name: EncoderName) -> Result<Asked, AskError> {
    let (records_read, records_write) = pipe()?;
    let (commands_read, commands) = pipe()?;
    set_nonblocking(&records_read)?;
    let mut command = WorkerCommand::new(program)
        .argument("--attest")
        .argument(name.as_str())
        .descriptor(descriptors::RECORDS, records_write)
        .descriptor(descriptors::COMMANDS, commands_read);
    for (name, value) in WORKER_ENVIRONMENT {
        command = command.environment(name, value);
    }
    let mut child = command.spawn()?;
    let mut records = Receiver::from_owned_fd(records_read)?;
    let said = tokio::time::timeout(PATIENCE, first_record(&mut records)).await;
    let Some(attestation) = said.map_err(|_| AskError::Silent)?? else {
        return Err(AskError::Ended(child.wait().await?));
    };
    let pid = child.id().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(Asked { attestation, pid, _child: child, _commands: commands })
}

/// The attestation that comes first; `None` when the worker ends instead.
async fn first_record(records: &mut Receiver) -> Result<Option<Attestation>, AskError> {
    let mut reader = RecordReader::new();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = records.read(&mut buffer).await?;
        if length == 0 {
            return Ok(None);
        }
        reader.push(&buffer[..length]);
        match reader.next_record()? {
            Some(Record::Attestation(attestation)) => return Ok(Some(*attestation)),
            Some(_) => return Err(RecordError::Field("order").into()),
            None => {}
        }
    }
}
