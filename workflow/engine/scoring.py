"""The score that a playbook's qualification matrix gives a prospect, from the answers alone.

A criterion is answered under its own key, with the key or the title of one of its options. What is unanswered counts
nothing, so that the score grows with what is known.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.playbook.content import Criterion, Option
    from workflow.playbook.schema import Playbook


def score(playbook: Playbook, answers: Mapping[str, str]) -> int:
    """How much of the weights is earned, a whole number from 0 to 100, rounded down.

    An option earns its criterion's weight in proportion to the best option's points, whatever their scale.
    """
    earned, whole = Fraction(), 0
    for criterion in playbook.content.criteria.values():
        best = max((option.points for option in criterion.options.values()), default=0)
        if best:
            option = rating(criterion, answers)
            earned += Fraction(criterion.weight * (option.points if option else 0), best)
            whole += criterion.weight
    return int(100 * earned / whole) if whole else 0


def rating(criterion: Criterion, answers: Mapping[str, str]) -> Option | None:
    """The option that was answered, by its key or by its title in any language; None for anything else."""
    said = answers.get(criterion.key, "").strip().casefold()
    if not said:
        return None
    for option in criterion.options.values():
        if said == option.key or said in (title.strip().casefold() for title in option.title.values()):
            return option
    return None
