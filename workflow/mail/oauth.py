"""Access tokens for mailboxes that sign in with OAuth 2: asks the provider for a fresh one when the old one runs out.

Speaks the refresh of RFC 6749, section 6, over https only. How a refresh token is first come by is the administrator's
matter; here it is used and never written anywhere.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workflow.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ssl import SSLContext

_TIMEOUT_S: Final = 20.0
_LONGEST_ANSWER: Final = 64 * 1024
# A token that ends while a mail is on its way would have its mailbox paused.
_SPARE_S: Final = 120.0
_USUAL_LIFE_S: Final = 3600.0
_REFUSED: Final = frozenset({400, 401, 403})


@dataclass(slots=True)
class AccessTokens:
    """The tokens of one mailbox: `url` is the provider's token endpoint, `form` what is posted there."""

    url: str
    form: Mapping[str, str] = field(repr=False)
    tls: SSLContext | None = None
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", repr=False)
    _good_until: float = 0.0

    def __post_init__(self) -> None:
        """Raises BadInput for an address that is not https."""
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname:
            message = "The address of the token endpoint must begin with https://."
            raise BadInput(message, field="token_url")

    def fresh(self) -> str:
        """A token that is good for a while. Raises BadInput when it is refused, Unavailable when nobody answers."""
        if not self._token or self.clock() >= self._good_until:
            self._token, life = self._ask()
            self._good_until = self.clock() + max(0.0, life - _SPARE_S)
        return self._token

    def _ask(self) -> tuple[str, float]:
        data = urllib.parse.urlencode({"grant_type": "refresh_token", **self.form}).encode()
        # The address is checked to be https; opening it is what an administrator asked for.
        request = urllib.request.Request(self.url, data, {"Accept": "application/json"})  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.tls), _NoRedirects)
        host = urllib.parse.urlsplit(self.url).hostname
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as answer:
                told = json.loads(answer.read(_LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            if error.code in _REFUSED:
                message = f"{host} refuses the refresh token ({error.code}): give the mailbox a new one."
                raise BadInput(message, field="refresh_token") from error
            raise Unavailable(f"{host} answers {error.code} to the request for a token.") from error
        except (OSError, ValueError) as error:
            raise Unavailable(f"{host} cannot be asked for a token.") from error
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Unavailable(f"{host} answers without a token.")
        life = told.get("expires_in")
        return token, float(life) if isinstance(life, int | float) and life > 0 else _USUAL_LIFE_S


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What the provider is told must not travel on to somebody else."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""
        return
