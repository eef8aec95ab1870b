"""Completion in real shells, and what is said of a mistyped word."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from khala_pg.postgres.free_ports import free_port
from support.postgres.databases import Database
from support.programs.runs import KHALA, environment, khala


def completed(line: str, env: dict[str, str]) -> list[str]:
    """What bash offers at the end of a line, by the script that a user sources."""
    script = f"""
        source <("{KHALA}" completion bash)
        COMP_WORDS=({line}); [[ "{line}" != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        COMPREPLY=()
        _khala_completion khala
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{Path(KHALA).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**env, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    return [word for word in done.stdout.split() if word]


def test_commands_options_and_topics_are_completed(newest_database: Database) -> None:
    env = environment(newest_database.dsn)
    assert completed("khala pub", env) == ["publish", "publishers"]
    assert completed("khala query --wh", env) == ["--where"]
    for words in ("topics set", "token --topic"):
        assert completed(f"khala {words} runtime.run", env) == ["runtime.run_summaries"], words
    everything = completed("khala get ", env)
    assert "runtime.notifications" in everything
    assert everything == sorted(everything)


def test_topics_of_the_database_that_the_option_names(newest_database: Database) -> None:
    away = environment(f"host=127.0.0.1 port={free_port()} dbname=none user=none")
    option = f"--database {newest_database.dsn}"
    for words in (f"topics {option} set", f"topics set {option}", f"get {option}"):
        assert completed(f"khala {words} runtime.run", away) == ["runtime.run_summaries"], words


def test_a_database_that_is_away_is_silent() -> None:
    env = environment(f"host=127.0.0.1 port={free_port()} dbname=none user=none")
    assert completed("khala get runtime.", env) == []
    assert completed("khala get runtime.", {**env, "KHALA_DATABASE_URL": "nonsense:"}) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    done = khala("completion", shell, env=os.environ)
    assert done.returncode == 0, done
    script = done.stdout.decode()
    assert "_KHALA_COMPLETE" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script.encode(), check=True, timeout=60)


def test_installed_by_the_option(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = khala("--install-completion", "bash", env=env)
    assert done.returncode == 0, done
    assert "_KHALA_COMPLETE" in (tmp_path / ".bash_completions" / "khala.sh").read_text()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["sikn", "t"], "'sink'"),
        (["topics", "remov", "t"], "'remove'"),
        (["query", "t", "--were", "x"], "--where"),
        (["lightning", "smok"], "'smoke'"),
    ],
)
def test_mistyped(words: list[str], meant: str) -> None:
    done = khala(*words, env=os.environ)
    assert done.returncode == 2
    assert re.search(r"Did you mean|Possible options", done.stderr.decode()), done
    assert meant in done.stderr.decode()


def test_a_topic_that_resembles_another(newest_database: Database) -> None:
    for words in (["topics", "set", "--horizon", "1 day"], ["retain"], ["get", "k"]):
        words.insert(words.index("k") if "k" in words else len(words), "runtime.run_sumaries")
        done = khala(*words, env=environment(newest_database.dsn))
        assert done.returncode == 1, done
        assert b"Did you mean runtime.run_summaries" in done.stderr, done
    done = khala("retain", "nothing.like.that", env=environment(newest_database.dsn))
    assert b"Did you mean" not in done.stderr
