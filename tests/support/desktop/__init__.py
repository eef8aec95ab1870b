"""`khala desktop` under a display of its own."""
