"""Endpoint of the relay and token for `khala tail`, looked up for every connection."""

import os
from collections.abc import Sequence
from pathlib import Path

from khala_pg import settings
from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.client import Endpoint, UnauthorizedError
from khala_pg.errors import UsageError
from khala_pg.settings import HTTP, TOKEN, WS, Following, resolve


class Source:
    """Follows a `khala dev` that starts again, and asks nothing of a relay that refuses a token
    which will not change."""

    def __init__(
        self,
        ws: str | None,
        http: str | None,
        token: str | None,
        topics: Sequence[str],
        org: str | None = None,
    ) -> None:
        """org: of the token of `khala dev`; None: its own. Raises UsageError when one of the others
        is not to be found, or a token is given beside `org`."""
        if org and (token or os.environ.get(TOKEN.variable)):
            raise UsageError(
                "a token names its organisation: --org is for the token of a running `khala dev`",
                f"Leave out --org, or --token and {TOKEN.variable}.",
            )
        given = token or os.environ.get(TOKEN.variable)
        # A token that was given will not change; that of `khala dev` does when it starts again.
        self._token_is_given = bool(given)
        signed = _DevToken(topics, org)
        apart = http or os.environ.get(HTTP.variable, "")
        self._found = Following(lambda: Endpoint(resolve(WS, ws), given or signed.current(), apart))
        self.refusal: Exception | None = None
        """Why the relay refuses the token, once it does."""

    def endpoint(self) -> Endpoint:
        """Raises UnauthorizedError if there is no use in trying again."""
        if self.refusal is not None and self._token_is_given:
            raise UnauthorizedError(
                f"the relay refuses the token: {self.refusal}",
                "Get a new one with `khala token`, and pass it with --token or KHALA_TOKEN.",
            )
        return self._found()


class _DevToken:
    """Token of `khala dev` for these topics, signed anew for each of its runs: its own token is for
    the topics that there were when it started."""

    def __init__(self, topics: Sequence[str], org: str | None) -> None:
        self._topics = topics
        self._org = org
        self._of_run = ""
        self._signed = ""

    def current(self) -> str:
        """Raises UsageError when no `khala dev` runs."""
        of_run = resolve(TOKEN, None)
        if of_run != self._of_run:
            state = settings.dev_state()
            ring = keyring_file.load(Path(state["keyring"]))
            self._signed = keys.sign_token(
                ring,
                org_id=self._org or state["organisation"],
                scopes=self._topics,
                subject="dev",
            )
            self._of_run = of_run
        return self._signed
