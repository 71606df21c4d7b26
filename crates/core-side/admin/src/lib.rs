//! Metrics, health and status over HTTP, on a listener of its own.
//!
//! Read-only and without parameters: `/metrics` (OpenMetrics text for who accepts it, the older
//! Prometheus text for everybody else), `/status` (the same in a few lines, for people), `/healthz`
//! (the process runs) and `/readyz` (every mount can be described).
#![forbid(unsafe_code)]

mod plain;
mod status;

pub use status::{CameraStatus, Isolation, Status};

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

/// What the admin listener tells.
#[derive(Clone)]
pub struct Admin {
    registry: Arc<Registry>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    status: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl Admin {
    /// An admin page over `registry`; `ready` says whether readers can be served, `status` how things
    /// stand.
    pub fn new(
        registry: Registry,
        ready: impl Fn() -> bool + Send + Sync + 'static,
        status: impl Fn() -> Status + Send + Sync + 'static,
    ) -> Self {
        Self { registry: Arc::new(registry), ready: Arc::new(ready), status: Arc::new(status) }
    }

    /// Answers on `listener` until `stop` completes.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(stop).await
    }

    fn status_text(&self) -> String {
        (self.status)().to_string()
    }

    fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readiness))
            .route("/status", get(|State(admin): State<Self>| async move { admin.status_text() }))
            .with_state(self)
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

const OPENMETRICS: &str = "application/openmetrics-text";

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> impl IntoResponse {
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &admin.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let accepts =
        |value: &header::HeaderValue| value.to_str().is_ok_and(|v| v.contains(OPENMETRICS));
    let (content, text) = if headers.get_all(header::ACCEPT).iter().any(accepts) {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        (plain::CONTENT_TYPE, plain::from_openmetrics(&text))
    };
    ([(header::CONTENT_TYPE, content)], text).into_response()
}

async fn readiness(State(admin): State<Admin>) -> impl IntoResponse {
    if (admin.ready)() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: an encoder has not started yet\n")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(address: std::net::SocketAddr, path: &str) -> String {
        get_as(address, path, "*/*").await
    }

    async fn get_as(address: std::net::SocketAddr, path: &str, accept: &str) -> String {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn tells_metrics_and_readiness() {
        let mut registry = Registry::with_prefix("cofferdam");
        let counter: Counter = Counter::default();
        registry.register("test", "A test", counter.clone());
        counter.inc_by(3);
        let ready = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ready);
        let status =
            || Status { isolation: Isolation::NotConfigured, locked_in: true, cameras: Vec::new() };
        let admin = Admin::new(registry, move || seen.load(Ordering::Relaxed), status);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(admin.serve(listener, async {
            let _ = stopped.await;
        }));

        assert!(get(address, "/metrics").await.contains("\ncofferdam_test_total 3\n"));
        assert!(get(address, "/metrics").await.contains("version=0.0.4"));
        let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        assert!(get_as(address, "/metrics", accept).await.ends_with("\n# EOF\n"));
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        ready.store(true, Ordering::Relaxed);
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let answer = get(address, "/status").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/plain"), "{answer}");
        assert!(answer.ends_with(&status().to_string()), "{answer}");
        assert!(get(address, "/nothing").await.starts_with("HTTP/1.1 404"));

        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}
