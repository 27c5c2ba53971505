"""What is handed over: the locks, the make targets, the wheel, and the compose file's services."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workflow import settings

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = ("migrate", "web", "worker", "clock")
LOCKS = {
    "run": [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["postgres"]],
    "dev": [*PROJECT["dependency-groups"]["test"], *PROJECT["dependency-groups"]["lint"]],
    "browser": PROJECT["dependency-groups"]["browser"],
    "build": PROJECT["dependency-groups"]["build"],
    "uv": PROJECT["dependency-groups"]["installer"],
}


def lock(name: str) -> str:
    """The text of a lock, one requirement a line."""
    return (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_fitting_pin_for_every_dependency(name: str) -> None:
    """Whoever adds a dependency runs `make lock` in the same change."""
    pins = {}
    for line in lock(name).splitlines():
        pin = Requirement(line.partition("--hash")[0])
        pins[canonicalize_name(pin.name)] = pin
    for wanted in map(Requirement, LOCKS[name]):
        pin = pins[canonicalize_name(wanted.name)]
        (specifier,) = pin.specifier
        assert wanted.specifier.contains(specifier.version, prereleases=True), f"{pin} does not fit {wanted}"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_address(name: str) -> None:
    """Any registry may serve it, and none can serve something else."""
    for line in lock(name).splitlines():
        assert re.match(r"[a-z0-9][a-z0-9.-]*(\[[a-z,]+\])?==\S+", line), line
        assert "--hash=sha256:" in line, line
        assert "://" not in line, line
    assert "onward" not in lock(name)


def test_two_locks_agree_where_both_pin() -> None:
    """They go into one environment."""
    pins: dict[str, str] = {}
    for name in LOCKS:
        for line in lock(name).splitlines():
            pin = line.split()[0]
            assert pins.setdefault(pin.partition("==")[0], pin) == pin


def test_make_help_lists_every_chore() -> None:
    """A target without its line is a chore that nobody finds."""
    chores = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert chores is not None
    said = subprocess.run(("make", "help"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^make (\S+) +\S", said, re.MULTILINE)
    assert sorted(listed) == sorted(chores[1].split())


def run_environment(tmp_path: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Build an environment on a machine that has neither uv nor any Python but a script that plays one."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "rm"):
        (tools / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    if python:
        (tools / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (tools / "python3").chmod(0o755)
    environ = {"PATH": str(tools), "ENV": str(tmp_path / "env")}
    words = (str(tools / "sh"), str(ROOT / "requirements" / "environment.sh"), "run")
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("", "found no 'python3'"),
        ('[ "$1" = -V ] && echo Python 3.10.4; exit 1', "is Python 3.10.4"),
        ('case "$2" in *ensurepip*) exit 1 ;; esac', "apt install python3-venv"),
    ],
    ids=["no Python", "an old Python", "neither uv nor venv"],
)
def test_a_machine_that_lacks_something_is_told_in_one_sentence(tmp_path: Path, python: str, sentence: str) -> None:
    """No traceback, and what to do about it."""
    done = run_environment(tmp_path, python)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "env").exists()


def test_the_wheel_has_the_templates_and_the_migrations(tmp_path: Path) -> None:
    """What is not a Python file is easily left behind."""
    words = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert {f"workflow/_templates/{path.relative_to(ROOT / 'templates')}" for path in templates} <= packed
    rooms = [path for room in ("workflow", "web", "workers") for path in (ROOT / room).rglob("*") if path.is_file()]
    assert {str(path.relative_to(ROOT)) for path in rooms if "__pycache__" not in path.parts} <= packed
    assert not [name for name in packed if name.startswith(("tests/", "bench/", "docs/"))]


def test_compose_has_every_part_and_two_clocks() -> None:
    """The parts that the design names, each once, but for the workers and the clocks."""
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "redis", *OURS}
    assert services["clock"]["deploy"]["replicas"] == 2
    assert all("healthcheck" in service for name, service in services.items() if name != "migrate")
    # A fixed name or port would keep a service from being scaled.
    assert not [name for name, service in services.items() if "container_name" in service]
    assert [name for name, service in services.items() if "ports" in service] == ["web"]


@pytest.mark.parametrize("name", OURS)
def test_compose_runs_commands_that_exist(name: str) -> None:
    """Each command and option of the compose file is one of `onward`."""
    words = [str(word) for word in COMPOSE["services"][name]["command"]]
    onward = Path(sys.executable).with_name("onward")
    done = subprocess.run((onward, *words, "--help"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words if word.startswith("-"))


@pytest.mark.parametrize("name", OURS)
def test_compose_gives_secrets_by_file_only(name: str) -> None:
    """A secret in the environment shows in `docker inspect`."""
    service = COMPOSE["services"][name]
    for variable, value in service["environment"].items():
        plain = variable.removesuffix("_FILE")
        assert plain in settings.NAMES
        if plain != variable:
            assert value == f"/run/secrets/{plain.removeprefix('ONWARD_').lower()}"
            assert Path(value).name in service["secrets"]
    assert {"ONWARD_SECRET_KEY_FILE", "ONWARD_DATABASE_URL_FILE", "ONWARD_REDIS_URL_FILE"} <= set(
        service["environment"]
    )


@pytest.mark.parametrize("name", OURS)
def test_compose_takes_every_right_away(name: str) -> None:
    """A part that is taken over can write to its data and nowhere else."""
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["onward:/var/lib/onward"]
    assert "user" not in service, "the image names the user"


def test_make_secrets_writes_what_compose_reads(tmp_path: Path) -> None:
    """Two commands on a fresh machine, and every secret is there and fits the others."""
    words = ("make", "-f", str(ROOT / "Makefile"), "secrets", "SMTP_URL=smtp://sales:pass@mail.example.com:587")
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    files: dict[str, dict[str, Any]] = COMPOSE["secrets"]
    kept = {name: (tmp_path / secret["file"]).read_text().strip() for name, secret in files.items()}
    assert len(kept["secret_key"]) >= 32
    assert kept["database_url"] == f"postgresql+psycopg://onward:{kept['postgres_password']}@postgres/onward"
    assert kept["redis_url"] == f"redis://:{kept['redis_password']}@redis:6379/0"
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode != 0, "secrets that are in use must not be overwritten"


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    """Every COPY finds its files, past .dockerignore too, and the last USER is not root."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored, "what is not named must stay outside"
    let_in = {line.removeprefix("!").split("/")[0] for line in ignored if line.startswith("!")}
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), line
                assert source.rstrip("/") in let_in, f"{source} is ignored"
    assert [line for line in lines if line.startswith("USER ")][-1] != "USER root"
