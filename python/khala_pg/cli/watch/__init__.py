"""Commands that show what happens: documents, topics, relays."""
