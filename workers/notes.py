"""Notes in the data folder about the parts `onward up` started, so that every other command finds them.

A note holds an address and the folder it was written for: a copied data folder does not talk to the original's parts.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from workflow.settings import noted_address, with_parts

if TYPE_CHECKING:
    from pathlib import Path

    from workflow.settings import Settings

REDIS, CATCHER, WEB = "redis", "catcher", "web"


def run_dir(data_dir: Path) -> Path:
    """The folder for locks, records and notes of what runs; made when missing."""
    folder = data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write(data_dir: Path, part: str, url: str) -> None:
    """Keep the address of a part; a reader sees the old note or the new one, never half of one."""
    replace(run_dir(data_dir) / f"{part}.json", {"url": url, "data_dir": os.path.realpath(data_dir)})


def completed(settings: Settings) -> Settings:
    """The settings with the local Redis and the local catcher filled in where none is configured."""
    return with_parts(
        settings,
        redis_url=settings.redis_url or noted_address(settings.data_dir, REDIS),
        smtp_url=settings.smtp_url or noted_address(settings.data_dir, CATCHER),
    )


def replace(file: Path, content: dict[str, object]) -> None:
    """Write a small JSON file in one step."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.replace(file)


def read(file: Path) -> dict[str, object]:
    """The content of a small JSON file, empty when it is missing or not ours."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
