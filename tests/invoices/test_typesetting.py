"""Documents of many invoices, set by processes beside the worker: the same files, each once, whatever becomes of the processes."""

import multiprocessing
import os
import signal
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess

import pytest
from billing_world import BY, NOW, OCTOBER, bill_to, rows, take_in, volume
from conftest import Begun

from flyusage import clock, db
from flyusage.invoices import background, outbox
from flyusage.invoices.billed import document_of, snapshot_of
from flyusage.invoices.closing import close
from flyusage.invoices.rendering import made_of
from flyusage.invoices.typesetting import Typesetters, typeset

SLUGS = ("ant", "bee", "cat", "dog")


def four_closed() -> list[int]:
    """Four organizations, and October's invoices of them without their documents."""
    known = take_in(*(event for slug in SLUGS for event in volume("v1", 100, org=slug)))
    for org_id in known.values():
        bill_to(org_id)
    with clock.freeze(NOW):
        close(OCTOBER, list(known.values()), by=BY)
    return [id_ for (id_,) in rows("SELECT id FROM invoice ORDER BY id")]


@pytest.fixture
def closed(begun: Begun) -> list[int]:
    return begun(four_closed)


def kept() -> dict[int, tuple[bytes, bytes]]:
    return {id_: (bytes(pdf), bytes(xml)) for id_, pdf, xml in rows("SELECT invoice_id, pdf, xml FROM invoice_document")}


def made_here(invoice_ids: list[int]) -> dict[int, tuple[bytes, bytes]]:
    with db.platform_transaction() as session:
        orgs = dict(rows("SELECT id, org_id FROM invoice"))
        return {id_: made_of(document_of(session, orgs[id_], id_)) for id_ in invoice_ids}


def setting() -> list[BaseProcess]:
    """The processes that set documents; servers of other tests may run beside them."""
    return [child for child in multiprocessing.active_children() if isinstance(child, SpawnProcess)]


def test_processes_make_the_same_files_once_and_end_when_few_are_left(closed: list[int]):
    with Typesetters(count=2, many=4, few=2) as typesetters:
        assert background.work(typesetters) is False
        assert len(setting()) == 2
        assert kept() == made_here(closed)
        assert rows("SELECT count(*) FROM outbox WHERE kind = 'document' AND done_at IS NULL") == [(0,)]
        background.work(typesetters)
        assert setting() == []


def test_what_another_worker_holds_is_passed_over(closed: list[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(background, "SHARE", 2)
    with Typesetters(count=2, many=4) as typesetters, db.platform_transaction() as session:
        held = [task for pair in outbox.due(session, "document", 2) if (task := outbox.claim(session, *pair))]
        background.work(typesetters)
        assert set(kept()) == set(closed) - {task.invoice_id for task in held}


def test_a_worker_without_processes_passes_over_what_another_holds_and_rests_where_that_is_all(
    closed: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(background, "SHARE", 2)
    with db.platform_transaction() as session:
        held = [task for pair in outbox.due(session, "document", 2) if (task := outbox.claim(session, *pair))]
        assert background.work() is True
        assert len(kept()) == 2
        while background.work():
            pass
        assert set(kept()) == set(closed) - {task.invoice_id for task in held}
        assert background.work() is False


def test_documents_whose_processes_are_killed_are_made_without_them(closed: list[int]):
    with Typesetters(count=2, many=4) as typesetters:
        with db.platform_transaction() as session:
            text = snapshot_of(session, *rows("SELECT org_id, id FROM invoice")[0])
        assert len(list(typesetters.set([text, text]))) == 2
        for child in setting():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        background.work(typesetters)
        background.work(typesetters)
        assert sorted(kept()) == closed


def test_what_cannot_be_set_says_why():
    said = typeset('{"kind": "invoice"}')
    assert isinstance(said, str)
    assert said.startswith("This is no document's JSON")
