"""The surfaces: `python -m surfaces` shows all of them together (`make surfaces`); the tests show
that none of them needs the legacy backend (KHALA-023)."""
