"""What may be said of a server by its name alone."""

from __future__ import annotations

import ipaddress


def is_here(host: str) -> bool:
    """Whether `host` is this machine, so that nobody can listen in on the way."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
