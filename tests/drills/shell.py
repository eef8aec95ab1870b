"""Commands of a drill, run by bash as an operator runs them, and services that keep running."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from drills.course import Step

_PATIENCE_S = 300.0
_GOODBYE_S = 20.0


class CommandFailedError(Exception):
    """A command ended with another status than 0; the message has the end of its output."""


async def run(step: Step, commands: str, environment: Mapping[str, str]) -> str:
    """Runs commands, keeps them and their output in the step; the output.

    Raises CommandFailedError.
    """
    step.commands.append(commands)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", commands),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            output = (await process.communicate())[0].decode().rstrip()
    except BaseException:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        raise
    if output:
        step.outputs.append(output)
    if process.returncode != 0:
        raise CommandFailedError(f"exit status {process.returncode}: {output[-2000:]}")
    return output


class Service:
    """A program that keeps running, started and ended with its process group."""

    def __init__(self, name: str, commands: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._commands = commands
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("bash", "-euo", "pipefail", "-c", f"exec {self._commands}"),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def last_words(self) -> str:
        """The end of what it printed."""
        return self.log.read_text("utf-8", "replace")[-2000:] if self.log.exists() else ""

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if it does not end."""
        if self._process is None or not self.is_running:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._process.wait()
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """A service that runs, and is ended afterwards."""
    await service.start()
    try:
        yield service
    finally:
        await service.stop()
