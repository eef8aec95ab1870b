"""The relay: sockets on one side, khala.replay on the other, and no state that matters between."""
