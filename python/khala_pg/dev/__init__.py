"""The development environment of `khala dev`: its state on disk and its processes."""
