"""A search as a condition on prospects: by the database's index of three-letter pieces, and by the text itself.

The index only narrows; what it offers is looked at once more, so that both databases find the same. Reads only.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, bindparam, column, func, or_, select, table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY

from workflow import search
from workflow.records.models import Prospect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx

_PIECE: Final = 3
# So many are found as fast by looking at the newest prospects one by one, which stops when a page is full.
_MANY: Final = 2_000
# Ways to spell all terms together: each is one more look into the index.
_SPELLINGS: Final = 8
# So many are told by their ids, where words are read instead of an index.
_FEW: Final = 500
_WORDS: Final = table("prospect_words", column("id"), column("prospect_id"), column("words", Text))
# A plan made for any word would take the index for one that everybody has: 0.3 s instead of 20 ms. It is thrown away
# with the transaction.
_AS_ASKED: Final = sql("SET LOCAL plan_cache_mode = force_custom_plan")
_NUMBER: Final = sql(
    "SELECT count(*) FROM (SELECT 1 FROM prospect_grams WHERE prospect_grams MATCH :pieces LIMIT :most)"
)


def found_by(tx: Tx, wanted: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions on `prospect` that say `wanted`, words or a number; none when nothing is wanted."""
    terms = search.terms(wanted)
    if not terms:
        return ()
    if tx.locks_rows:
        tx.conn.execute(_AS_ASKED)
    said = tuple(or_(*(Prospect.search.contains(form, autoescape=True) for form in term)) for term in terms)
    # A word of two letters is in no piece: it is looked for in the text alone.
    pieced = [term for term in terms if all(len(form) >= _PIECE for form in term)]
    if not pieced:
        return said if tx.locks_rows else (*said, *_few(tx, terms))
    if tx.locks_rows:
        return (*said, _has(pieced))
    return (*said, *_offered(tx, pieced))


def _has(terms: Sequence[tuple[str, ...]]) -> ColumnElement[bool]:
    """One of the ways to spell all the terms together, each asked of the index as a whole.

    PostgreSQL takes what it believes to be the rarest of several conditions from the index, and computes the others
    for every row that this gives, which takes longer than reading the rows.
    """
    together: list[tuple[str, ...]] = [()]
    # The longest are the rarest; the others are found in the text.
    for term in sorted(terms, key=lambda term: -len(term[0])):
        if together == [()] or len(together) * len(term) <= _SPELLINGS:
            together = [(*before, form) for before in together for form in term]
    return or_(*(_pieces(Prospect.search).contains(_joined(forms)) for forms in together))


def _joined(forms: Iterable[str]) -> ColumnElement[Any]:
    return reduce(lambda some, more: some.concat(more), (_pieces(form) for form in forms))


def _pieces(text: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column or a text
    return func.onward_trigrams(text, type_=ARRAY(Text))


def _offered(tx: Tx, terms: Iterable[tuple[str, ...]]) -> tuple[ColumnElement[bool], ...]:
    pieces = " AND ".join(f"({' OR '.join(_asked(form) for form in term)})" for term in terms)
    number: int = tx.conn.execute(_NUMBER, {"pieces": pieces, "most": _MANY}).scalar_one()
    if number >= _MANY:
        return ()
    rows = sql("SELECT rowid FROM prospect_grams WHERE prospect_grams MATCH :pieces").bindparams(
        bindparam("pieces", pieces, unique=True)
    )
    known = select(_WORDS.c.prospect_id).where(_WORDS.c.id.in_(rows.columns(column("rowid")).scalar_subquery()))
    return (Prospect.id.in_(known),)


def _few(tx: Tx, terms: Iterable[tuple[str, ...]]) -> tuple[ColumnElement[bool], ...]:
    """Those in whose words all terms stand, where they are few: the words alone are read faster than the prospects."""
    said = (or_(*(_WORDS.c.words.contains(form, autoescape=True) for form in term)) for term in terms)
    known = tx.conn.execute(select(_WORDS.c.prospect_id).where(*said).limit(_FEW)).scalars().all()
    return () if len(known) == _FEW else (Prospect.id.in_(known),)


def _asked(form: str) -> str:
    pieces = dict.fromkeys(form[at : at + _PIECE].replace('"', '""') for at in range(len(form) - _PIECE + 1))
    return "(" + " AND ".join(f'"{piece}"' for piece in pieces) + ")"
