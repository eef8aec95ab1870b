"""The part of the desktop surface that needs Qt."""
