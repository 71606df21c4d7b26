//! RTSP over TLS, against the running gateway: a client that looks at what it is shown. Players are in
//! `client_matrix.rs`.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::rtsp::{Rtsp, socket};
use cofferdam_system_tests::{Gateway, GatewayConfig, accounts, eventually, scene};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    StreamOwned, SupportedProtocolVersion, version,
};
use tempfile::TempDir;

const VMS: (&str, &str) = ("vms", accounts::PASSWORD);
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=16000-16001";

/// A new certificate and its key.
struct Identity(CertifiedKey<rcgen::KeyPair>);

impl Identity {
    fn new() -> Self {
        Self(generate_simple_self_signed(["localhost".to_owned()]).unwrap())
    }

    fn der(&self) -> Vec<u8> {
        self.0.cert.der().to_vec()
    }

    fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.crt")), self.0.cert.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), self.0.signing_key.serialize_pem())
            .unwrap();
    }
}

struct Scene {
    gateway: Gateway,
    rtsps: SocketAddr,
    folder: TempDir,
    shown: Identity,
    reader: Identity,
    _camera: cofferdam_simulator::Camera,
}

/// One camera; "vms" has a password, "pinned" a certificate as well, "shy" reads over TLS only.
fn scene() -> Scene {
    scene_with(0o644)
}

/// As [`scene`], with a key of that mode.
fn scene_with(key_mode: u32) -> Scene {
    let folder = TempDir::new().unwrap();
    let (shown, reader) = (Identity::new(), Identity::new());
    shown.write(folder.path(), "gateway");
    reader.write(folder.path(), "reader");
    let key = folder.path().join("gateway.key");
    std::fs::set_permissions(&key, Permissions::from_mode(key_mode)).unwrap();
    let camera = scene::camera("lobby", 7);
    let rtsps = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut config = GatewayConfig::open(vec![scene::config("lobby", &camera)]);
    config.anonymous = false;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let pinned = format!("certificate = \"{}\"", path("reader.crt"));
    config.preamble = [
        accounts::block(folder.path(), "vms", "[\"*\"]", ""),
        accounts::block(folder.path(), "pinned", "[\"lobby/main\"]", &pinned),
        accounts::block(folder.path(), "shy", "[\"*\"]", "transports = [\"tls\"]"),
    ]
    .concat();
    config.core = format!(
        "rtsps = \"{rtsps}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        path("gateway.crt"),
        path("gateway.key")
    );
    let gateway = Gateway::start(&config);
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    Scene { gateway, rtsps, folder, shown, reader, _camera: camera }
}

/// Takes whatever certificate it is shown: what that is, the tests look at themselves.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

type TlsStream = StreamOwned<ClientConnection, std::net::TcpStream>;

/// A connection whose handshake is over; an error is the server's refusal.
fn connect(
    address: SocketAddr,
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&Identity>,
) -> std::io::Result<TlsStream> {
    connect_with(address, &client(versions, identity))
}

/// What remembers its sessions, and resumes them.
fn client(
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&Identity>,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::try_from(identity.0.signing_key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![identity.0.cert.der().clone()], key).unwrap()
        }
    })
}

fn connect_with(address: SocketAddr, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream> {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut stream = StreamOwned::new(session, socket(address));
    // A server tells what it thinks of a certificate in its first answer.
    stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")?;
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer)?;
    assert!(answer[..length].starts_with(b"RTSP/1.0 200"));
    Ok(stream)
}

fn shown(stream: &TlsStream) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

fn ask(stream: TlsStream, url: &str) -> Rtsp {
    Rtsp::over(stream, url.to_owned())
}

const MAIN: &str = "rtsps://localhost/lobby/main";

/// Started as root, the gateway reads a key that its own user may not; a renewal would need that.
#[test]
#[allow(clippy::print_stderr)]
fn a_key_that_can_be_read_at_the_start_only_is_told_then() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root has files that the gateway's own user may not read");
        return;
    }
    let scene = scene_with(0o600);
    let stream = connect(scene.rtsps, rustls::ALL_VERSIONS, None).unwrap();
    assert_eq!(shown(&stream), scene.shown.der());
    let told = |log: &str| log.contains("`core.key`") && log.contains("will take a restart");
    eventually("it to be told", || told(&scene.gateway.log()));
}

#[test]
fn both_versions_are_spoken_and_a_renewed_certificate_is_shown_without_a_restart() {
    let scene = scene();
    let path = scene.folder.path();
    for (spoken, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let stream = connect(scene.rtsps, &[spoken], None).unwrap();
        assert_eq!(stream.conn.protocol_version(), Some(expected));
        assert_eq!(shown(&stream), scene.shown.der());
    }
    let name = "cofferdam_rtsps_certificate_expiry_timestamp_seconds";
    let ends = scene.gateway.metrics().value(name, &[]);
    // The tests' certificates end in the year 4096.
    assert_eq!(ends.map(|ends| (ends / 31_556_952.0 + 1970.0).floor()), Some(4096.0));
    let mut before = ask(connect(scene.rtsps, rustls::ALL_VERSIONS, None).unwrap(), MAIN);
    let renewed = Identity::new();
    renewed.write(path, "gateway");
    let metric = |result: &str| {
        let label = format!("result=\"{result}\"");
        scene.gateway.metrics().value("cofferdam_rtsps_certificates_total", &[&label])
    };
    let shows = |identity: &Identity| {
        shown(&connect(scene.rtsps, rustls::ALL_VERSIONS, None).unwrap()) == identity.der()
    };
    eventually("the renewed certificate", || metric("taken") >= Some(1.0) && shows(&renewed));
    // A connection that is there already stays.
    assert_eq!(before.as_reader(VMS, "DESCRIBE", &[]).status, 200);
    // What does not fit is told, and changes nothing.
    std::fs::write(path.join("gateway.key"), "no key\n").unwrap();
    eventually("the refusal", || metric("refused") >= Some(1.0));
    assert!(shows(&renewed));
    assert!(scene.gateway.log().contains("`core.certificate`"), "{}", scene.gateway.log());
}

#[test]
fn a_readers_certificate_logs_in_and_no_other_gets_through() {
    let scene = scene();
    for spoken in [&version::TLS12, &version::TLS13] {
        let stream = connect(scene.rtsps, &[spoken], Some(&scene.reader)).unwrap();
        assert_eq!(ask(stream, MAIN).request("DESCRIBE", &[]).status, 200);
        let stream = connect(scene.rtsps, &[spoken], Some(&scene.reader)).unwrap();
        let sub = ask(stream, "rtsps://localhost/lobby/sub").request("DESCRIBE", &[]);
        assert_eq!(sub.status, 403, "its account does not have it");
        let stranger = connect(scene.rtsps, &[spoken], Some(&Identity::new()));
        assert!(stranger.is_err(), "a certificate that nobody knows");
    }
    let nobody = ask(connect(scene.rtsps, rustls::ALL_VERSIONS, None).unwrap(), MAIN)
        .request("DESCRIBE", &[]);
    assert_eq!(nobody.status, 401);
    eventually("the stranger to be counted", || {
        let label = ["reason=\"tls\""];
        scene.gateway.metrics().value("cofferdam_rtsp_malformed_total", &label) >= Some(2.0)
    });
    let refused = ["result=\"unknown\""];
    let refused = scene.gateway.metrics().value("cofferdam_rtsp_logins_total", &refused);
    assert_eq!(refused, Some(2.0), "and told as whoever claims to be somebody");
    assert_eq!(scene.gateway.log().matches("login refused").count(), 2);
}

#[test]
fn over_tls_the_password_may_come_in_clear_and_nothing_goes_beside_it() {
    let scene = scene();
    let tls = || ask(connect(scene.rtsps, rustls::ALL_VERSIONS, None).unwrap(), MAIN);
    let challenge = tls().request("DESCRIBE", &[]);
    assert!(challenge.head.contains("WWW-Authenticate: Basic realm="), "{}", challenge.head);
    let basic = |password: &str| {
        use base64::Engine as _;
        let both = format!("vms:{password}");
        let text = base64::engine::general_purpose::STANDARD.encode(both);
        format!("Authorization: Basic {text}")
    };
    assert_eq!(tls().request("DESCRIBE", &[&basic("wrong password")]).status, 401);
    let mut reader = tls();
    let right = basic(VMS.1);
    assert_eq!(reader.request("DESCRIBE", &[&right]).status, 200);
    assert_eq!(reader.request("SETUP", &[&right, UDP]).status, 461);
    assert_eq!(reader.request("SETUP", &[&right, TCP]).status, 200);
    // In clear it is not taken, and not asked for.
    let mut clear = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
    let refused = clear.request("DESCRIBE", &[&right]);
    assert_eq!(refused.status, 401);
    assert!(!refused.head.contains("Basic"), "{}", refused.head);
    // Who reads over TLS only gets no packets otherwise.
    let mut shy = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
    assert_eq!(shy.as_reader(("shy", VMS.1), "SETUP", &[TCP]).status, 461);
    assert_eq!(tls().as_reader(("shy", VMS.1), "SETUP", &[TCP]).status, 200);
    assert!(!scene.gateway.log().contains(VMS.1));
}

/// Without any account that has a certificate, none is asked for. Clients remember a session, and resume it without
/// being asked.
#[test]
fn a_readers_certificate_comes_and_goes_with_its_account() {
    let scene = scene();
    let clients = [&version::TLS12, &version::TLS13].map(|v| client(&[v], Some(&scene.reader)));
    let by_certificate = || {
        clients.each_ref().map(|client| {
            let stream = connect_with(scene.rtsps, client).unwrap();
            ask(stream, MAIN).request("DESCRIBE", &[]).status
        })
    };
    let config = scene.gateway.config_path();
    let with = std::fs::read_to_string(&config).unwrap();
    let is_certificate = |line: &&str| line.contains("reader.crt");
    let without: String =
        with.lines().filter(|line| !is_certificate(line)).flat_map(|line| [line, "\n"]).collect();
    for account in ["vms", "pinned", "shy"] {
        // For the user that the gateway becomes when it is started as root.
        let readable = Permissions::from_mode(0o644);
        std::fs::set_permissions(scene.folder.path().join(account), readable).unwrap();
    }
    let reload = |text: &str, times: f64| {
        std::fs::write(&config, text).unwrap();
        scene.gateway.hang_up();
        let taken = ["result=\"taken\""];
        scene.gateway.wait_for_metric("cofferdam_account_reloads_total", &taken, |v| v == times);
    };
    let mut known = ask(connect_with(scene.rtsps, &clients[0]).unwrap(), MAIN);
    assert_eq!(known.request("DESCRIBE", &[]).status, 200);
    assert_eq!(by_certificate(), [200; 2], "as resumed");
    reload(&without, 1.0);
    assert!(known.try_request("DESCRIBE", &[]).is_none(), "put out");
    assert_eq!(by_certificate(), [401; 2], "nobody asks for it");
    assert_eq!(by_certificate(), [401; 2], "as resumed");
    reload(&with, 2.0);
    assert_eq!(by_certificate(), [200; 2]);
}
