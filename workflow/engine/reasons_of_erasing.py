"""The sentences about people who were erased, in English and in Bulgarian, for `reasons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ERASING: Final[Mapping[str, tuple[str, str]]] = {
    "erased": (
        "Whoever this was about was erased, and its contents with them.",
        "Лицето, за което се отнася, е заличено заедно със съдържанието.",
    ),
    "stop.erased": ("The prospect was erased.", "Клиентът е заличен."),
    "suppressed.erased": (
        "Whoever had this address was erased at their wish, so nobody writes to it again.",
        "Собственикът на този адрес е заличен по свое желание, затова не му се пише повече.",
    ),
}
