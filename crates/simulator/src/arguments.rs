//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use cofferdam_simulator::{
    Authentication, CameraSettings, CameraSpec, Content, Credentials, Pace, SentLog,
};

/// Cameras for the demo, tests and benchmarks.
///
/// Each camera listens on a port of its own and serves its stream at /stream. Prints "camera NAME
/// URL" for each, and runs until SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(name = "cofferdam-simulator", version)]
pub(crate) struct Arguments {
    /// A camera that draws its pictures; CODEC is h264, h265 or mjpeg.
    ///
    /// Without size and rate: 960x540@12, or 704x576@12 for mjpeg. Cameras are numbered in the
    /// order given; the number is in the barcode.
    #[arg(long = "camera", value_name = "NAME:CODEC[:WIDTHxHEIGHT@FPS]")]
    cameras: Vec<CameraSpec>,

    /// A camera that plays this file's video in a loop: MP4, QuickTime, or Annex B (.h264, .h265).
    ///
    /// The first is called "footage", others "footage-2" and so on.
    #[arg(long, value_name = "FILE")]
    footage: Vec<PathBuf>,

    /// Where to listen. With a port other than 0, each further camera takes the next one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Who may play; needs --password-file.
    #[arg(long, requires = "password_file")]
    user: Option<String>,

    /// A file with the password in its first line.
    #[arg(long, requires = "user", value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// How the password is asked for; digest when there is a user, none otherwise.
    #[arg(long, value_enum)]
    auth: Option<Scheme>,

    /// Draw and encode this many seconds before the start, and replay them in a loop.
    ///
    /// Costs next to nothing once it runs. The counter in the barcode is the position in the loop.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    prerender: Option<u32>,

    /// Append a line "CAMERA COUNTER NANOSECONDS" for every picture when the socket has taken it.
    #[arg(long, value_name = "FILE")]
    log_sent: Option<PathBuf>,

    /// The first camera's number.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    first_number: u8,

    /// Send each picture up to this much early or late.
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    jitter_ms: u64,

    /// What the jitter is drawn from.
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Run the cameras' clocks this much fast (1000: 25.025 instead of 25 pictures a second).
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "PPM")]
    deviation_ppm: i32,

    /// Leave out the picture with this counter, once.
    #[arg(long, value_name = "COUNTER")]
    drop: Option<u32>,

    /// Carry random marks at every place that a camera can write, and list them in this file.
    ///
    /// Each camera says goodbye once, to one of its readers.
    #[arg(long, value_name = "FILE", conflicts_with = "footage")]
    pub(crate) plant: Option<PathBuf>,

    /// End when standard input is closed.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// How a password is asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scheme {
    /// Not at all.
    None,
    /// In clear text.
    Basic,
    /// As RFC 2069 has it, and most cameras do.
    Digest,
    /// As RFC 2617 has it, with qop="auth".
    DigestQop,
}

impl Arguments {
    /// All cameras, each with its number and port.
    pub(crate) fn settings(&self) -> anyhow::Result<Vec<CameraSettings>> {
        let drawn = self.cameras.iter().map(|spec| {
            let content = match self.prerender {
                Some(seconds) => Content::Prerendered { drawn: spec.drawn, seconds },
                None => Content::Live(spec.drawn),
            };
            Ok((spec.name.clone(), content))
        });
        let footage = self.footage.iter().enumerate().map(|(index, path)| {
            let name = match index {
                0 => "footage".parse(),
                _ => format!("footage-{}", index + 1).parse(),
            };
            Ok((name?, Content::Footage(path.clone())))
        });
        let named: Vec<_> = drawn.chain(footage).collect::<anyhow::Result<_>>()?;
        anyhow::ensure!(!named.is_empty(), "no camera: give --camera or --footage");

        let authentication = self.authentication()?;
        let sent_log = self.log_sent.as_deref().map(open_sent_log).transpose()?;
        let pace = Pace {
            jitter: Duration::from_millis(self.jitter_ms),
            seed: self.seed,
            deviation_ppm: self.deviation_ppm,
            drop: self.drop,
        };
        let mut settings = Vec::new();
        for ((name, content), index) in named.into_iter().zip(0_u16..) {
            let mut camera = CameraSettings::new(name, content);
            camera.number = u8::try_from(u16::from(self.first_number) + index)
                .context("camera numbers end at 255")?;
            camera.listen = self.listen;
            if self.listen.port() != 0 {
                let port = self.listen.port().checked_add(index).context("no port left")?;
                camera.listen.set_port(port);
            }
            camera.authentication = authentication.clone();
            camera.pace = pace;
            camera.sent_log = sent_log.clone();
            camera.planted = self.plant.is_some();
            settings.push(camera);
        }
        Ok(settings)
    }

    fn authentication(&self) -> anyhow::Result<Authentication> {
        let credentials = match (&self.user, &self.password_file) {
            (Some(user), Some(path)) => {
                Some(Credentials { user: user.clone(), password: password(path)?.into() })
            }
            _ => None,
        };
        Ok(match (self.auth, credentials) {
            (None | Some(Scheme::None), None) | (Some(Scheme::None), Some(_)) => {
                Authentication::None
            }
            (Some(_), None) => anyhow::bail!("--auth needs --user and --password-file"),
            (Some(Scheme::Basic), Some(credentials)) => Authentication::Basic(credentials),
            (None | Some(Scheme::Digest), Some(credentials)) => {
                Authentication::Digest { credentials, qop: false }
            }
            (Some(Scheme::DigestQop), Some(credentials)) => {
                Authentication::Digest { credentials, qop: true }
            }
        })
    }
}

fn password(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn open_sent_log(path: &Path) -> anyhow::Result<SentLog> {
    SentLog::append_to(path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn settings(arguments: &[&str]) -> anyhow::Result<Vec<CameraSettings>> {
        let arguments = ["cofferdam-simulator"].iter().chain(arguments);
        Arguments::try_parse_from(arguments)?.settings()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn cameras_get_numbers_names_and_ports() {
        let cameras = settings(&[
            "--camera",
            "a:h264",
            "--camera",
            "b:mjpeg",
            "--footage",
            "x.mp4",
            "--footage",
            "y.mp4",
            "--listen",
            "127.0.0.1:9000",
            "--first-number",
            "7",
        ]);
        let seen: Vec<_> = cameras
            .unwrap()
            .into_iter()
            .map(|c| (c.name.to_string(), c.number, c.listen.port()))
            .collect();
        let expected =
            [("a", 7, 9000), ("b", 8, 9001), ("footage", 9, 9002), ("footage-2", 10, 9003)];
        assert_eq!(seen, expected.map(|(name, number, port)| (name.to_owned(), number, port)));
    }

    #[test]
    fn a_password_is_asked_for_as_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "secret\n").unwrap();
        let path = path.to_str().unwrap();
        let with = |auth: &[&str]| {
            let base = ["--camera", "a:h264", "--user", "u", "--password-file", path];
            settings(&[&base, auth].concat()).unwrap().remove(0).authentication
        };
        assert!(matches!(with(&[]), Authentication::Digest { qop: false, .. }));
        assert!(matches!(
            with(&["--auth", "digest-qop"]),
            Authentication::Digest { qop: true, .. }
        ));
        assert!(matches!(with(&["--auth", "basic"]), Authentication::Basic(_)));
        assert!(matches!(with(&["--auth", "none"]), Authentication::None));
    }

    #[test]
    fn refuses_what_cannot_be() {
        for wrong in [
            &[][..],
            &["--camera", "a:h264", "--auth", "basic"],
            &["--camera", "a:h264", "--user", "u"],
            &["--camera", "a:h264", "--prerender", "0"],
            &["--camera", "a:h264", "--camera", "b:h264", "--listen", "127.0.0.1:65535"],
            &["--camera", "a:h264", "--camera", "b:h264", "--first-number", "255"],
        ] {
            assert!(settings(wrong).is_err(), "{wrong:?}");
        }
    }
}
