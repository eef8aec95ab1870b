"""Memory for pages is kept between them, by this process and by the database's; and how often this
process looks for garbage.

glibc returns freed memory to the system when more than a threshold of it lies at the end of the
heap, and asks for it again, page by page, at the next need. The threshold, 128 KiB at first,
becomes twice the size of the largest block that was freed after having been mapped on its own. One
large block made and dropped therefore ends that for the life of a process; with other allocators
it changes nothing.
"""

import gc

KEPT_BYTES = 8 * 1024 * 1024
"""Several times what the largest page takes; up to twice that stays with a process."""


def keep_freed() -> None:
    """Has this process keep the memory of its pages."""
    bytes(KEPT_BYTES)


def collect_rarely() -> None:
    """Has this process look for cycles less often than Python does by itself.

    A socket is some two hundred objects that stay, and no garbage: while thousands open, a tenth of
    the time went into looking through them again and again.
    """
    gc.set_threshold(5_000, 10, 7)


def spare_loaded() -> None:
    """Has this process never look for garbage among what it has loaded so far."""
    gc.collect()
    gc.freeze()


class EndedSockets:
    """Frees what ended sockets leave.

    A socket that ends is a cycle of some fifty objects, ten kilobytes, and old if it lived long:
    Python would look for it when thousands have piled up. Each look passes over all that is open,
    so there is one for as many ended sockets as are open, which makes it the same cost for each.
    """

    _LEAST = 500

    def __init__(self) -> None:
        self._piled_up = 0

    def add(self, still_open: int) -> None:
        """One more has ended, and so many are open."""
        self._piled_up += 1
        if self._piled_up >= max(self._LEAST, still_open):
            self._piled_up = 0
            gc.collect()
