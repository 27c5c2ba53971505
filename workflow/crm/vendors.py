"""Which kinds of sources can be asked by an API, and who speaks for each. A new vendor is one file and a line here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workflow.crm import hubspot, pipedrive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.crm.port import Crm

NAMES: Final = {"hubspot": hubspot.NAME, "pipedrive": pipedrive.NAME}
"""The kinds that can be asked, and how their vendors are called."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """Opens accounts. `parts` replaces parts of every Api, and `bases` the addresses of vendors: for tests and labs."""

    bases: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)

    def opened(self, kind: str, token: str) -> Crm:
        """The account of a source of this kind."""
        parts = dict(self.parts)
        if kind in self.bases:
            parts["base"] = self.bases[kind]
        if kind == "hubspot":
            return hubspot.HubSpot(hubspot.api(token, **parts))
        return pipedrive.Pipedrive(pipedrive.api(token, **parts))
