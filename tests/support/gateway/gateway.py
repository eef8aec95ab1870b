"""Deployments of the gateway, its invoices, and faults on demand."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

Operation = Literal["active", "deploy", "rollback", "health", "challenge", "proxy", "wallet"]
Failure = Literal["refuse", "unavailable", "garbage", "hang", "slow", "reset"]


@dataclass(slots=True)
class Fault:
    """What some requests end with. times: how many; None is every one.

    refuse: status 500; unavailable: 503; garbage: 200 with what is no response; hang: none; slow:
    the right one, late; reset: the connection is closed in the middle of it. after: the request has
    its effect first.
    """

    operation: Operation
    failure: Failure
    times: int | None = None
    after: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """A configuration that was deployed."""

    deployment_id: str
    config_hash: str
    services: Sequence[dict[str, Any]]


@dataclass
class Gateway:
    """State that outlives the servers of the stand-in.

    deployments: by their identifiers; history: those in force, one after the other. sold: number of
    paid requests. slow_s: how late a slow response is.
    """

    ops_token: str = "stand-in-gateway-token"
    wallet_token: str = "stand-in-wallet-token"
    slow_s: float = 0.5
    faults: list[Fault] = field(default_factory=list)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    history: list[Deployment] = field(default_factory=list)
    preimages: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    sold: int = 0

    def __post_init__(self) -> None:
        self._key = secrets.token_bytes(32)

    @property
    def active(self) -> Deployment | None:
        return self.history[-1] if self.history else None

    def take_fault(self, operation: Operation) -> Fault | None:
        for fault in self.faults:
            if fault.operation == operation:
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.faults.remove(fault)
                return fault
        return None

    def deploy(self, deployment_id: str, config_hash: str, config_yaml: str) -> None:
        """Raises ValueError if the hash is not that of the configuration."""
        if config_hash != f"cfg_{hashlib.sha256(config_yaml.encode()).hexdigest()}":
            raise ValueError("the hash is another configuration's")
        services = yaml.safe_load(config_yaml)["services"]
        deployment = Deployment(deployment_id, config_hash, services)
        self.deployments[deployment_id] = deployment
        self.history.append(deployment)

    def roll_back(self, deployment_id: str) -> None:
        """Raises KeyError if there was no such deployment."""
        self.history.append(self.deployments[deployment_id])

    def price_sats(self, path: str) -> int | None:
        """Price of a request by the first rule that matches its path; None if none does.

        Clients of the tests come by address, so that hosts are not looked at.
        """
        for service in self.active.services if self.active else ():
            if re.search(service["pathregexp"], path):
                return int(service["price"])
        return None

    def challenge(self, sats: int) -> str:
        """WWW-Authenticate of an unpaid request, with a new invoice."""
        preimage = secrets.token_bytes(32)
        payment_hash = hashlib.sha256(preimage).digest()
        invoice = f"lnstandin{sats}sat1{payment_hash.hex()}"
        self.preimages[invoice] = preimage.hex()
        macaroon = base64.b64encode(payment_hash + self._mac(payment_hash)).decode()
        return f'L402 macaroon="{macaroon}", invoice="{invoice}"'

    def is_paid(self, authorization: str) -> bool:
        """Whether the macaroon is ours and the preimage hashes to its payment hash."""
        found = re.fullmatch(r"L402 ([A-Za-z0-9+/=]+):([0-9a-f]{64})", authorization)
        if found is None:
            return False
        macaroon = base64.b64decode(found[1])
        payment_hash, mac = macaroon[:32], macaroon[32:]
        return (
            hmac.compare_digest(mac, self._mac(payment_hash))
            and hashlib.sha256(bytes.fromhex(found[2])).digest() == payment_hash
        )

    def _mac(self, payment_hash: bytes) -> bytes:
        return hmac.new(self._key, payment_hash, "sha256").digest()
