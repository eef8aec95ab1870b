"""The only place that names a SQL function: each call once, typed.

A module for each program that calls: `relay` (with `telemetry`) and `runtime` are asynchronous,
`admin` is not. Every function takes an open connection and runs one statement. Errors are those of
psycopg, which khala_pg.errors turns into ours. Watermarks are integers from 0; an epoch names what
they count in.

Doctor and migration, which look at the schema itself, have their own statements.
"""
