"""deploy/: each file is what its tool takes, and names only what there is."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from khala_pg.cli.main import COMMANDS
from support.programs.missing import skip_without

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ENVIRONMENT = (DEPLOY / "khala.env").read_text("utf-8")
VARIABLES = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", ENVIRONMENT, re.MULTILINE))
VARIABLE = re.compile(r"\b(?:KHALA|OA_LIGHTNING)_[A-Z][A-Z0-9_]*\b")
# Of the tests and of a build.
FOREIGN = {"KHALA_BIN", "KHALA_RELAY_"}


def objects() -> list[dict[str, Any]]:
    text = (DEPLOY / "kubernetes/khala.yaml").read_text("utf-8")
    return list(yaml.safe_load_all(text))


def services() -> dict[str, dict[str, Any]]:
    text = (DEPLOY / "container/compose.yaml").read_text("utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def test_environment_file_is_that_of_the_code() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/environment_file.py", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == ENVIRONMENT, "run `make limits`"


def test_environment_file_lists_every_variable_that_the_code_names() -> None:
    named = {
        name
        for file in (ROOT / "python/khala_pg").rglob("*.py")
        for name in re.findall(r"\bKHALA_[A-Z_]+", file.read_text("utf-8"))
    }
    assert "KHALA_DATABASE_URL" in named
    assert {name for name in named - VARIABLES if name not in FOREIGN} <= {"KHALA_RELAY"}


def test_every_file_names_only_variables_that_there_are() -> None:
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            assert set(VARIABLE.findall(file.read_text("utf-8"))) - VARIABLES - FOREIGN == set(), (
                file
            )


def test_dockerfile_copies_what_there_is_and_all_that_a_wheel_needs() -> None:
    text = (DEPLOY / "container/Dockerfile").read_text("utf-8")
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    needed = {"pyproject.toml", "README.md", "LICENSE", "scripts/build_hook.py", "db", "python"}
    assert needed <= set(copied)
    stages = set(re.findall(r" AS (\w+)$", text, re.MULTILINE))
    assert set(re.findall(r"--from=(\w+)", text)) == stages
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert "/readyz" in text[text.index("HEALTHCHECK") :]


def test_compose_is_valid() -> None:
    if shutil.which("docker-compose") is None:
        skip_without("docker-compose is not installed")
    passwords = dict.fromkeys(("POSTGRES_PASSWORD", "RELAY_PASSWORD", "DBA_PASSWORD"), "secret")
    command = ["docker-compose", "--file", str(DEPLOY / "container/compose.yaml"), "config"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **passwords}, check=False
    )
    assert done.returncode == 0, done.stderr
    # Without its passwords nothing starts.
    bare = {name: value for name, value in os.environ.items() if name not in passwords}
    refused = subprocess.run(command, capture_output=True, text=True, env=bare, check=False)
    assert refused.returncode != 0
    assert "set POSTGRES_PASSWORD" in refused.stderr


def test_compose_names_files_services_and_commands_that_there_are() -> None:
    found = services()
    for name, service in found.items():
        assert set(service.get("depends_on", {})) <= found.keys(), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "container" / source).is_file(), volume
        if service["image"] == "khala" and "entrypoint" not in service:
            assert service["command"][0] in COMMANDS, name
        for called in re.findall(r"khala (\w+)", str(service.get("entrypoint", ""))):
            assert called in COMMANDS, name


def test_kubernetes_objects_fit_together() -> None:
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects()}
    assert len(found) == len(objects())
    deployment = found["Deployment", "khala-relay"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget", "khala-relay"]["spec"]["selector"]["matchLabels"] == labels
    service = found["Service", "khala-relay"]["spec"]
    assert service["selector"] == labels
    [relay] = deployment["template"]["spec"]["containers"]
    ports = {port["name"] for port in relay["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= ports
    for probe in ("livenessProbe", "readinessProbe"):
        assert relay[probe]["httpGet"]["port"] in ports
    [rule] = found["Ingress", "khala-relay"]["spec"]["rules"]
    for path in rule["http"]["paths"]:
        backend = path["backend"]["service"]
        assert backend["name"] == "khala-relay"
        assert backend["port"]["name"] in {port["name"] for port in service["ports"]}
    for kind, name in (("Job", "khala-migrate"), ("CronJob", "khala-retain")):
        spec = found[kind, name]["spec"]
        job = spec["jobTemplate"]["spec"] if kind == "CronJob" else spec
        [container] = job["template"]["spec"]["containers"]
        assert container["args"][0] in COMMANDS


@pytest.mark.parametrize("unit", ["khala-relay.service", "khala-retain.service"])
def test_systemd_takes_the_units(unit: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        skip_without("systemd-analyze is not installed")
    for file in (DEPLOY / "systemd").iterdir():
        text = file.read_text("utf-8")
        for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE):
            program, command = shlex.split(line)
            assert command in COMMANDS
            text = text.replace(program, "/bin/true")
        (tmp_path / file.name).write_text(text, "utf-8")
    verified = [tmp_path / unit, *tmp_path.glob(unit.replace(".service", ".timer"))]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *verified],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "khala" in line]
    assert (done.returncode, said) == (0, []), done.stderr
