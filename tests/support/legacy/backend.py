"""Documents of the legacy backend, its functions, and faults on demand."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from support.legacy.values import Value, dumps, encode

Kind = Literal["query", "mutation"]
Document = dict[str, Value]

TABLES = {"RunSummary": "run_summaries", "CodexWorkerSummary": "codex_worker_summaries"}
"""Table of each kind of summary: `runtime:upsert<kind>` writes it, `runtime:delete<kind>`
removes it, `runtime:get<kind>` reads it."""


class ConvexError(Exception):
    """Error of an application function, whose data reaches the client."""

    def __init__(self, data: Value) -> None:
        super().__init__(f"Uncaught ConvexError: {dumps(encode(data))}")
        self.data = data


class FunctionError(Exception):
    """Any other error of a function: the client gets its message alone."""


class TransportError(Exception):
    """A response that comes from in front of the functions: over HTTP a status with a code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function. caller: `admin`, or the subject of a bearer token."""

    kind: Kind
    path: str
    args: Document
    caller: str


@dataclass(frozen=True, slots=True)
class Upsert:
    """A summary that was stored."""

    table: str
    document_id: str
    version: int
    summary: Document


@dataclass(slots=True)
class Fault:
    """What some calls end with. times: how many; None is every one, until the fault is removed.

    after: the function runs first, so its effect is there and the client does not know.
    """

    error: ConvexError | FunctionError | TransportError
    matches: Callable[[Call], bool] = lambda call: call.kind == "mutation"
    times: int | None = 1
    after: bool = False


Function = Callable[[Call], Value]


@dataclass
class LegacyBackend:
    """State that outlives the servers of the stand-in.

    tokens: subject of each bearer token.
    functions: by kind and path; tests may add some.
    latency_s: how long each call takes. upserts: all of them, in the order of their commits.
    committed: number of mutations so far, which is the time of this backend.
    """

    admin_key: str = "stand-in|admin"
    tokens: dict[str, str] = field(default_factory=dict)
    latency_s: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    functions: dict[tuple[Kind, str], Function] = field(default_factory=dict)
    tables: dict[str, dict[str, Document]] = field(
        default_factory=lambda: {table: {} for table in TABLES.values()}
    )
    upserts: list[Upsert] = field(default_factory=list)
    calls: int = 0
    committed: int = 0
    watchers: dict[int, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        for kind, table in TABLES.items():
            self.functions["mutation", f"runtime:upsert{kind}"] = self._upserting(table)
            self.functions["mutation", f"runtime:delete{kind}"] = self._deleting(table)
            self.functions["query", f"runtime:get{kind}"] = self._getting(table)

    def hold(self) -> None:
        """Calls get no response until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def caller(self, scheme: str, credential: str) -> str | None:
        """Whom an admin key (`Convex`) or a token (`Bearer`) belongs to."""
        if scheme == "Convex":
            return "admin" if credential == self.admin_key else None
        return self.tokens.get(credential) if scheme == "Bearer" else None

    async def run(self, call: Call) -> Value:
        """The result of a call. Raises ConvexError, FunctionError and TransportError."""
        self.calls += 1
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        await self._open.wait()
        fault = self._take_fault(call)
        if fault is not None and not fault.after:
            raise fault.error
        result = self.evaluate(call)
        if call.kind == "mutation":
            self.committed += 1
            for wake in self.watchers.values():
                wake()
        if fault is not None:
            raise fault.error
        return result

    def evaluate(self, call: Call) -> Value:
        """What the function returns, without delay and without faults."""
        function = self.functions.get((call.kind, call.path))
        if function is None:
            raise FunctionError(f"Could not find public function for '{call.path}'")
        return function(call)

    def gone_back(self) -> dict[str, list[int]]:
        """The versions of each document that was ever replaced by an older one, in their order."""
        versions: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for upsert in self.upserts:
            versions[upsert.table, upsert.document_id].append(upsert.version)
        return {
            document_id: found
            for (_, document_id), found in versions.items()
            if any(later < earlier for earlier, later in itertools.pairwise(found))
        }

    def _take_fault(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if fault.matches(call):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.faults.remove(fault)
                return fault
        return None

    def _upserting(self, table: str) -> Function:
        def upsert(call: Call) -> Value:
            match call.args:
                # A sequence number is a double, or an Int64 where a double would not hold it.
                case {
                    "document_id": str(document_id),
                    "summary": {"latest_seq": int() | float() as version} as summary,
                    **rest,
                } if not rest:
                    self.tables[table][document_id] = summary
                    self.upserts.append(Upsert(table, document_id, int(version), summary))
                    return None
            raise FunctionError(
                "ArgumentValidationError: {document_id: string, summary: {latest_seq: number, …}}"
            )

        return upsert

    def _deleting(self, table: str) -> Function:
        def delete(call: Call) -> Value:
            match call.args:
                case {"document_id": str(document_id), **rest} if not rest:
                    self.tables[table].pop(document_id, None)
                    return None
            raise FunctionError("ArgumentValidationError: {document_id: string}")

        return delete

    def _getting(self, table: str) -> Function:
        def get(call: Call) -> Value:
            match call.args:
                case {"document_id": str(document_id), **rest} if not rest:
                    summary = self.tables[table].get(document_id)
                    return None if summary is None else {**call.args, "summary": summary}
            raise FunctionError("ArgumentValidationError: {document_id: string}")

        return get
