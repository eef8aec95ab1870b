"""The one interface to a control plane: a function's name and its arguments."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

Kind = Literal["query", "mutation"]
Args = Mapping[str, Any]


class Transport(Protocol):
    """A control plane as it is reached: over the API, or a mock."""

    async def call(self, kind: Kind, function: str, args: Args) -> dict[str, Any]:
        """The response of a function. Raises CallFailedError."""
        ...
