"""From an accepted socket to a joined one: limits, handshake, ports, TLS."""
