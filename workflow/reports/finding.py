"""A search as a condition on prospects: by the database's index of three-letter pieces, and by the text itself.

The index only narrows; what it offers is looked at once more, so that both databases find the same. Reads only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, any_, bindparam, column, func, literal, or_, select, table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY

from workflow import search
from workflow.records.base import Id
from workflow.records.models import Prospect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx

_PIECE: Final = 3
# So many are found as fast by looking at the newest prospects one by one, which stops when a page is full.
_MANY: Final = 2_000
# Of so many of the newest so few have a word that is worth a look into the index, on PostgreSQL.
_NEWEST: Final = 400
_RARE: Final = 20
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
        # By its bytes a text is looked through in half the time.
        return _known(tx, terms, _said(Prospect.search.collate("C"), terms))
    said = _said(Prospect.search, terms)
    # A word of two letters is in no piece: it is looked for in the words alone.
    pieced = [term for term in terms if all(len(form) >= _PIECE for form in term)]
    return (*said, *(_offered(tx, pieced) if pieced else _few(tx, terms)))


def _said(text: Any, terms: Iterable[tuple[str, ...]]) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401 - a column
    """Each term stands in the text, in one of its forms."""
    return tuple(or_(*(text.contains(form, autoescape=True) for form in term)) for term in terms)


def _known(
    tx: Tx, terms: Sequence[tuple[str, ...]], said: tuple[ColumnElement[bool], ...]
) -> tuple[ColumnElement[bool], ...]:
    """On PostgreSQL, the ids of those who have the words, where they are rare: the index says who they are.

    Left to choose, the server takes the index for what everybody has, or computes the pieces of every row.
    """
    tx.conn.execute(_AS_ASKED)
    newest = select(Prospect.search).order_by(Prospect.created_at.desc(), Prospect.id.desc()).limit(_NEWEST).subquery()
    some = select(func.count()).select_from(newest).where(*_said(newest.c.search.collate("C"), terms))
    if tx.conn.execute(some).scalar_one() >= _RARE:
        return said
    indexed = select(_WORDS.c.prospect_id).where(_has(terms))
    known = tx.conn.execute(indexed.where(*_said(_WORDS.c.words, terms)).limit(_MANY + 1)).scalars().all()
    return said if len(known) > _MANY else (Prospect.id == any_(literal(list(known), ARRAY(Id))),)


def _has(terms: Sequence[tuple[str, ...]]) -> ColumnElement[bool]:
    """One of the ways to spell all the terms together, each asked of the index as a whole.

    Of several conditions PostgreSQL asks the index for what it believes to be the rarest alone, and computes the others
    for every row that this gives.
    """
    together: list[tuple[str, ...]] = [()]
    # The longest are the rarest; the others are found in the text.
    for term in sorted(terms, key=lambda term: -len(term[0])):
        if together == [()] or len(together) * len(term) <= _SPELLINGS:
            together = [(*before, form) for before in together for form in term]
    pieces: Any = func.onward_pieces(_WORDS.c.words, type_=ARRAY(Text))
    asked = (dict.fromkeys(piece for form in forms for piece in _pieces(form)) for forms in together)
    return or_(*(pieces.contains(literal(list(each), ARRAY(Text))) for each in asked))


def _pieces(form: str) -> Iterable[str]:
    """What the index has of a form: its pieces, or the letters of what is shorter than one."""
    return (form[at : at + _PIECE] for at in range(len(form) - _PIECE + 1)) if len(form) >= _PIECE else form


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
    said = _said(_WORDS.c.words, terms)
    known = tx.conn.execute(select(_WORDS.c.prospect_id).where(*said).limit(_FEW)).scalars().all()
    return () if len(known) == _FEW else (Prospect.id.in_(known),)


def _asked(form: str) -> str:
    pieces = dict.fromkeys(piece.replace('"', '""') for piece in _pieces(form))
    return "(" + " AND ".join(f'"{piece}"' for piece in pieces) + ")"
