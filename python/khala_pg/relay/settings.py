"""Every limit and interval of a relay, with its unit in its name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """What one relay process is told. The defaults suit production; tests shorten intervals.

    listener_database: the connection that LISTENs; it must reach the server itself, because a
    transaction pooler breaks LISTEN. The same as `database` when None.
    ws_port, http_port: 0 picks a free port; http_port None serves no HTTP.
    """

    database: str
    listener_database: str | None = None
    host: str = "127.0.0.1"
    ws_port: int = 4000
    http_port: int | None = None

    max_batch_updates: int = 200
    max_batch_bytes: int = 2 * 1024 * 1024
    max_payload_bytes: int = 256 * 1024
    max_request_bytes: int = 256 * 1024
    max_frame_bytes: int = 1024 * 1024
    max_topics: int = 64
    max_connections: int = 10_000
    max_bad_frames: int = 5
    max_requests_per_second: float = 50.0
    max_request_burst: int = 100
    # What one connection may have waiting in this process; one frame may exceed it.
    max_write_buffer_bytes: int = 1024 * 1024

    heartbeat_interval_s: float = 15.0
    ping_interval_s: float = 20.0
    idle_timeout_s: float = 75.0
    open_timeout_s: float = 10.0
    drain_timeout_s: float = 10.0
    max_retry_after_ms: int = 5_000

    pool_size: int = 8
    database_timeout_s: float = 5.0
    slow_poll_interval_s: float = 5.0
    revocation_poll_interval_s: float = 1.0
    probe_interval_s: float = 15.0
    probe_timeout_s: float = 5.0
    max_backoff_s: float = 5.0
    min_busy_delay_s: float = 0.002
    max_busy_delay_s: float = 0.05

    compression: bool = False

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
        if not self.max_requests_per_second > 0:
            raise ValueError("max_requests_per_second must be above 0")
