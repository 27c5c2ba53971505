"""Search by any part of a name in any spelling: an index of three-letter pieces; filters that reps keep; sorted lists.

Adds, and lets two indexes carry more columns. What a search looks in is derived, so every row gets it anew.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from workflow.search import searchable

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AT_ONCE: Final = 2000
_SQLITE: Final = (
    # Rows of `prospect` have no number of their own that survives a VACUUM.
    "CREATE TABLE prospect_words (id INTEGER PRIMARY KEY, prospect_id VARCHAR(36) NOT NULL UNIQUE, words TEXT NOT NULL)",
    """CREATE VIRTUAL TABLE prospect_grams USING fts5(words, content='prospect_words', content_rowid='id',
        tokenize='trigram case_sensitive 1', detail='none', columnsize=0)""",
    "INSERT INTO prospect_words (prospect_id, words) SELECT id, search FROM prospect ORDER BY created_at, id",
    "INSERT INTO prospect_grams (prospect_grams) VALUES ('rebuild')",
    """CREATE TRIGGER prospect_words_made AFTER INSERT ON prospect BEGIN
        INSERT INTO prospect_words (prospect_id, words) VALUES (new.id, new.search);
        INSERT INTO prospect_grams (rowid, words) SELECT id, words FROM prospect_words WHERE prospect_id = new.id;
    END""",
    """CREATE TRIGGER prospect_words_changed AFTER UPDATE OF search ON prospect WHEN new.search <> old.search BEGIN
        INSERT INTO prospect_grams (prospect_grams, rowid, words)
            SELECT 'delete', id, words FROM prospect_words WHERE prospect_id = new.id;
        UPDATE prospect_words SET words = new.search WHERE prospect_id = new.id;
        INSERT INTO prospect_grams (rowid, words) SELECT id, words FROM prospect_words WHERE prospect_id = new.id;
    END""",
    """CREATE TRIGGER prospect_words_gone AFTER DELETE ON prospect BEGIN
        INSERT INTO prospect_grams (prospect_grams, rowid, words)
            SELECT 'delete', id, words FROM prospect_words WHERE prospect_id = old.id;
        DELETE FROM prospect_words WHERE prospect_id = old.id;
    END""",
)
# Dear, so that the planner looks at the text itself first where it does not take the index.
_POSTGRES: Final = (
    """CREATE FUNCTION onward_trigrams(told text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 5000
        AS $$ SELECT array(SELECT substr(told, i, 3) FROM generate_series(1, length(told) - 2) AS i) $$""",
    "CREATE INDEX ix_prospect_grams ON prospect USING gin (onward_trigrams(search))",
)


def upgrade() -> None:
    op.create_table(
        "saved_filter",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rep_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rep_id"], ["rep.id"], name=op.f("fk_saved_filter_rep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_filter")),
        sa.UniqueConstraint("rep_id", "name", name=op.f("uq_saved_filter_rep_id_name")),
    )
    _fill()
    for name in ("ix_prospect_stage", "ix_prospect_owner"):
        op.drop_index(name, "prospect")
    for name, columns in (
        ("ix_prospect_stage", ["stage", "entered_stage_at", "id", "owner_id", "merged_into"]),
        ("ix_prospect_owner", ["owner_id", "stage", "entered_stage_at", "id", "merged_into"]),
        ("ix_prospect_name", ["name", "id"]),
        ("ix_prospect_company", ["company", "id"]),
        ("ix_prospect_entered", ["entered_stage_at", "id"]),
    ):
        op.create_index(name, "prospect", columns)
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(sa.text(statement.replace(":", r"\:")))


def _fill() -> None:
    """Write what a search looks in for every prospect, some thousand at a time."""
    bind = op.get_bind()
    columns: list[sa.ColumnClause[str]] = [
        sa.column(name) for name in ("id", "name", "company", "email", "phone", "search")
    ]
    prospect = sa.table("prospect", *columns)
    new = sa.update(prospect).where(prospect.c.id == sa.bindparam("which")).values(search=sa.bindparam("new"))
    last = ""
    while True:
        found = sa.select(*columns[:5]).where(prospect.c.id > last).order_by(prospect.c.id).limit(_AT_ONCE)
        rows = bind.execute(found).all()
        if not rows:
            return
        last = rows[-1].id
        told = [{"which": row.id, "new": searchable(row.name, row.company, row.email, row.phone)} for row in rows]
        bind.execute(new, told)
