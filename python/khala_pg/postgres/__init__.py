"""PostgreSQL servers of our own: installation, cluster on disk, start and stop, free ports."""
