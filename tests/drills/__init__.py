"""Drills: a cutover executed on one machine, with faults in its midst, and a report of it.

    python -m drills codex          (in tests/; `make drill`)

`make drill-lightning` runs the drill of the Lightning control plane at the commit before its legacy
mode was removed: scripts/drill_lightning.sh.

`runbook` reads what operators read, and the drill runs the commands that stand there. `course`
keeps what happened, `report` writes it down. A gate that is not met ends a drill with exit
status 1.
"""
