"""The audit as files: CSV for a spreadsheet, JSON lines that anybody can check the chain by."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from flyusage.orgs.audit import BEGINNING, AuditEntry, Chained
from flyusage.spreadsheets import guarded

COLUMNS = ("at", "actor", "action", "subject", "address", "detail")


def audit_csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """A header, and a line per entry; moments in UTC, details as JSON, nothing that a spreadsheet could run."""
    yield _line(COLUMNS)
    for one in entries:
        detail = json.dumps(dict(one.detail), ensure_ascii=False, sort_keys=True)
        yield _line((one.at.isoformat(), *map(guarded, (one.actor, one.action, one.subject, one.address)), detail))


def audit_json_lines(chain: Iterable[Chained]) -> Iterator[str]:
    """An object per entry: `sha256` is the hash over the 32 bytes of `previous_sha256` and the text of `entry`, byte for byte as it stands."""
    last = BEGINNING
    for one in chain:
        yield f'{{"sha256":"{one.sha256.hex()}","previous_sha256":"{last.hex()}","entry":{one.content}}}\n'
        last = one.sha256


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
