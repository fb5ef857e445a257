# The image of one instance. Without settings it is a single node on SQLite, with its data in /data; docker-compose.yml
# makes a cluster of it. Builds with BuildKit and without.

FROM rust:1.95-bookworm AS builder
WORKDIR /build

# The dependencies are compiled from the manifests alone, over empty sources, so that this layer, minutes of
# work, lasts until a manifest changes. A new workspace member adds its manifest here. What was built from
# the empty sources is removed again: cargo goes by file times and could take it for the real thing.
COPY Cargo.toml Cargo.lock ./
COPY bench/Cargo.toml bench/
COPY migration/Cargo.toml migration/
COPY tests/kit/Cargo.toml tests/kit/
RUN mkdir -p src bench/src migration/src tests/kit/src \
    && echo 'fn main() {}' | tee src/main.rs > bench/src/main.rs \
    && touch src/lib.rs migration/src/lib.rs tests/kit/src/lib.rs \
    && cargo build --release --locked --package holdfast \
    && cargo clean --release --package holdfast --package migration \
    && rm -r src migration/src

COPY migration/src migration/src
COPY src src
RUN cargo build --release --locked --package holdfast

FROM debian:bookworm-slim
# The authorities that a mail server's certificate is checked against.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 holdfast \
    && useradd --system --uid 10001 --gid holdfast --no-create-home --home-dir /data --shell /usr/sbin/nologin holdfast \
    && install --directory --owner=holdfast --group=holdfast --mode=0750 /data
COPY --from=builder /build/target/release/holdfast /usr/local/bin/holdfast

ENV HOLDFAST_LISTEN=0.0.0.0:8080 \
    HOLDFAST_METRICS_LISTEN=0.0.0.0:9464 \
    HOLDFAST_DATA_DIR=/data

USER holdfast
WORKDIR /data
VOLUME /data
EXPOSE 8080 9464
STOPSIGNAL SIGTERM

# Healthy means ready to sell. Bash speaks enough HTTP for that, so no client has to be installed.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/${HOLDFAST_LISTEN##*:}\" && printf 'GET /health/ready HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 2 _ status _ <&3 && [ \"$status\" = 200 ]"]

ENTRYPOINT ["holdfast"]
