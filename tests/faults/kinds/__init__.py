"""The faults. Each module has one function, `inject`, that breaks something, mends it again and
returns the moment (time.monotonic) from which nothing was broken any more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from faults.kinds import (
    clock_jump,
    connections_exhausted,
    crash_before_notify,
    disk_full,
    legacy_down,
    legacy_errors,
    legacy_slow,
    migration,
    network_black_hole,
    network_delay,
    network_loss,
    network_reset,
    nothing,
    packet_black_hole,
    packet_loss,
    postgres_killed,
    postgres_restarted,
    publisher_killed,
    publisher_stopped,
    read_only,
    relay_killed,
    relay_stopped,
    sequence_row_locked,
    sequencer_ended,
    statement_timeout,
    worker_killed,
    worker_stopped,
    writes_switched,
)
from faults.world import World


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    workers: the relay's processes.
    small_volume: the server stands on a small volume of its own; fake_clock: the relay's clock can
    be set; own_network: everything is in a network whose packets can be lost. None of them is
    possible everywhere.
    """

    inject: Callable[[World], Awaitable[float]]
    workers: int = 1
    small_volume: bool = False
    fake_clock: bool = False
    own_network: bool = False

    @property
    def name(self) -> str:
        return self.inject.__module__.rpartition(".")[2]


# The order is part of what a seed means: seed modulo their number chooses.
KINDS = (
    Kind(nothing.inject),
    Kind(relay_killed.inject),
    Kind(relay_stopped.inject),
    Kind(postgres_killed.inject),
    Kind(postgres_restarted.inject),
    Kind(read_only.inject),
    Kind(connections_exhausted.inject),
    Kind(statement_timeout.inject),
    Kind(sequence_row_locked.inject),
    Kind(disk_full.inject, small_volume=True),
    Kind(crash_before_notify.inject),
    Kind(network_reset.inject),
    Kind(network_loss.inject),
    Kind(network_delay.inject),
    Kind(network_black_hole.inject),
    Kind(clock_jump.inject, fake_clock=True),
    Kind(migration.inject),
    Kind(worker_killed.inject, workers=2),
    Kind(worker_stopped.inject, workers=2),
    Kind(sequencer_ended.inject, workers=2),
    Kind(writes_switched.inject),
    Kind(packet_loss.inject, own_network=True),
    Kind(packet_black_hole.inject, own_network=True),
    Kind(legacy_down.inject),
    Kind(legacy_slow.inject),
    Kind(legacy_errors.inject),
    Kind(publisher_killed.inject),
    Kind(publisher_stopped.inject),
)
BY_NAME = {kind.name: kind for kind in KINDS}
