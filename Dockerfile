# Both base images can be exchanged: docker build --build-arg RUST_IMAGE=… --build-arg DEBIAN_IMAGE=…
# Nothing here needs BuildKit.
ARG RUST_IMAGE=rust:1-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY config config
COPY crates crates
COPY tests tests
COPY benches benches
RUN cargo build --release --locked \
        -p cofferdam -p cofferdam-ingest -p cofferdam-encode -p cofferdam-simulator \
    && strip target/release/cofferdam target/release/cofferdam-ingest \
        target/release/cofferdam-encode target/release/cofferdam-simulator

# Debian's decoders and x264: with them the image as a whole is under the GPL. Workers load four
# plugin files of these packages and nothing else.
FROM ${DEBIAN_IMAGE} AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gstreamer1.0-libav gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65534 -g 65534 /run/cofferdam
COPY --from=build /build/target/release/cofferdam /build/target/release/cofferdam-ingest \
    /build/target/release/cofferdam-encode /usr/local/bin/
# The encoder of this image, to the last file: a gateway whose encoder is another refuses to publish.
RUN ["/usr/local/bin/cofferdam", "attest", "--write"]
USER 65534:65534
EXPOSE 8554
ENTRYPOINT ["/usr/local/bin/cofferdam"]

# docker build --target tools: simulated cameras as well, for a demo.
FROM runtime AS tools
USER 0
# The simulated cameras' H.265 encoder; the gateway itself has no use for it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gstreamer1.0-plugins-bad \
    && rm -rf /var/lib/apt/lists/*
USER 65534:65534
COPY --from=build /build/target/release/cofferdam-simulator /usr/local/bin/
RUN ["/usr/local/bin/cofferdam", "--version"]
CMD ["demo", "--rtsp", "0.0.0.0:8554", "--admin", "0.0.0.0:9090"]

FROM runtime AS gateway
RUN ["/usr/local/bin/cofferdam", "--version"]
CMD ["run", "--config", "/etc/cofferdam/cofferdam.toml"]
