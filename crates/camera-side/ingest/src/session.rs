//! One connection to one camera: from its URL to a stream of access units.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::time::Duration;

use cofferdam_ingest_boot::Credentials;
use cofferdam_jail::socket_connected_to;
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{Codec, Fault};
use futures_util::StreamExt;
use retina::client::{
    Demuxed, Described as RetinaDescribed, InitialTimestampPolicy, PlayOptions, Session,
    SessionIdPolicy, SessionOptions, SetupOptions, TeardownPolicy, Transport,
    UnassignedChannelDataPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use url::{Host, Url};

use crate::basic_policy::{Challenge, FirstAnswer, Gate, first_answer};
use crate::classify::{Severity, request_fault, stream_severity};
use crate::decode::h265;
use crate::meter::Meter;
use crate::operations::{Progress, advance};

/// A source leaves the session (RFC 3550 section 6.6).
const RTCP_BYE: u8 = 203;
/// For resolving a name, and for each connection attempt.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;
/// The RTSP port (RFC 2326, 3.2).
const DEFAULT_PORT: u16 = 554;
/// Says neither product nor version: cameras refuse odd ones, and need not know.
const USER_AGENT: &str = "RTSP";

/// A camera and how to ask it.
#[derive(Clone, Copy, Debug)]
pub struct Camera<'a> {
    /// The stream's URL: `rtsp`, a host, no user or password.
    pub url: &'a str,
    /// Its account, if it has one.
    pub credentials: Option<&'a Credentials>,
    /// Whether HTTP Basic may be answered.
    pub basic_allowed: bool,
    /// What counts the bytes it sends.
    pub meter: &'a Meter,
}

/// A stream of a description.
#[derive(Clone, Debug)]
pub struct Track {
    /// `video`, `audio`, `application`, or anything else the camera says.
    pub media: String,
    /// The encoding's name, in lower case, by the camera's word.
    pub encoding: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP clock rate in hertz.
    pub clock_rate: u32,
}

/// One encoded picture.
pub struct AccessUnit {
    /// Annex B NAL units, or a JFIF file.
    pub data: Vec<u8>,
    /// When its last packet was read.
    pub arrived: MonotonicTime,
    /// The camera's time, in nanoseconds of an origin of its own.
    pub timestamp: i64,
    /// Whether it can be decoded without those before it.
    pub random_access: bool,
    /// Packets lost before it.
    pub lost_packets: u64,
}

impl fmt::Debug for AccessUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessUnit")
            .field("len", &self.data.len())
            .field("random_access", &self.random_access)
            .finish_non_exhaustive()
    }
}

/// A camera that has described its streams.
pub struct Described {
    session: Session<RetinaDescribed>,
    answer: Option<FirstAnswer>,
    authenticated: bool,
    /// Between retina and answers that might ask for what they shall not have.
    gate: Option<Gate>,
    /// For each further answer.
    patience: Duration,
}

/// A camera that plays.
pub struct AccessUnits {
    stream: Pin<Box<Demuxed>>,
    stream_id: usize,
    codec: Codec,
}

/// Why there is no next access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Something in the stream could not be used; there may be more.
    Damage,
    /// The camera closed the stream in good order.
    Closed,
    /// The stream ended with this fault.
    End(Fault),
}

/// Connects to `camera`, wherever its name is found, and asks for its description. For a process that
/// opens its own sockets.
///
/// # Errors
/// The fault that tells why there is none.
pub async fn describe(camera: &Camera<'_>) -> Result<Described, Fault> {
    // The configuration was checked on the core side already.
    let url = Url::parse(camera.url).map_err(|_| Fault::WorkerSetup)?;
    let mut fault = Fault::NameNotResolved;
    for address in resolve(&url).await?.into_iter().take(MOST_ADDRESSES) {
        match describe_at(&url, address, camera).await {
            Err(
                unreached @ (Fault::ConnectionRefused | Fault::ConnectTimeout | Fault::Unreachable),
            ) => fault = unreached,
            reached => return reached,
        }
    }
    Err(fault)
}

/// Asks the camera that the dialer has connected to, at `address`, for its description.
///
/// # Errors
/// The fault that tells why there is none.
pub async fn describe_dialed(camera: &Camera<'_>, address: IpAddr) -> Result<Described, Fault> {
    let url = Url::parse(camera.url).map_err(|_| Fault::WorkerSetup)?;
    let address = SocketAddr::new(address, url.port().unwrap_or(DEFAULT_PORT));
    describe_at(&url, address, camera).await
}

async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, Fault> {
    let port = url.port().unwrap_or(DEFAULT_PORT);
    match url.host() {
        None => Err(Fault::WorkerSetup),
        Some(Host::Ipv4(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Ipv6(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Domain(name)) => {
            let found = timeout(CONNECT_LIMIT, tokio::net::lookup_host((name, port))).await;
            match found {
                Ok(Ok(addresses)) => Ok(addresses.collect()),
                Ok(Err(_)) | Err(_) => Err(Fault::NameNotResolved),
            }
        }
    }
}

async fn describe_at(
    url: &Url,
    address: SocketAddr,
    camera: &Camera<'_>,
) -> Result<Described, Fault> {
    // An address literal from here on: retina must not look the name up again.
    let mut url = url.clone();
    url.set_ip_host(address.ip()).map_err(|()| Fault::WorkerSetup)?;
    let guarded = camera.credentials.is_some() && !camera.basic_allowed;
    let mut request = pin!(Session::describe(url, options(camera.credentials)));
    match timeout(CONNECT_LIMIT, advance(request.as_mut(), 1)).await {
        Err(_) => return Err(Fault::ConnectTimeout),
        Ok(Ok(Progress::Done(Err(error)))) => return Err(request_fault(&error)),
        Ok(Ok(Progress::Reached)) => {}
        // A description without an operation, or operations that are not counted.
        Ok(Ok(Progress::Done(Ok(_))) | Err(_)) => return Err(Fault::WorkerSetup),
    }
    camera.meter.watch(socket_connected_to(address), MonotonicTime::now());
    let asked = async {
        let mut gate = None;
        let answer = match socket_connected_to(address) {
            Some(socket) => {
                match advance(request.as_mut(), 1).await {
                    Ok(Progress::Reached) => {}
                    Ok(Progress::Done(Err(error))) => return Err(request_fault(&error)),
                    Ok(Progress::Done(Ok(_))) | Err(_) => return Err(Fault::WorkerSetup),
                }
                let handle = socket.try_clone().map_err(|_| Fault::WorkerSetup)?;
                let most = camera.meter.limits().first_answer;
                let answer =
                    first_answer(handle, most).await.map_err(|_| Fault::ProtocolViolation)?;
                gate = guarded.then(|| Gate::after(socket, &answer));
                Some(answer)
            }
            None if guarded => return Err(Fault::WorkerSetup),
            None => None,
        };
        let challenge = answer.as_ref().map(|answer| answer.challenge);
        if guarded && challenge == Some(Challenge::Basic) {
            return Err(Fault::BasicNotAllowed);
        }
        let session = request.await.map_err(|error| request_fault(&error))?;
        Ok((session, answer, gate))
    };
    let (session, answer, gate) = timeout(camera.meter.limits().answer, asked)
        .await
        .unwrap_or(Err(Fault::ResponseTimeout))?;
    let challenge = answer.as_ref().map(|answer| answer.challenge);
    let authenticated = matches!(challenge, Some(Challenge::Digest | Challenge::Basic));
    let patience = camera.meter.limits().answer;
    Ok(Described { session, answer, authenticated, gate, patience })
}

fn options(credentials: Option<&Credentials>) -> SessionOptions {
    SessionOptions::default()
        .creds(credentials.map(|credentials| retina::client::Credentials {
            username: credentials.username.clone(),
            password: credentials.password.expose_secret().to_owned(),
        }))
        .user_agent(USER_AGENT.to_owned())
        // Every other policy may connect to wherever the camera's Content-Base points.
        .teardown(TeardownPolicy::Never)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_id(SessionIdPolicy::UseFirst)
}

impl Described {
    /// The streams, in the camera's order and words.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let track = |stream: &retina::client::Stream| Track {
            media: stream.media().to_owned(),
            encoding: stream.encoding_name().to_owned(),
            payload_type: stream.rtp_payload_type(),
            clock_rate: stream.clock_rate_hz(),
        };
        self.session.streams().iter().map(track).collect()
    }

    /// The camera's challenges in its own words, if it was looked at and has any.
    #[must_use]
    pub fn challenges(&self) -> Option<&str> {
        self.answer.as_ref().map(|answer| answer.offered.as_str()).filter(|text| !text.is_empty())
    }

    /// The scheme that was answered.
    #[must_use]
    pub fn answered(&self) -> Option<&'static str> {
        let challenge = self.answer.as_ref().map(|answer| answer.challenge);
        match challenge.filter(|_| self.authenticated) {
            Some(Challenge::Digest) => Some("Digest"),
            Some(Challenge::Basic) => Some("Basic"),
            _ => None,
        }
    }

    /// The first video stream that is decoded here, by its place among the tracks.
    ///
    /// # Errors
    /// [`Fault::NoVideo`] or [`Fault::UnsupportedCodec`].
    pub fn choose(&self) -> Result<(usize, Codec), Fault> {
        let mut fault = Fault::NoVideo;
        for (index, stream) in self.session.streams().iter().enumerate() {
            if stream.media() != "video" {
                continue;
            }
            match stream.encoding_name() {
                "h264" => return Ok((index, Codec::H264)),
                "h265" => return Ok((index, Codec::H265)),
                "jpeg" => return Ok((index, Codec::Mjpeg)),
                _ => fault = Fault::UnsupportedCodec,
            }
        }
        Err(fault)
    }

    /// Sets up the chosen stream, and no other, over this connection, and plays it. `meter` is told when it
    /// asks for that.
    ///
    /// # Errors
    /// The fault that tells why it does not play.
    pub async fn play(
        mut self,
        (index, codec): (usize, Codec),
        meter: &Meter,
    ) -> Result<AccessUnits, Fault> {
        let setup = SetupOptions::default()
            .transport(Transport::Tcp(Default::default()))
            .frame_format(FrameFormat::SIMPLE);
        answered(&mut self.gate, self.patience, self.session.setup(index, setup)).await?;
        // What comes from here on is video, by and by.
        meter.progress();
        let play = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
        let playing = answered(&mut self.gate, self.patience, self.session.play(play)).await?;
        let stream = playing.demuxed().map_err(|error| request_fault(&error))?;
        Ok(AccessUnits { stream: Box::pin(stream), stream_id: index, codec })
    }
}

async fn answered<T>(
    gate: &mut Option<Gate>,
    patience: Duration,
    request: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, Fault> {
    let answer = async {
        match gate {
            Some(gate) => gate.ask(request).await,
            None => request.await.map_err(|error| request_fault(&error)),
        }
    };
    timeout(patience, answer).await.unwrap_or(Err(Fault::ResponseTimeout))
}

impl AccessUnits {
    /// The next access unit. Waits for as long as the camera takes.
    ///
    /// # Errors
    /// Why there is none. After [`Interruption::Damage`] it may be called again.
    pub async fn next(&mut self) -> Result<AccessUnit, Interruption> {
        loop {
            match self.stream.next().await {
                None => return Err(Interruption::Closed),
                Some(Ok(CodecItem::VideoFrame(frame))) if frame.stream_id() == self.stream_id => {
                    return Ok(self.unit(frame));
                }
                // Servers that play a recording end so, and leave the connection open.
                Some(Ok(CodecItem::Rtcp(packets)))
                    if packets.stream_id() == self.stream_id
                        && packets.pkts().any(|packet| packet.payload_type() == RTCP_BYE) =>
                {
                    return Err(Interruption::Closed);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    return Err(match stream_severity(&error) {
                        Severity::Damage => Interruption::Damage,
                        Severity::End(fault) => Interruption::End(fault),
                    });
                }
            }
        }
    }

    fn unit(&self, frame: VideoFrame) -> AccessUnit {
        let time = frame.timestamp();
        let nanos =
            i128::from(time.timestamp()) * 1_000_000_000 / i128::from(time.clock_rate().get());
        let arrived = MonotonicTime::now() - frame.end_ctx().received().elapsed();
        let lost_packets = u64::from(frame.loss());
        let mut random_access = frame.is_random_access_point() || self.codec == Codec::Mjpeg;
        let mut data = frame.into_data();
        if !random_access && self.codec == Codec::H265 && h265::is_random_access(&data) {
            // retina takes parameter sets out of the stream and puts them before IDR pictures only,
            // but there are cameras that send nothing but CRA pictures.
            random_access = true;
            if let Some(sets) = self.parameter_sets() {
                data.splice(0..0, sets.iter().copied());
            }
        }
        AccessUnit {
            data,
            arrived,
            // Wrapping is one more jump of a camera's clock.
            timestamp: i64::try_from(nanos).unwrap_or_default(),
            random_access,
            lost_packets,
        }
    }

    /// The current parameter sets in Annex B.
    fn parameter_sets(&self) -> Option<&[u8]> {
        match self.stream.streams().get(self.stream_id)?.parameters()? {
            ParametersRef::Video(video) => Some(video.extra_data()),
            _ => None,
        }
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("answered", &self.answered()).finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessUnits").field("stream_id", &self.stream_id).finish_non_exhaustive()
    }
}
