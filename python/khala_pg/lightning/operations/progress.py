"""Progress of a program."""

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes what the program does now, in a few words."""
