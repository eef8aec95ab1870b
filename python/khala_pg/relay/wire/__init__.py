"""Frames, the state of a channel, requests, actions, refusals: no I/O."""
