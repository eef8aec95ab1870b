"""The process of a relay: workers, ports that they share, drain, event loop, memory."""
