"""The sentences about asking and writing to a CRM by its API, in English and in Bulgarian, for `reasons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CRMS: Final[Mapping[str, tuple[str, str]]] = {
    "awaits_lookup": (
        "It names its object by an id only: {vendor} is being asked for the rest.",
        "Посочва обекта само с номер: останалото се изисква от {vendor}.",
    ),
    "lookup.gone": (
        "{vendor} knows nothing of the object {ref} any more, or it names nobody: replay the event to use it as it is.",
        "{vendor} вече не знае нищо за обекта {ref} или той не сочи никого: обработете събитието отново, за да важи.",
    ),
    "lookup.failed": (
        "{vendor} did not say who the object {ref} is about: {problem}",
        "{vendor} не каза за кого е обектът {ref}: {problem}",
    ),
    "own_change": (
        "Our own change that comes back: Onward wrote it there itself.",
        "Собствената ни промяна, която се връща: записана е там от Onward.",
    ),
    "told_already": (
        "The same change was told already, by another delivery.",
        "Същата промяна вече е съобщена от друга доставка.",
    ),
    "writes.off": ("nothing is written there any more.", "там вече нищо не се записва."),
}
