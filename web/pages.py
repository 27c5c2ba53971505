"""Pages: one template environment for panel and public pages, and the files that browsers load, by their digest.

Knows no route of the panel. A template sees what it is handed, the words of `web.i18n` and the forms of `web.formats`.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Response, abort, current_app, g, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web.formats import FORMS
from web.i18n import LANGUAGES, gettext, language, later, ngettext, pgettext, shipped
from workflow import places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask
    from markupsafe import Markup

    from workflow.actions.people import SignedIn
    from workflow.playbook.schema import Playbook
    from workflow.workspace import Workspace

STALE_FORM: Final = later("This page was too old to be sent. Load it again and repeat what you did.")
_WORKSPACE: Final = "onward.workspace"
_STATIC: Final = Path(__file__).resolve().parent / "static"
_QUOTED: Final = re.compile(r"""("[^"]*"|'[^']*')""")
_REMARK: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE: Final = re.compile(r"\s+")
_BLANKS: Final = re.compile(r" ?([{};]) ?|(?<=[:,]) ")
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers load: its address holds its digest, so that it may be kept for ever."""

    url: str
    content: bytes
    kind: str


def register(app: Flask, ws: Workspace) -> None:
    """Prepare `app` to render pages; asked twice, it does nothing."""
    if _WORKSPACE in app.extensions:
        return
    # Before the processes of the web part, so that they share them.
    shipped()
    app.extensions[_WORKSPACE] = ws
    app.add_url_rule("/assets/<digest>/<path:name>", "asset", _serve, methods=["GET"])


def workspace() -> Workspace:
    """The installation that this application serves, in the hands of whoever is signed in."""
    ws = cast("Workspace", current_app.extensions[_WORKSPACE])
    found: SignedIn | None = g.get("signed_in")
    return ws.acting(found.person.actor) if found is not None else ws


def playbook() -> Playbook:
    """The playbook that was in force when this request began; outside the panel, as far as this process knows."""
    found: Playbook | None = g.get("playbook")
    return found or workspace().playbooks.current


def render(name: str, values: Mapping[str, Any]) -> str:
    """A whole page."""
    return _environment().get_template(name).render(values)


def render_block(name: str, block: str, values: Mapping[str, Any]) -> str:
    """One block of a page, for a browser that keeps the rest."""
    template = _environment().get_template(name)
    return "".join(template.blocks[block](template.new_context(dict(values))))


def is_swap() -> bool:
    """Whether htmx asks, and puts the answer into the page it has."""
    return request.headers.get("HX-Request") == "true"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """The templates, compiled when a page is first asked for: a web that only takes webhooks needs none."""
    environment = Environment(
        loader=FileSystemLoader(places.templates_dir()),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True, pgettext=pgettext)  # type: ignore[attr-defined]
    environment.globals |= {"asset": lambda name: _assets()[name].url, "language": language, "languages": LANGUAGES}
    environment.filters |= {form.__name__: form for form in FORMS}
    environment.filters["t"] = gettext
    # Macros stand in the globals, so that a block rendered by itself has them too.
    drawn = environment.get_template("panel/m.html").module
    environment.globals |= {name: _drawn_once(getattr(drawn, name)) for name in ("icon", "meter", "mark", "face")}
    return environment


def _drawn_once(drawing: Callable[..., Markup]) -> Callable[..., Markup]:
    """A drawing that is kept: a board has some hundred, of two dozen sorts."""
    return lru_cache(maxsize=1024)(drawing)


@lru_cache(maxsize=1)
def _assets() -> Mapping[str, Asset]:
    assets = {}
    for file in sorted(_STATIC.rglob("*")):
        if file.is_file() and file.suffix in (".css", ".js", ".svg"):
            name = file.relative_to(_STATIC).as_posix()
            content = file.read_bytes()
            if "vendor" not in file.parts and file.suffix != ".svg":
                content = _travelling(content) if file.suffix == ".js" else _styles(content)
            digest = hashlib.sha256(content).hexdigest()[:16]
            kind = mimetypes.types_map.get(file.suffix, "application/octet-stream")
            assets[name] = Asset(f"/assets/{digest}/{name}", content, kind)
    return assets


def _travelling(script: bytes) -> bytes:
    """A script of ours without what only its readers need: comments on a line of their own, and indents."""
    lines = (line.strip() for line in script.splitlines())
    return b"\n".join(line for line in lines if line and not line.startswith(b"//")) + b"\n"


def _styles(sheet: bytes) -> bytes:
    """The same for a style sheet: without comments, and without the blanks that only part its words for the eye."""
    parts = _QUOTED.split(_REMARK.sub(" ", sheet.decode()))
    # A blank before a colon parts two selectors, and one beside a sign belongs to a sum: those stay.
    told = (part if at % 2 else _BLANKS.sub(r"\1", " ".join(_SPACE.split(part))) for at, part in enumerate(parts))
    return "".join(told).strip().encode()


@lru_cache(maxsize=64)
def _packed(name: str) -> bytes:
    """A file as it travels, packed when it is first asked for: the viewer of the API is large and seldom wanted."""
    return gzip.compress(_assets()[name].content, mtime=0)


def file(name: str) -> Response:
    """A file that has to stand at an address without a digest; browsers ask for it anew each time."""
    return _serve("", name)


def _serve(digest: str, name: str) -> Response:
    found = _assets().get(name)
    if found is None:
        abort(404)
    response = Response(found.content, mimetype=found.kind)
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        response.set_data(_packed(name))
        response.content_encoding = "gzip"
    # An address with an older digest gets today's file, but must not keep it under that name.
    response.headers["Cache-Control"] = _FOR_EVER if found.url.endswith(f"/{digest}/{name}") else "no-store"
    return response
