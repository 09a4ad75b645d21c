"""Which licences the user agreed to: once for a model repository, its licence and its revision."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.store.database import Database, Row, timestamp


@dataclass(frozen=True, slots=True)
class Consent:
    """``revision`` is the repository's commit whose licence was shown; ``agreed_at`` is ISO 8601, UTC."""

    repository: str
    licence: str
    revision: str
    agreed_at: str


def agreed(db: Database, repository: str, licence: str, revision: str) -> Consent | None:
    """The user's agreement to this licence of this repository at this revision."""
    with db.read() as sql:
        row = sql.execute(
            "SELECT * FROM licence_agreement WHERE repository = ? AND licence = ? AND revision = ?",
            (repository, licence, revision),
        ).fetchone()
    return _consent(row) if row is not None else None


def agreed_before(db: Database, repository: str, licence: str) -> Consent | None:
    """The latest agreement to this licence of this repository, at any revision; to say "you agreed to it on …"."""
    with db.read() as sql:
        row = sql.execute(
            "SELECT * FROM licence_agreement WHERE repository = ? AND licence = ?"
            " ORDER BY agreed_at DESC, rowid DESC LIMIT 1",
            (repository, licence),
        ).fetchone()
    return _consent(row) if row is not None else None


def agree(db: Database, repository: str, licence: str, revision: str) -> Consent:
    """Record the user's agreement; the first one's date stays."""
    with db.transaction() as sql:
        sql.execute(
            "INSERT OR IGNORE INTO licence_agreement (repository, licence, revision, agreed_at) VALUES (?, ?, ?, ?)",
            (repository, licence, revision, timestamp()),
        )
        row = sql.execute(
            "SELECT * FROM licence_agreement WHERE repository = ? AND licence = ? AND revision = ?",
            (repository, licence, revision),
        ).fetchone()
    return _consent(row)


def every(db: Database) -> tuple[Consent, ...]:
    """All agreements, the latest first."""
    with db.read() as sql:
        rows = sql.execute("SELECT * FROM licence_agreement ORDER BY agreed_at DESC, rowid DESC").fetchall()
    return tuple(map(_consent, rows))


def _consent(row: Row) -> Consent:
    return Consent(row["repository"], row["licence"], row["revision"], row["agreed_at"])
