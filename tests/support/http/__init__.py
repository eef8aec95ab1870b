"""HTTP: the APIs that tests call, and what servers of a test need."""
