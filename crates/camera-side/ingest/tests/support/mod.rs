//! A ring, a worker's boot message, and cameras to put before it.
#![allow(dead_code, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cofferdam_ingest_boot::{Colour, Credentials, IngestBoot};
use cofferdam_picture::{Geometry, MonotonicTime, Picture};
use cofferdam_picture_ring::{
    Fault, Reader, RingMemory, RingSpec, SlotCount, SlotStamps, StatusSnapshot, Writer,
};

/// Nothing here takes longer, on however slow a machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What a worker is told about a camera without an account.
pub fn boot(url: &str, (width, height): (u32, u32)) -> IngestBoot {
    IngestBoot {
        camera: "lobby".parse().unwrap(),
        url: url.to_owned(),
        credentials: None,
        basic_allowed: false,
        geometry: Geometry::new(width, height).unwrap(),
        slots: 8,
        colour: Colour::Bt709,
        unjailed: true,
    }
}

/// The same, with an account.
pub fn with_account(mut boot: IngestBoot, basic_allowed: bool) -> IngestBoot {
    boot.credentials =
        Some(Credentials { username: "viewer".into(), password: PASSWORD.to_owned().into() });
    boot.basic_allowed = basic_allowed;
    boot
}

/// The account's password.
pub const PASSWORD: &str = "hunter2";

/// The core side's end of a ring, and the memory of it.
pub struct Ring {
    pub memory: RingMemory,
    pub reader: Reader,
}

impl Ring {
    pub fn of(boot: &IngestBoot) -> Self {
        let memory = RingMemory::create(spec(boot)).unwrap();
        let reader = Reader::map(memory.reopen_read_only().unwrap().as_fd(), spec(boot)).unwrap();
        Self { memory, reader }
    }

    pub fn writer(&self, boot: &IngestBoot) -> Writer {
        Writer::map(self.memory.writer_fd(), spec(boot)).unwrap()
    }
}

fn spec(boot: &IngestBoot) -> RingSpec {
    RingSpec { geometry: boot.geometry, slots: SlotCount::try_from(boot.slots).unwrap() }
}

/// Runs a worker to its end, and says why it ended.
pub async fn end_of(boot: &IngestBoot) -> Fault {
    let ring = Ring::of(boot);
    tokio::time::timeout(DEADLINE, cofferdam_ingest::run(boot, ring.writer(boot)))
        .await
        .expect("the worker ends")
}

/// What a worker left behind when it had written enough.
pub struct Taken {
    pub pictures: Vec<(Picture, SlotStamps, MonotonicTime)>,
    pub status: StatusSnapshot,
}

/// Runs a worker until it has written `count` pictures.
pub async fn pictures(boot: &IngestBoot, count: usize) -> Taken {
    let mut ring = Ring::of(boot);
    let writer = ring.writer(boot);
    let take = async {
        let mut pictures = Vec::new();
        // The core side looks at its own tick, too.
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while pictures.len() < count {
            tick.tick().await;
            let mut picture = Picture::black(boot.geometry);
            while let Some(stamps) = ring.reader.next_into(&mut picture, MonotonicTime::now()) {
                pictures.push((picture.clone(), stamps, MonotonicTime::now()));
            }
        }
        pictures
    };
    let pictures = tokio::select! {
        pictures = take => pictures,
        fault = cofferdam_ingest::run(boot, writer) => panic!("the worker ended: {fault}"),
        () = tokio::time::sleep(DEADLINE) => panic!("no {count} pictures"),
    };
    Taken { pictures, status: ring.reader.status() }
}

/// A camera that says what it is told to, and keeps all that it is sent.
pub struct FakeCamera {
    pub address: SocketAddr,
    heard: Receiver<Vec<u8>>,
}

/// What a [`FakeCamera`] does next.
#[derive(Clone)]
pub enum Line {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Sends these bytes one by one, each in a segment of its own.
    Spell(Vec<u8>),
    /// Sends these bytes over and over, until nobody takes them any more.
    Repeat(Vec<u8>),
    /// Waits for a request to end.
    Hear,
    /// Lets others have their turn: what they make of what was said so far is left to chance.
    Settle,
}

pub fn say(text: &str) -> Line {
    Line::Say(text.as_bytes().to_vec())
}

impl FakeCamera {
    /// A camera that follows one script on each of its connections, and then waits for each to be
    /// closed by the other side.
    pub fn start(scripts: Vec<Vec<Line>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, heard) = channel();
        std::thread::spawn(move || {
            for script in scripts {
                let Ok((stream, _)) = listener.accept() else { return };
                stream.set_nodelay(true).unwrap();
                let _ = send.send(follow(stream, script));
            }
        });
        Self { address, heard }
    }

    pub fn url(&self) -> String {
        format!("rtsp://{}/stream", self.address)
    }

    /// All that was sent to it over its next connection, when that has ended.
    pub fn heard(&self) -> String {
        let heard = self.heard.recv_timeout(DEADLINE).expect("a connection that ended");
        String::from_utf8(heard).unwrap()
    }
}

/// A description of one H.264 stream, in answer to request `cseq`.
pub fn described(cseq: u32) -> String {
    let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n\
               m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";
    format!(
        "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

fn follow(mut stream: TcpStream, script: Vec<Line>) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut requests = 0;
    for line in script {
        let said = match line {
            Line::Say(bytes) => stream.write_all(&bytes),
            Line::Spell(bytes) => bytes.iter().try_for_each(|byte| {
                std::thread::yield_now();
                stream.write_all(&[*byte])
            }),
            Line::Settle => {
                (0..10).for_each(|_| std::thread::yield_now());
                Ok(())
            }
            Line::Repeat(bytes) => loop {
                if let Err(error) = stream.write_all(&bytes) {
                    break Err(error);
                }
            },
            Line::Hear => {
                requests += 1;
                hear(&mut stream, &mut heard, requests)
            }
        };
        if said.is_err() {
            return heard;
        }
    }
    let _ = stream.read_to_end(&mut heard);
    heard
}

fn hear(stream: &mut TcpStream, heard: &mut Vec<u8>, requests: usize) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    while heard.windows(4).filter(|window| *window == b"\r\n\r\n").count() < requests {
        match stream.read(&mut bytes)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            length => heard.extend_from_slice(&bytes[..length]),
        }
    }
    Ok(())
}
