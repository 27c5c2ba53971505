"""Settings: one frozen value, read once from the environment, by every command alike.

An unknown or odd ONWARD_… variable stops the start, because a mistyped name would otherwise be a silent default.
Each variable may be given as NAME_FILE with a path, so that a secret need not stand in the environment.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workflow.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = (
    "ONWARD_DATA_DIR",
    "ONWARD_DATABASE_URL",
    "ONWARD_REDIS_URL",
    "ONWARD_SMTP_URL",
    "ONWARD_PLAYBOOK",
    "ONWARD_BASE_URL",
    "ONWARD_MAIL_FROM",
    "ONWARD_SECRET_KEY",
    "ONWARD_ALLOW_PRIVATE_ENDPOINTS",
)
DEFAULT_PORT = 8000
_LEAST_KEY = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is told from outside; everything else lives in its database."""

    data_dir: Path
    database_url: str
    redis_url: str | None
    smtp_url: str | None
    playbook: Path | None
    base_url: str
    mail_from: str
    secret_key: str = field(repr=False)
    private_endpoints: bool = False
    """Whether webhooks may go to the own network and over plain http: for labs, never where strangers have access."""

    @property
    def local_catcher(self) -> bool:
        """Whether mail goes to the local catcher, which keeps it and shows it in the panel."""
        return self.smtp_url is None

    @property
    def mail_dir(self) -> Path:
        """Where the local catcher keeps its mail."""
        return self.data_dir / "mail"

    def environment(self) -> dict[str, str]:
        """The same settings for a child process; the key stays in its file."""
        pairs = {
            "ONWARD_DATA_DIR": str(self.data_dir),
            "ONWARD_DATABASE_URL": self.database_url,
            "ONWARD_REDIS_URL": self.redis_url,
            "ONWARD_SMTP_URL": self.smtp_url,
            "ONWARD_PLAYBOOK": str(self.playbook) if self.playbook else None,
            "ONWARD_BASE_URL": self.base_url,
            "ONWARD_MAIL_FROM": self.mail_from,
            "ONWARD_ALLOW_PRIVATE_ENDPOINTS": "yes" if self.private_endpoints else None,
        }
        if not key_file(self.data_dir).exists():
            pairs["ONWARD_SECRET_KEY"] = self.secret_key
        return {name: value for name, value in pairs.items() if value is not None}


def load(
    environ: Mapping[str, str], *, data_dir: Path | None = None, port: int | None = None, make_key: bool = False
) -> Settings:
    """The settings in `environ`; `data_dir` and `port` come from the command line and win.

    `make_key` allows a first start to make the secret key. Raises StartError with one sentence for anything odd.
    """
    given = _given(environ)
    folder = (data_dir or Path(given.get("ONWARD_DATA_DIR", "var"))).absolute()
    playbook = _playbook(given.get("ONWARD_PLAYBOOK"))
    return Settings(
        data_dir=folder,
        database_url=_database_url(given.get("ONWARD_DATABASE_URL"), folder),
        redis_url=_url(given, "ONWARD_REDIS_URL", ("redis", "rediss", "unix")),
        smtp_url=_url(given, "ONWARD_SMTP_URL", ("smtp", "smtps")),
        playbook=playbook,
        base_url=_base_url(given, folder, port),
        mail_from=_mail_from(given.get("ONWARD_MAIL_FROM", "Onward <onward@localhost>")),
        secret_key=_secret_key(given.get("ONWARD_SECRET_KEY"), folder, make=make_key),
        private_endpoints=_yes(given, "ONWARD_ALLOW_PRIVATE_ENDPOINTS"),
    )


def with_parts(settings: Settings, *, redis_url: str | None = None, smtp_url: str | None = None) -> Settings:
    """The settings once the parts that Onward starts by itself are up."""
    return replace(settings, redis_url=redis_url or settings.redis_url, smtp_url=smtp_url or settings.smtp_url)


def noted_address(data_dir: Path, part: str) -> str | None:
    """The address of a part as `onward up` noted it, None without a note or when it was written for another folder."""
    try:
        note = json.loads((data_dir / "run" / f"{part}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(note, dict) or note.get("data_dir") != os.path.realpath(data_dir):
        return None
    url = note.get("url")
    return url if isinstance(url, str) else None


def key_file(data_dir: Path) -> Path:
    """The file that keeps the secret key of an installation (mode 0600)."""
    return data_dir / "secret.key"


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name in sorted(environ):
        if not name.startswith("ONWARD_"):
            continue
        plain = name.removesuffix("_FILE")
        if plain not in NAMES:
            message = f"{name} is not a setting of Onward: the settings are {', '.join(NAMES)}, each also as NAME_FILE."
            raise StartError(message)
        if plain in given:
            message = f"{plain} is given twice, by itself and as {plain}_FILE: keep one of the two."
            raise StartError(message)
        given[plain] = _read(name, environ[name]) if name.endswith("_FILE") else environ[name]
    return {name: value for name, value in given.items() if value != ""}


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name} names {path}, which cannot be read ({type(error).__name__}): check the path and its rights."
        raise StartError(message) from error


def _database_url(url: str | None, folder: Path) -> str:
    if url is None:
        return f"sqlite:///{folder / 'onward.db'}"
    if url.startswith(("postgresql+psycopg://", "sqlite:///")):
        return url
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.partition("://")[2]
    message = "ONWARD_DATABASE_URL must begin with postgresql+psycopg:// or sqlite:///."
    raise StartError(message)


def _url(given: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    url = given.get(name)
    if url is None:
        return None
    if urlsplit(url).scheme not in schemes:
        message = f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}."
        raise StartError(message)
    return url


def _playbook(path: str | None) -> Path | None:
    if path is None:
        return None
    file = Path(path).absolute()
    if not file.is_file():
        message = f"ONWARD_PLAYBOOK names {path}, and there is no such file: give the path of a playbook."
        raise StartError(message)
    return file


def _base_url(given: Mapping[str, str], folder: Path, port: int | None) -> str:
    # In another terminal beside `onward up --port N` the port is known from the note that `up` left.
    noted = noted_address(folder, "web") if port is None else None
    url = (given.get("ONWARD_BASE_URL") or noted or f"http://127.0.0.1:{port or DEFAULT_PORT}").rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        usable = bool(usable) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        message = "ONWARD_BASE_URL must be the address people open, such as https://onward.example.com."
        raise StartError(message)
    return url


def _mail_from(text: str) -> str:
    address = parseaddr(text)[1]
    if "@" not in address or any(ord(sign) < ord(" ") for sign in text):
        message = "ONWARD_MAIL_FROM must be an address, such as Onward <sales@example.com>."
        raise StartError(message)
    return text


def _yes(given: Mapping[str, str], name: str) -> bool:
    word = given.get(name, "no")
    if word not in ("yes", "no"):
        message = f"{name} is yes or no."
        raise StartError(message)
    return word == "yes"


def _secret_key(given: str | None, folder: Path, *, make: bool) -> str:
    file = key_file(folder)
    if given is None and not file.exists() and make:
        folder.mkdir(parents=True, exist_ok=True)
        # O_EXCL: of two first starts at once, one makes the key and the other reads it.
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(secrets.token_urlsafe(48) + "\n")
    key = given if given is not None else _kept_key(file)
    if len(key) < _LEAST_KEY:
        message = (
            f"ONWARD_SECRET_KEY is shorter than {_LEAST_KEY} characters: use a long random text, the same everywhere."
        )
        raise StartError(message)
    return key


def _kept_key(file: Path) -> str:
    if not file.exists():
        message = f"There is no secret key: set ONWARD_SECRET_KEY, or run `onward db upgrade`, which makes {file}."
        raise StartError(message)
    return _read("the key file", str(file))
