"""HTTP endpoints: snapshots, documents, tokens, the admin page, and the limits of requests."""
