"""Documents whose commands and examples are run."""
