"""A chat with agents, each of whose runs is seen as it goes: `make -C examples/chat`.

Each message starts the agent with `khala run`. The browser sees the run's summary change while the
agent prints, and the agent's own message when it has an answer.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from examples.chat.messages import MESSAGES, post
from examples.stage import KHALA, Stage, serve, stage

TEAM = "team"
AGENT = [sys.executable, "-m", "examples.chat.agent", TEAM]


@contextmanager
def backend(on: Stage) -> Iterator[list[Route]]:
    """The chat's own API; at the end of the block its agents have ended."""
    agents: list[subprocess.Popen[bytes]] = []

    def relay(request: Request) -> PlainTextResponse:
        return PlainTextResponse(on.relay)

    def token(request: Request) -> PlainTextResponse:
        return PlainTextResponse(on.token("ann", TEAM, [MESSAGES, "runtime.run_summaries"]))

    def message(request: Request) -> JSONResponse:
        text = request.query_params["text"]
        run_id = f"answer-{uuid4()}"
        with on.connect() as database:
            post(database, TEAM, {"author": "ann", "text": text, "run_id": run_id})
        recorded = ["run", f"--id={run_id}", f"--title={text[:80]}", f"--org={TEAM}", "--"]
        agents.append(
            subprocess.Popen(
                [*KHALA, *recorded, *AGENT, run_id, text],
                env={**on.environment, "KHALA_DATABASE_URL": on.database},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return JSONResponse({"run_id": run_id})

    try:
        yield [
            Route("/api/relay", relay),
            Route("/api/token", token),
            Route("/api/messages", message, methods=["POST"]),
        ]
    finally:
        for agent in agents:
            agent.terminate()
            agent.wait()


if __name__ == "__main__":
    with stage() as on, backend(on) as routes:
        on.khala("topics", "add", MESSAGES)
        serve(on, "chat", routes)
