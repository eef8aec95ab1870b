"""Colours of tones, on a light and on a dark theme."""

from collections.abc import Mapping

from PySide6.QtGui import QGuiApplication

from khala_pg.desktop.model import Tone

# Each has a contrast of 4.5 or more to the theme's base: white to #f0f0f0, and black to #2b2b2b.
LIGHT: Mapping[Tone, str] = {"good": "#1a6e2e", "busy": "#8a5a00", "bad": "#b3121d"}
DARK: Mapping[Tone, str] = {"good": "#5fd07a", "busy": "#e3b341", "bad": "#ff8a8f"}
_MIDDLE = 128


def colours() -> Mapping[Tone, str]:
    """The colours for the theme that holds now; a plain tone has none."""
    return DARK if QGuiApplication.palette().base().color().lightness() < _MIDDLE else LIGHT
