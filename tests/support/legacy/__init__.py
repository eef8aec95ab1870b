"""Stand-in of the legacy backend (Convex), as far as its official clients need it.

`values` is the encoding, `backend` keeps documents and runs functions, `server` speaks HTTP and
`sync` the WebSocket protocol. What clients send and expect was read in npm `convex` and PyPI
`convex`; tests/integration/migration/test_legacy_clients.py runs both.
"""
