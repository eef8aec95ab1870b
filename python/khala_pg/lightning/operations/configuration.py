"""What the environment says to the operators' programs: OA_LIGHTNING_OPS_*.

All that is wrong is said at once. No value stands in an error: it may be a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from khala_pg.lightning.operations.errors import OpsError

PREFIX = "OA_LIGHTNING_OPS_"
Mode = Literal["mock", "api"]
MODES: tuple[Mode, ...] = get_args(Mode)
ROLES = ("gateway_invoice", "settlement_read", "operator_admin")
_SHORTEST_CREDENTIAL = 16


@dataclass(frozen=True)
class PlaneSettings:
    """Where the control plane is, and the secret that its operators send."""

    mode: Mode
    url: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class GatewaySettings:
    """Where the gateway is, and the addresses that show whether it sells.

    wallet_url: pays invoices; empty: proxy_url is that of a proxy which pays by itself.
    """

    base_url: str
    challenge_url: str
    proxy_url: str
    ops_token: str = field(repr=False)
    health_path: str = "/healthz"
    wallet_url: str = ""
    wallet_token: str = field(default="", repr=False)


class Reader:
    """Reads variables, and remembers what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: dict[str, str] = {}

    def text(self, name: str) -> str:
        """A variable that may be left out."""
        return self._environment.get(PREFIX + name, "").strip()

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            self._problems[PREFIX + name] = "is not set"
        return value

    def url(self, name: str, *, optional: bool = False) -> str:
        value = self.text(name) if optional else self.required(name)
        if value and not _is_url(value):
            self._problems[PREFIX + name] = "is no http:// or https:// address with a host"
        return value.rstrip("/")

    def path(self, name: str, default: str) -> str:
        value = self.text(name) or default
        if not value.startswith("/"):
            self._problems[PREFIX + name] = "does not begin with /"
        return value

    def check(self) -> None:
        """Raises OpsError if anything was wrong."""
        if self._problems:
            raise OpsError(
                "invalid_configuration",
                "; ".join(f"{name} {problem}" for name, problem in self._problems.items()),
                "Set what is named; docs/howto/lightning-operations.md says what each is for.",
                variables=list(self._problems),
            )


def mode_of(option: str | None, environment: Mapping[str, str]) -> Mode:
    """The mode that the option, else the environment, names. Raises OpsError."""
    variable = f"{PREFIX}CONTROL_PLANE_MODE"
    named = environment.get(variable, "").strip() if option is None else option.strip()
    if option is None and not named:
        return "api"
    if named not in MODES:
        where = variable if option is None else "--mode"
        raise OpsError(
            "invalid_mode",
            f"{where} is {named[:40]!r}; {', '.join(MODES)} are allowed",
            "Leave it out for api.",
        )
    return named


def plane_settings(
    mode: Mode, environment: Mapping[str, str], dev: Mapping[str, Any]
) -> PlaneSettings:
    """dev: state of a running `khala dev`, which holds where no address is set. Raises OpsError."""
    if mode == "mock":
        return PlaneSettings(mode)
    reader = Reader(environment)
    if not reader.text("API_BASE_URL"):
        match dev:
            case {"http": str(url), "lightning_ops_secret": str(secret)}:
                return PlaneSettings(mode, url, secret)
    url = reader.url("API_BASE_URL")
    secret = reader.required("SECRET")
    reader.check()
    return PlaneSettings(mode, url, secret)


def gateway_settings(environment: Mapping[str, str]) -> GatewaySettings:
    """Raises OpsError."""
    reader = Reader(environment)
    found = GatewaySettings(
        base_url=reader.url("GATEWAY_BASE_URL"),
        challenge_url=reader.url("CHALLENGE_URL"),
        proxy_url=reader.url("PROXY_URL"),
        ops_token=reader.required("GATEWAY_OPS_TOKEN"),
        health_path=reader.path("GATEWAY_HEALTH_PATH", "/healthz"),
        wallet_url=reader.url("WALLET_URL", optional=True),
        wallet_token=reader.text("WALLET_TOKEN"),
    )
    reader.check()
    return found


def names_gateway(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a gateway."""
    return bool(Reader(environment).text("GATEWAY_BASE_URL"))


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The credential of each role, in the order of the roles. Raises OpsError."""
    # Not stripped: white space around a credential makes it unusable.
    found = {role: environment.get(f"{PREFIX}CRED_{role.upper()}", "") for role in ROLES}
    missing = [role for role, value in found.items() if not value.strip()]
    unusable = [
        role for role, value in found.items() if role not in missing and not _is_usable(value)
    ]
    if missing or unusable:
        said = [
            f"{what}: {', '.join(roles)}"
            for what, roles in (("missing", missing), ("unusable", unusable))
            if roles
        ]
        raise OpsError(
            "missing_credentials" if missing else "unusable_credentials",
            f"credentials are {'; '.join(said)}",
            f"Set {PREFIX}CRED_<ROLE> for each, at least {_SHORTEST_CREDENTIAL} characters without"
            " white space.",
            missingRoles=missing,
            unusableRoles=unusable,
        )
    return found


def _is_usable(credential: str) -> bool:
    return len(credential) >= _SHORTEST_CREDENTIAL and not any(map(str.isspace, credential))


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
