"""A chat with agents, each of whose runs is seen as it goes: `make -C examples/chat`.

Each message starts the agent with `khala run`. The browser sees the run's summary change while the
agent prints, and the agent's own message when it has an answer.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from examples.chat.messages import MESSAGES, Message, post
from examples.stage import KHALA, Stage, serve, stage
from khala_pg.child_process import die_with_parent

TEAM = "team"
AGENT = [sys.executable, "-m", "examples.chat.agent", TEAM]


def backend(on: Stage) -> list[Route]:
    """The chat's own API."""

    def relay(request: Request) -> PlainTextResponse:
        return PlainTextResponse(on.relay)

    def token(request: Request) -> PlainTextResponse:
        return PlainTextResponse(on.token("ann", TEAM, [MESSAGES, "runtime.run_summaries"]))

    def write(message: Message) -> None:
        with on.connect() as database:
            post(database, TEAM, message)

    async def message(request: Request) -> JSONResponse:
        text = (await request.body()).decode()
        run_id = f"answer-{uuid4()}"
        await run_in_threadpool(write, {"author": "ann", "text": text, "run_id": run_id})
        recorded = ["run", f"--id={run_id}", f"--title={text[:80]}", f"--org={TEAM}", "--"]
        await asyncio.create_subprocess_exec(
            *(*KHALA, *recorded, *AGENT, run_id, text),
            env={**on.environment, "KHALA_DATABASE_URL": on.database},
            stdout=DEVNULL,
            stderr=DEVNULL,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        return JSONResponse({"run_id": run_id})

    return [
        Route("/api/relay", relay),
        Route("/api/token", token),
        Route("/api/messages", message, methods=["POST"]),
    ]


if __name__ == "__main__":
    with stage() as on:
        on.khala("topics", "add", MESSAGES)
        serve(on, "chat", backend(on))
