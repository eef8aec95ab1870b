"""Content of db/: calls of its functions, its files, its next version, its dump."""
