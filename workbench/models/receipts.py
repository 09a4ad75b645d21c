"""Receipts and speeds of past runs, as rows that are written once."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from workbench.models.breakdown import Basis, Kind, Part, Share
from workbench.models.exact import Buffer
from workbench.models.learnt import SpeedRun
from workbench.models.params import RunParams
from workbench.models.receipt import Growth, Receipt
from workbench.store.database import Database, Row

RUNS_KEPT = 200  # for each device: the newest say how fast it is now
LOADS_ASKED = 5
RATES_ASKED = 10

V = TypeVar("V", RunParams, Buffer, Growth, Share, Part, SpeedRun)


class Receipts:
    """What loads were said to take, and took.  Rows are never changed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, receipt: Receipt) -> Receipt:
        """Store it; the answer has its id.  Raises StoreError."""
        row = _row(receipt)
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO receipt (made_at, model_name, model_path, header_sha256, architecture, quantisation,"
                " engine, device_key, params, predicted, predicted_basis, reported, growth, load_ms, weights_shared)"
                " VALUES (:made_at, :model_name, :model_path, :header_sha256, :architecture, :quantisation,"
                " :engine, :device_key, :params, :predicted, :predicted_basis, :reported, :growth, :load_ms,"
                " :weights_shared)",
                row,
            )
            return replace(receipt, id=int(cursor.lastrowid or 0))

    def latest(self, limit: int = 20) -> tuple[Receipt, ...]:
        """Newest first."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT * FROM receipt ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return tuple(_receipt(row) for row in rows)

    def of(self, header_sha256: str) -> Receipt | None:
        """The newest receipt of the model with this header."""
        with self._db.read() as sql:
            row = sql.execute(
                "SELECT * FROM receipt WHERE header_sha256 = ? ORDER BY id DESC LIMIT 1", (header_sha256,)
            ).fetchone()
        return _receipt(row) if row is not None else None

    def load_s(self, header_sha256: str) -> float | None:
        """Seconds a load of this model takes: the median of the last five; None when it never was loaded."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT load_ms FROM receipt WHERE header_sha256 = ? AND NOT weights_shared ORDER BY id DESC LIMIT ?",
                (header_sha256, LOADS_ASKED),
            ).fetchall()
        return statistics.median(row["load_ms"] for row in rows) / 1000 if rows else None

    def rate_bytes_per_s(self) -> float | None:
        """Bytes of weights that a load brings into memory in a second: the median of the last ten; None without.

        Of files read lately it is the system's memory that answers, not the disk: loads vary by far.
        """
        loads = [one for one in self.latest(RATES_ASKED) if one.load_ms > 0 and not one.weights_shared]
        rates = [1000 * sum(buffer.weights_bytes for buffer in one.reported) / one.load_ms for one in loads]
        return statistics.median(rates) if rates else None


class SpeedRuns:
    """How fast answers were: of each device the last 200."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, run: SpeedRun) -> None:
        """Store it, and forget what is too old to count.  Raises StoreError."""
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT INTO speed_run (ran_at, device_key, engine, architecture, header_sha256, n_threads,"
                " bytes_per_token, decode_tokens, decode_ms, operations_per_token, prefill_tokens, prefill_ms)"
                " VALUES (:ran_at, :device_key, :engine, :architecture, :header_sha256, :n_threads,"
                " :bytes_per_token, :decode_tokens, :decode_ms, :operations_per_token, :prefill_tokens, :prefill_ms)",
                asdict(run),
            )
            sql.execute(
                "DELETE FROM speed_run WHERE device_key = ? AND id NOT IN"
                " (SELECT id FROM speed_run WHERE device_key = ? ORDER BY id DESC LIMIT ?)",
                (run.device_key, run.device_key, RUNS_KEPT),
            )

    def all(self) -> tuple[SpeedRun, ...]:
        """Oldest first, of every device."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT * FROM speed_run ORDER BY id").fetchall()
        return tuple(_known(SpeedRun, dict(row)) for row in rows)


# --- rows ------------------------------------------------------------------------------------


def _row(receipt: Receipt) -> dict[str, object]:
    return {
        "made_at": receipt.made_at,
        "model_name": receipt.model_name,
        "model_path": receipt.model_path,
        "header_sha256": receipt.header_sha256,
        "architecture": receipt.architecture,
        "quantisation": receipt.quantisation,
        "engine": receipt.engine,
        "device_key": receipt.device_key,
        "params": json.dumps(receipt.params.as_json()),
        "predicted": json.dumps(
            {
                "shares": [asdict(share) for share in receipt.predicted],
                "device_keys": dict(receipt.device_keys),
                "session": receipt.session,
            }
        ),
        "predicted_basis": receipt.predicted_basis,
        "reported": json.dumps([asdict(buffer) for buffer in receipt.reported]),
        "growth": json.dumps(asdict(receipt.growth)),
        "load_ms": receipt.load_ms,
        "weights_shared": int(receipt.weights_shared),
    }


def _receipt(row: Row) -> Receipt:
    predicted = json.loads(row["predicted"])
    growth = json.loads(row["growth"])
    devices = tuple((str(name), int(size_bytes)) for name, size_bytes in growth["device_bytes"])
    return Receipt(
        id=row["id"],
        made_at=row["made_at"],
        model_name=row["model_name"],
        model_path=row["model_path"],
        header_sha256=row["header_sha256"],
        architecture=row["architecture"],
        quantisation=row["quantisation"],
        engine=row["engine"],
        device_key=row["device_key"],
        params=_known(RunParams, json.loads(row["params"])),
        predicted=tuple(_share(share) for share in predicted["shares"]),
        predicted_basis=row["predicted_basis"],
        reported=tuple(_known(Buffer, buffer) for buffer in json.loads(row["reported"])),
        growth=_known(Growth, {**growth, "device_bytes": devices}),
        load_ms=row["load_ms"],
        weights_shared=bool(row["weights_shared"]),
        device_keys=tuple(predicted["device_keys"].items()),
        session=predicted["session"],
    )


def _share(record: Mapping[str, Any]) -> Share:
    parts = tuple(
        _known(Part, {**part, "kind": Kind(part["kind"]), "basis": Basis(part["basis"])}) for part in record["parts"]
    )
    return _known(Share, {**record, "parts": parts})


def _known(kind: type[V], record: Mapping[str, Any]) -> V:
    """Unknown keys are left out, so that a record of a later version can still be read."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in record.items() if name in names})
