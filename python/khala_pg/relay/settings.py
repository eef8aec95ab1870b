"""Every limit and interval of a relay, with its unit in its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from khala_pg.auth.issuer import MAX_TTL_S, MIN_TTL_S
from khala_pg.http.edge import Origins, Proxies, is_loopback_url


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Settings of one relay process. The defaults suit production; tests shorten intervals.

    listener_database: the connection that LISTENs; it must reach the server itself, because a
    transaction pooler breaks LISTEN. The same as `database` when None.
    ws_port, http_port: 0 picks a free port; http_port None serves no HTTP.
    metrics_host, metrics_port: where /metrics is; it asks nobody who they are. None: nowhere.
    reuse_port: other relays of this machine may listen on the same ports (SO_REUSEPORT).
    origins: web origins whose pages may come, such as https://app.example; "*" for all.
    trusted_proxies: addresses or networks of proxies whose X-Forwarded-* headers are believed.
    tls_certificate, tls_key: PEM files; both ports then speak TLS.
    require_tls: refuse connections without TLS, here or at a trusted proxy.
    web_dir: the built admin page, served on the HTTP port; None serves none.
    dev_session: the dev.json whose token pages get; for `khala dev`, which listens on loopback.
    """

    database: str
    listener_database: str | None = None
    host: str = "127.0.0.1"
    ws_port: int = 4000
    http_port: int | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None

    # 20,000 documents of 600 bytes cost relay and database 180 ms; with pages of 200, 480.
    max_snapshot_documents: int = 1000
    max_snapshot_bytes: int = 2 * 1024 * 1024
    max_batch_updates: int = 200
    max_batch_bytes: int = 2 * 1024 * 1024
    # Of the line and the headers of an HTTP request. Twice the longest token (16 KiB): once in the
    # URL, once in base64 among the subprotocols; and room for cookies.
    max_head_bytes: int = 64 * 1024
    max_request_bytes: int = 256 * 1024
    max_frame_bytes: int = 1024 * 1024
    max_topics: int = 64
    max_connections: int = 10_000
    max_connections_per_ip: int = 2_000
    max_connections_per_subject: int = 1_000
    max_pending_handshakes: int = 2_000
    max_pending_handshakes_per_ip: int = 500
    max_handshakes_per_second: float = 250.0
    max_handshake_burst: int = 500
    # Of one subject, which may open max_connections_per_subject sockets at once before it counts.
    max_handshakes_per_second_per_subject: float = 50.0
    max_failed_handshakes_per_minute: int = 120
    max_tokens_per_minute: int = 60
    max_bad_frames: int = 5
    max_requests_per_second: float = 50.0
    max_request_burst: int = 100
    # Messages of any kind, refused ones too; beyond that the socket is closed.
    max_messages_per_second: float = 200.0
    max_message_burst: int = 2_000
    max_fragments: int = 512
    max_control_frames_per_second: int = 100
    # What one connection may have waiting in this process; one frame may exceed it.
    max_write_buffer_bytes: int = 1024 * 1024
    # A connection that lets more than this pile up asks without reading the answers. More than an
    # update of the largest topic there can be (16 MiB) after all that may wait before it.
    max_unsent_bytes: int = 40 * 1024 * 1024

    # Pages of replay and of snapshots are kept that long for others that want the same; 0: not at
    # all. The bytes are of each kind.
    max_shared_page_age_s: float = 1.0
    max_shared_page_bytes: int = 32 * 1024 * 1024

    heartbeat_interval_s: float = 15.0
    ping_interval_s: float = 20.0
    idle_timeout_s: float = 75.0
    open_timeout_s: float = 10.0
    drain_timeout_s: float = 10.0
    max_retry_after_ms: int = 5_000
    # Where nothing says when there is room again.
    retry_after_s: float = 2.0

    pool_size: int = 8
    database_timeout_s: float = 5.0
    slow_poll_interval_s: float = 5.0
    revocation_poll_interval_s: float = 1.0
    # 0: this relay marks none.
    lost_run_after_s: float = 120.0
    probe_interval_s: float = 15.0
    probe_timeout_s: float = 5.0
    max_backoff_s: float = 5.0
    min_busy_delay_s: float = 0.002
    max_busy_delay_s: float = 0.05
    # While updates come faster than they could be pulled one by one; 0: feeds never rest.
    max_feed_rest_s: float = 0.02

    token_ttl_s: int = 300

    reuse_port: bool = False
    compression: bool = False
    require_tls: bool = False
    origins: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()
    tls_certificate: str | None = None
    tls_key: str | None = None
    web_dir: Path | None = None
    dev_session: Path | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, (int, float)) and not name.endswith("_port") and not value >= 0:
                raise ValueError(f"{name} must be a number from 0")
        for name in ("max_batch_updates", "max_batch_bytes", "max_topics", "max_request_burst"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.pool_size < 2:
            raise ValueError("pool_size must be at least 2: one for live feeds, one for replays")
        for name in (
            "max_requests_per_second",
            "max_messages_per_second",
            "max_message_burst",
            "max_handshakes_per_second",
            "max_handshake_burst",
            "max_handshakes_per_second_per_subject",
            "max_connections_per_subject",
            "max_failed_handshakes_per_minute",
            "max_tokens_per_minute",
            "revocation_poll_interval_s",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        if not MIN_TTL_S <= self.token_ttl_s <= MAX_TTL_S:
            raise ValueError(f"token_ttl_s must be from {MIN_TTL_S} to {MAX_TTL_S}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.dev_session is not None and not is_loopback_url(f"//{self.host}"):
            raise ValueError("dev_session hands out a token: it needs a host of this machine only")
        Proxies(self.trusted_proxies)
        Origins(self.origins, self.host)
