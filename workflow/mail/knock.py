"""Opens one address of our own as a mail scanner would, and tells whether it was there. Follows no redirect.

Bounded in time and size; sends no cookie and no credential. What the look may have changed is asked by whoever looks.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Final

_TIMEOUT_S: Final = 5.0
_SOME: Final = 4096
_OK: Final = 200


def get(url: str) -> str:
    """GET `url`, an http or https address of ours; what is wrong in one sentence, empty when it answers 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    request = urllib.request.Request(url, headers={"User-Agent": "onward-link-test"})  # noqa: S310 - checked settings
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            answer.read1(_SOME)
            status = answer.status
    except urllib.error.HTTPError as error:
        error.close()
        status = error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        return f"nobody answers there ({type(reason).__name__})"
    return "" if status == _OK else f"it answers {status}, not the page"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The link must work where it stands: a mail program's one click follows no redirect either."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""
        return
