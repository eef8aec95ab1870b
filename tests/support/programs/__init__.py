"""Programs as people start them: `khala`, its commands, a runtime under load."""
