//! One worker and its one camera, from the dialer's side of `cofferdam_ingest_boot::channel`.

use std::future::pending;
use std::pin::pin;

use cofferdam_ingest_boot::channel;
use cofferdam_jail::broker::{Answer, Supervisor};
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::connect::{Reached, Target};

/// Connects to the camera once its worker is ready, gives that connection to the worker, and refuses
/// it every other one for as long as it lives.
///
/// Returns the fault that there is no connection for, and never if there is one. Nor when the worker
/// goes away in the middle: its exit status tells more.
pub(crate) async fn introduce(worker: UnixStream, target: &Target, camera: &CameraId) -> Fault {
    let mut broker = match Supervisor::receive(&worker).await {
        Ok(Some(broker)) => broker,
        Ok(None) => return pending().await,
        Err(error) => {
            tracing::error!(%camera, %error, "expected the ingest worker to give up its sockets");
            return Fault::WorkerSetup;
        }
    };
    let mut reaching = pin!(reach(worker, target));
    let (mut given, mut told) = (false, false);
    loop {
        // A worker is answered from the start: until it has its camera, every socket is refused.
        tokio::select! {
            reached = &mut reaching, if !given => {
                let (reached, mut worker) = match reached {
                    Ok(Some(both)) => both,
                    Ok(None) => return pending().await,
                    Err(fault) => return fault,
                };
                broker.offer(reached.socket);
                let address = channel::address(reached.address.ip());
                if worker.write_all(&address).await.is_err() {
                    return pending().await;
                }
                // The channel closes here: nothing more is said over it.
                given = true;
            }
            answered = broker.next() => match answered {
                Ok(Some(Answer::Refused)) if given && !told => {
                    told = true;
                    tracing::warn!(%camera, "refused the ingest worker a further socket");
                }
                Ok(Some(_)) => {}
                Ok(None) => return pending().await,
                Err(error) => {
                    tracing::error!(%camera, %error, "answering the ingest worker's sockets");
                    return Fault::WorkerSetup;
                }
            },
        }
    }
}

/// Waits until the worker is ready, and connects. `None` when the worker went away.
async fn reach(
    mut worker: UnixStream,
    target: &Target,
) -> Result<Option<(Reached, UnixStream)>, Fault> {
    let (ready, addresses) = tokio::join!(worker.read_u8(), target.resolve());
    match ready {
        Ok(channel::READY) => {}
        Ok(_) => return Err(Fault::WorkerSetup),
        Err(_) => return Ok(None),
    }
    let reached = target.connect(&addresses?).await?;
    Ok(Some((reached, worker)))
}
