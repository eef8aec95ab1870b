"""Every limit and interval of a relay, with its unit in its name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from khala_pg.auth.issuer import MAX_TTL_S, MIN_TTL_S
from khala_pg.http.edge import Origins, Proxies, is_loopback_url
from khala_pg.limits import check, limit


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Settings of one relay process. The defaults suit production; tests shorten intervals.

    listener_database: the connection that LISTENs; it must reach the server itself, because a
    transaction pooler breaks LISTEN. The same as `database` when None.
    ws_port, http_port: 0 picks a free port; http_port None serves no HTTP.
    metrics_host, metrics_port: where /metrics is, without authentication. None: nowhere.
    reuse_port: other relays of this machine may listen on the same ports (SO_REUSEPORT).
    origins: web origins whose pages may come, such as https://app.example; "*" for all.
    trusted_proxies: addresses or networks of proxies whose X-Forwarded-* headers are believed.
    tls_certificate, tls_key: PEM files; both ports then speak TLS.
    require_tls: refuse connections without TLS, here or at a trusted proxy.
    has_page: whether the HTTP port has the API of the admin page.
    web_dir: the built admin page, served on the HTTP port; None serves none.
    lightning_ops_secret: of the Lightning control plane; None: its operators are refused.
    page_ws_url: where the admin page opens sockets; None: ws_port at the host that it came from.
    dev_session: the dev.json whose session pages get; for `khala dev`, which listens on loopback.
    """

    database: str
    listener_database: str | None = None
    host: str = "127.0.0.1"
    ws_port: int = 4000
    http_port: int | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None

    # 20,000 documents of 600 bytes cost relay and database 180 ms; with pages of 200, 480.
    max_snapshot_documents: int = limit(
        1000, "documents of a snapshot's page", seen="the next page", least=1
    )
    max_snapshot_bytes: int = limit(
        2 * 1024 * 1024,
        "one and a half times the bytes of payloads of a snapshot's page",
        seen="the next page",
        least=1,
    )
    max_batch_updates: int = limit(200, "updates in a batch", seen="the next batch", least=1)
    max_batch_bytes: int = limit(
        2 * 1024 * 1024, "bytes of payloads in a batch", seen="the next batch", least=1
    )
    # Twice the longest token (16 KiB): once in the URL, once in base64 among the subprotocols; and
    # room for cookies.
    max_head_bytes: int = limit(
        64 * 1024,
        "the line and the headers of an HTTP request, on every port",
        seen="431 `payload_too_large`",
        least=1,
    )
    max_request_bytes: int = limit(
        256 * 1024, "a request on a socket", seen="reply `payload_too_large`", least=1
    )
    max_frame_bytes: int = limit(1024 * 1024, "a message of a client", seen="close 1009", least=1)
    max_topics: int = limit(
        64, "topics of a request, and of a socket", seen="reply `bad_subscription`", least=1
    )
    max_subset_bytes: int = limit(
        512 * 1024,
        "the keys and prefixes that a socket's topics are narrowed to",
        seen="reply `bad_subscription`",
    )
    max_connections: int = limit(
        10_000, "sockets, and HTTP requests at once", seen="503 `rate_limited`"
    )
    max_connections_per_ip: int = limit(
        2_000, "sockets of an address (an IPv6 /64 is one)", seen="429 `rate_limited`"
    )
    max_connections_per_subject: int = limit(
        1_000, "sockets of a token's subject", seen="429 `rate_limited`", is_above=True
    )
    max_pending_handshakes: int = limit(
        2_000,
        "connections whose opening request has no response yet",
        seen="the connection ends without a response",
    )
    max_pending_handshakes_per_ip: int = limit(
        500,
        "such connections of an address, except a trusted proxy's",
        seen="the connection ends without a response",
    )
    max_handshakes_per_second: float = limit(
        250.0,
        "opening requests with a good token, in the long run",
        seen="503 `rate_limited`",
        is_above=True,
    )
    max_handshake_burst: int = limit(
        500, "such requests at once", seen="503 `rate_limited`", least=1
    )
    # A subject may open max_connections_per_subject sockets at once before this counts.
    max_handshakes_per_second_per_subject: float = limit(
        50.0,
        "such requests of a subject, after `max_connections_per_subject` at once",
        seen="429 `rate_limited`",
        is_above=True,
    )
    max_failed_handshakes_per_minute: int = limit(
        120,
        "opening requests of an address that its token made fail",
        seen="429 `rate_limited`",
        least=1,
    )
    max_tokens_per_minute: int = limit(
        60,
        "tokens for a session's subject, and refused token requests of an address; "
        "an API key has a number of its own",
        seen="429 `rate_limited`",
        least=1,
    )
    max_lightning_calls_per_minute: int = limit(
        6_000,
        "calls of the Lightning control plane: of its operators, of each owner, and of each "
        "operator who is signed in",
        seen="429 `rate_limited`",
        least=1,
    )
    max_runtime_calls_per_minute: int = limit(
        6_000,
        "calls of the API of runs and codex workers, of each subject",
        seen="429 `rate_limited`",
        least=1,
    )
    max_admin_calls_per_minute: int = limit(
        6_000,
        "reads of administrators, of each subject",
        seen="429 `rate_limited`",
        least=1,
    )
    max_bad_frames: int = limit(
        4,
        "messages of a socket that are no frames, or binary",
        seen="close 1002; push `bad_frame` for each",
    )
    max_requests_per_second: float = limit(
        50.0,
        "requests of a socket, in the long run",
        seen="reply `rate_limited`",
        is_above=True,
    )
    max_request_burst: int = limit(
        100, "requests of a socket at once", seen="reply `rate_limited`", least=1
    )
    max_messages_per_second: float = limit(
        200.0,
        "messages of any kind of a socket, in the long run",
        seen="push `rate_limited`, close 1013",
        is_above=True,
    )
    max_message_burst: int = limit(
        2_000, "such messages at once", seen="push `rate_limited`, close 1013", least=1
    )
    max_fragments: int = limit(512, "fragments of a message before its last", seen="close 1008")
    max_control_frames_per_second: int = limit(
        100, "pings, pongs and closes of a socket", seen="close 1008"
    )
    # One frame may exceed it.
    max_write_buffer_bytes: int = limit(
        1024 * 1024,
        "what waits for a socket before it is taken off the live feed",
        seen="nothing: it goes on by replay",
    )
    # More than an update of the largest topic there can be (16 MiB) after all that may wait before.
    max_unsent_bytes: int = limit(
        40 * 1024 * 1024,
        "what waits for a socket that requests without reading",
        seen="the connection ends without a close",
    )
    max_shared_page_age_s: float = limit(
        1.0, "how long a page of replay or a snapshot is kept for others; 0: not at all"
    )
    max_shared_page_bytes: int = limit(32 * 1024 * 1024, "pages that are kept, of each kind")

    heartbeat_interval_s: float = limit(15.0, "time between heartbeats of the server")
    ping_interval_s: float = limit(20.0, "time between pings")
    idle_timeout_s: float = limit(
        75.0,
        "time without a sign of life of a socket",
        seen="the connection ends without a close",
    )
    open_timeout_s: float = limit(
        10.0, "time for an opening request, or a request's head", seen="the connection ends"
    )
    drain_timeout_s: float = limit(10.0, "time to stop", seen="close 1012 when it begins")
    max_retry_after_ms: int = limit(
        5_000, "longest delay that clients are given, when the relay stops or has a fault"
    )
    retry_after_s: float = limit(
        2.0, "delay that clients are given where nothing says when there is room"
    )

    pool_size: int = limit(8, "connections to the database, besides the one for LISTEN", least=2)
    database_timeout_s: float = limit(
        5.0, "time for a statement", seen="`internal` with `retry_after_ms`"
    )
    slow_poll_interval_s: float = limit(5.0, "time between looks at sleeping topics")
    revocation_poll_interval_s: float = limit(
        1.0, "time between looks at revocations", is_above=True
    )
    lost_run_after_s: float = limit(
        120.0, "silence after which a run with heartbeats is lost; 0: this relay marks none"
    )
    probe_interval_s: float = limit(15.0, "time between checks that LISTEN hears")
    probe_timeout_s: float = limit(5.0, "time for such a check")
    max_backoff_s: float = limit(5.0, "longest delay before the database is tried again")
    min_busy_delay_s: float = limit(
        0.002, "shortest delay before another look at a topic that a writer holds"
    )
    max_busy_delay_s: float = limit(0.05, "longest such delay")
    max_feed_rest_s: float = limit(
        0.02, "longest rest of a feed whose updates come fast; 0: it never rests"
    )

    token_ttl_s: int = limit(300, "lifetime of issued tokens", least=MIN_TTL_S, most=MAX_TTL_S)
    compression: bool = limit(False, "whether permessage-deflate is offered")

    reuse_port: bool = False
    require_tls: bool = False
    origins: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()
    tls_certificate: str | None = None
    tls_key: str | None = None
    has_page: bool = True
    web_dir: Path | None = None
    page_ws_url: str | None = None
    dev_session: Path | None = None
    lightning_ops_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check(self)
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.dev_session is not None and not is_loopback_url(f"//{self.host}"):
            raise ValueError(
                "dev_session gives a session to all: it needs a host of this machine only"
            )
        Proxies(self.trusted_proxies)
        Origins(self.origins, self.host)
