"""Clients that know nothing but the wire, and the way between them and a relay."""
