"""Operations of an API: the source of its routes, and of its OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.http.paths import OwnPath

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """Operation of an API.

    result: fields of the response. optional: those that may be missing. query: parameters of the
    query, as OpenAPI has them. may_lack_body: whether a body may be left out.
    """

    method: str
    path: str
    name: str
    summary: str
    result: Schema
    body: Schema | None = None
    query: Sequence[Schema] = ()
    optional: Schema = field(default_factory=dict)
    may_lack_body: bool = False


def routes_of(
    operations: Sequence[Operation],
    answer: Callable[[Request, str], Awaitable[Response]],
    convertors: Mapping[str, str] | None = None,
) -> list[OwnPath]:
    """A route for each path. answer: responds to a request for the operation of that name.

    convertors: Starlette's, of names in paths that are not one segment. Longer paths come first.
    """
    by_path: dict[str, dict[str, str]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation.name

    def endpoint(names: Mapping[str, str]) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            # What takes GET takes HEAD.
            return await answer(request, names[request.method.replace("HEAD", "GET")])

        return respond

    def converted(path: str) -> str:
        for name, convertor in (convertors or {}).items():
            path = path.replace(f"{{{name}}}", f"{{{name}:{convertor}}}")
        return path

    paths = sorted(by_path, key=len, reverse=True)
    return [
        OwnPath(converted(path), endpoint(by_path[path]), methods=list(by_path[path]))
        for path in paths
    ]
