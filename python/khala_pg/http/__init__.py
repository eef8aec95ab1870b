"""The HTTP side of the relay: snapshots and single documents, with the token of the socket."""
