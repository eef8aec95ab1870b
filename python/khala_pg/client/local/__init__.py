"""Local copy of topics: documents and cursors in memory, and the stores that keep them."""
