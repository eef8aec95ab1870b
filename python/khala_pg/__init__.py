"""Khala Sync: a sync engine that lives in Postgres; this package is its relay, client and tools."""

from khala_pg.sqlapi.write import Sunk as Sunk
from khala_pg.sqlapi.write import sink as sink
from khala_pg.sqlapi.write import sink_batch as sink_batch
from khala_pg.sqlapi.write import sink_delete as sink_delete

__version__ = "0.1.0"
