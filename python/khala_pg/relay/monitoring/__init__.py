"""Values that are counted, scraped, logged and traced."""
