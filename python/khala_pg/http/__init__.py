"""HTTP endpoints: snapshots, documents, flags, tokens, the admin page, and limits of requests."""
