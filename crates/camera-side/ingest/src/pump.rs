//! The worker's work: one connection, from DESCRIBE to the fault it ends with.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use cofferdam_ingest_boot::IngestBoot;
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{Codec, Counter, Fault, IngestState, Writer};
use cofferdam_unit_filter::Refusal;
use tokio::time::{Instant, MissedTickBehavior, timeout_at};

use crate::convert::{Converter, Source, UnsupportedPicture};
use crate::decode::{self, Arrived, DecodeError, PictureDecoder};
use crate::dialed;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::operations::poll_up_to;
use crate::session::{AccessUnit, AccessUnits, Camera, Interruption, describe, describe_dialed};

/// Between two signs of life. They stop with this thread, so a wedged decoder shows. One comes with
/// every unit as well: while units wait to be decoded, nothing else gets its turn.
const HEARTBEAT: Duration = Duration::from_millis(100);
/// Between two looks at how much has arrived. Each read takes what the kernel holds for a connection at
/// the most: a few megabytes.
const READS_AT_A_TURN: usize = 8;

/// Writes the camera's pictures into the ring until that ends, over a connection of this process's
/// own making.
///
/// Returns why it ended. The state in the ring is `Connecting` or `Streaming` while this runs; what
/// comes after is for the dialer to say.
pub async fn run(boot: &IngestBoot, writer: Writer) -> Fault {
    run_within(Limits::SHIPPED, boot, writer).await
}

/// The same within other limits than a worker's: for tests.
pub async fn run_within(limits: Limits, boot: &IngestBoot, writer: Writer) -> Fault {
    run_over(limits, boot, writer, None).await
}

/// The same over the connection that the dialer at the other end of `channel` gives: this process has
/// installed its socket filter (`cofferdam_jail::broker::install`).
pub async fn run_dialed(boot: &IngestBoot, writer: Writer, channel: OwnedFd) -> Fault {
    run_over(Limits::SHIPPED, boot, writer, Some(channel)).await
}

async fn run_over(
    limits: Limits,
    boot: &IngestBoot,
    writer: Writer,
    channel: Option<OwnedFd>,
) -> Fault {
    // Before the first sign of life: from then on, silence is taken for a wedged worker.
    if decode::load().is_err() {
        return Fault::WorkerSetup;
    }
    let writer = RefCell::new(writer);
    let mut heart = tokio::time::interval(HEARTBEAT);
    heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let meter = Meter::new(limits);
    let mut work = pin!(work(boot, &writer, channel, &meter));
    loop {
        tokio::select! {
            biased;
            _ = heart.tick() => writer.borrow().beat(MonotonicTime::now()),
            fault = metered(work.as_mut(), &meter) => return fault,
        }
    }
}

/// Lets `work` read a few times at a turn, and looks at what has arrived after each: a library that is
/// given more reads on for as long as a fast camera sends, and takes all of it in.
async fn metered(
    mut work: Pin<&mut impl Future<Output = Result<std::convert::Infallible, Fault>>>,
    meter: &Meter,
) -> Fault {
    poll_fn(|cx| match poll_up_to(work.as_mut(), READS_AT_A_TURN, cx) {
        Poll::Ready(Ok(never)) => match never {},
        Poll::Ready(Err(fault)) => Poll::Ready(fault),
        Poll::Pending => meter.look(MonotonicTime::now()).err().map_or(Poll::Pending, Poll::Ready),
    })
    .await
}

async fn work(
    boot: &IngestBoot,
    writer: &RefCell<Writer>,
    channel: Option<OwnedFd>,
    meter: &Meter,
) -> Result<std::convert::Infallible, Fault> {
    // The fault of the last connection stands until this one does better: viewers are told it.
    let standing = writer.borrow().status().fault;
    writer.borrow().set_state(IngestState::Connecting, standing);
    let camera = Camera {
        url: &boot.url,
        credentials: boot.credentials.as_ref(),
        basic_allowed: boot.basic_allowed,
        meter,
    };
    let described = match channel {
        Some(channel) => describe_dialed(&camera, dialed::address(channel).await?).await?,
        None => describe(&camera).await?,
    };
    let chosen = described.choose()?;
    writer.borrow().set_codec(chosen.1);
    // Before PLAY: starting it takes a while, and packets would wait.
    let decoder = PictureDecoder::open(chosen.1).map_err(|_| Fault::WorkerSetup)?;
    let units = described.play(chosen, meter).await?;
    Pump::new(boot, writer, meter, decoder).run(units).await
}

struct Pump<'a> {
    boot: &'a IngestBoot,
    writer: &'a RefCell<Writer>,
    meter: &'a Meter,
    decoder: PictureDecoder,
    converter: Converter,
    /// Units are passed over until the next one that needs none before it.
    wants_random_access: bool,
    failures: u32,
    /// Why there was no picture since the last one.
    trouble: Fault,
    pictures: u64,
    last_unit: Instant,
    last_picture: Instant,
}

impl<'a> Pump<'a> {
    fn new(
        boot: &'a IngestBoot,
        writer: &'a RefCell<Writer>,
        meter: &'a Meter,
        decoder: PictureDecoder,
    ) -> Self {
        let now = Instant::now();
        Self {
            boot,
            writer,
            meter,
            decoder,
            converter: Converter::new(boot.geometry),
            wants_random_access: true,
            failures: 0,
            trouble: Fault::NoPictures,
            pictures: 0,
            last_unit: now,
            last_picture: now,
        }
    }

    async fn run(mut self, mut units: AccessUnits) -> Result<std::convert::Infallible, Fault> {
        loop {
            match timeout_at(self.deadline(), units.next()).await {
                Err(_) => return Err(Fault::NoPictures),
                Ok(Ok(unit)) => self.take(unit)?,
                Ok(Err(Interruption::Damage)) => self.failed(Fault::DecodeFailed, 0)?,
                Ok(Err(Interruption::Closed)) => return Err(self.ended(Fault::StreamEnded)),
                Ok(Err(Interruption::End(fault))) => return Err(self.ended(fault)),
            }
        }
    }

    /// When the next unit has to be here.
    fn deadline(&self) -> Instant {
        if self.pictures == 0 {
            self.last_picture + self.meter.limits().picture
        } else {
            self.last_unit + self.meter.limits().unit
        }
    }

    /// A stream that never began has not ended.
    const fn ended(&self, fault: Fault) -> Fault {
        match fault {
            Fault::StreamEnded if self.pictures == 0 => Fault::ConnectionLost,
            fault => fault,
        }
    }

    fn take(&mut self, unit: AccessUnit) -> Result<(), Fault> {
        self.last_unit = Instant::now();
        self.meter.progress();
        {
            let writer = self.writer.borrow();
            writer.beat(MonotonicTime::now());
            writer.add(Counter::BytesIn, unit.data.len() as u64);
            writer.add(Counter::PacketsLost, unit.lost_packets);
        }
        if self.wants_random_access && !unit.random_access {
            return self.still_none(self.trouble);
        }
        self.wants_random_access = false;
        let began = MonotonicTime::now();
        let result = self.decode(unit);
        self.count_filtered();
        let took = MonotonicTime::now().since(began).as_nanos();
        self.writer.borrow().add(Counter::DecodeNanos, u64::try_from(took).unwrap_or(u64::MAX));
        result
    }

    fn decode(&mut self, unit: AccessUnit) -> Result<(), Fault> {
        let (pictures, lost) = match self.decoder.push(unit) {
            Ok(decoded) => decoded,
            // A camera says so of itself, and will of the next unit.
            Err(DecodeError::Refused(Refusal::Unsupported)) => {
                return Err(Fault::UnsupportedPicture);
            }
            Err(DecodeError::Refused(_)) => {
                self.wants_random_access = true;
                return self.failed(Fault::StreamRefused, 0);
            }
            Err(DecodeError::Codec(_)) => {
                self.wants_random_access = true;
                return self.failed(Fault::DecodeFailed, 1);
            }
        };
        self.writer.borrow().add(Counter::DecodeErrors, lost);
        if pictures.is_empty() {
            return self.still_none(Fault::DecodeFailed);
        }
        for Arrived { picture, arrived } in pictures {
            if picture.is_corrupted() {
                self.failed(Fault::DecodeFailed, 1)?;
                continue;
            }
            let (codec, silent) = (self.decoder.codec(), self.boot.colour);
            Source::new(&picture, codec, silent)
                .and_then(|source| self.write(&source, arrived))
                .map_err(|UnsupportedPicture| Fault::UnsupportedPicture)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        source: &Source<'_>,
        arrived: MonotonicTime,
    ) -> Result<(), UnsupportedPicture> {
        let converted = self.converter.convert(source)?;
        let mut writer = self.writer.borrow_mut();
        writer.write(arrived, |target| converted.paint(target));
        writer.add(Counter::Pictures, 1);
        if self.pictures == 0 {
            writer.set_state(IngestState::Streaming, Fault::None);
        }
        self.pictures += 1;
        self.failures = 0;
        self.trouble = Fault::NoPictures;
        self.last_picture = Instant::now();
        Ok(())
    }

    fn count_filtered(&mut self) {
        let filtered = self.decoder.take_filtered();
        let writer = self.writer.borrow();
        for (kind, count) in filtered.iter() {
            writer.add_filtered(kind, count);
        }
    }

    /// Counts something that should have become a picture and did not. Ends with `fault` when that
    /// is all there is.
    fn failed(&mut self, fault: Fault, errors: u64) -> Result<(), Fault> {
        self.writer.borrow().add(Counter::DecodeErrors, errors);
        self.failures += 1;
        self.trouble = fault;
        if self.failures >= self.meter.limits().failures {
            Err(fault)
        } else {
            self.still_none(fault)
        }
    }

    /// Ends with `fault` when units have come for too long without a picture.
    fn still_none(&self, fault: Fault) -> Result<(), Fault> {
        if self.last_picture.elapsed() > self.meter.limits().picture { Err(fault) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Pump<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pump").field("pictures", &self.pictures).finish_non_exhaustive()
    }
}

/// The codec's name for people.
#[must_use]
pub(crate) const fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H.264",
        Codec::H265 => "H.265",
        Codec::Mjpeg => "Motion JPEG",
        Codec::None | Codec::Unknown => "unknown",
    }
}
