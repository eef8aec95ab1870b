"""The one package that names the functions of schema khala: each call once, typed.

`relay` and `runtime` hold the calls of these programs, which are here by name as well; `admin`
holds those of the command line, which are synchronous. Every function takes an open connection and
runs one statement. Errors are psycopg's, which khala_pg.errors turns into ours. Watermarks are
integers from 0; an epoch names what they count in.

Doctor and migrate, which look at the schema itself, ask for themselves.
"""

from khala_pg.sqlapi._call import Connection
from khala_pg.sqlapi.relay import (
    CHANNEL,
    REVOKED,
    SUPPORTED_SCHEMA_VERSIONS,
    Armed,
    Cursor,
    FeedRow,
    KeyHolder,
    Page,
    SnapshotPage,
    arm,
    authenticate_api_key,
    check_cursors,
    ensure_epoch,
    head_watermarks,
    hydrate,
    judge,
    keep_memory,
    listen,
    notify,
    replay,
    replay_binary,
    replay_feed,
    replay_feed_binary,
    revocations,
    schema_version,
    snapshot,
    terms,
)
from khala_pg.sqlapi.runtime import (
    Appended,
    EntityKind,
    Ingested,
    append_run_event,
    count_entities,
    ingest_events,
    rebuild_projection,
    rebuild_projections,
)
from khala_pg.sqlapi.telemetry import (
    Telemetry,
    TopicTelemetry,
    WriteTrace,
    event_age,
    telemetry,
    traces,
)

__all__ = [
    "CHANNEL",
    "REVOKED",
    "SUPPORTED_SCHEMA_VERSIONS",
    "Appended",
    "Armed",
    "Connection",
    "Cursor",
    "EntityKind",
    "FeedRow",
    "Ingested",
    "KeyHolder",
    "Page",
    "SnapshotPage",
    "Telemetry",
    "TopicTelemetry",
    "WriteTrace",
    "append_run_event",
    "arm",
    "authenticate_api_key",
    "check_cursors",
    "count_entities",
    "ensure_epoch",
    "event_age",
    "head_watermarks",
    "hydrate",
    "ingest_events",
    "judge",
    "keep_memory",
    "listen",
    "notify",
    "rebuild_projection",
    "rebuild_projections",
    "replay",
    "replay_binary",
    "replay_feed",
    "replay_feed_binary",
    "revocations",
    "schema_version",
    "snapshot",
    "telemetry",
    "terms",
    "traces",
]
