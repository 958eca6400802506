"""The what-if page's questions to the database, answered ready to print. Blocks; call it off the event loop. Writes nothing."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.orgs.permissions import Permission
from flyusage.pricing.asking import history
from flyusage.pricing.buying import book_on
from flyusage.pricing.reference import reference
from flyusage.pricing.simulate import WhatIf, simulate
from flyusage.pricing.urls import presets, view_from_query
from flyusage.pricing.versions import Version, versions
from flyusage.pricing.winners import Winners, winners
from flyusage.ui.pages.what_if.address import Choice
from flyusage.ui.pages.what_if.rows import Screen
from flyusage.ui.pages.what_if.screen import Told, screen
from flyusage.ui.session import OpenOrganization, is_staff, open_organization


def ask(slug: str, choice: Choice) -> Screen | None:
    """The page; None where there is no such organization. Raises NotPermitted. Drafts and other organizations are for staff."""
    org = open_organization(slug, Permission.USAGE_READ)
    if org is None or open_organization(slug, Permission.PRICES_READ) is None:
        return None
    may_see_all = is_staff()
    now = clock.now()
    with db.transaction(org.id, apps=org.apps) as session:
        told = _choices(session, org, choice, now, may_see_all=may_see_all)
        told = _answered(session, org.id, told)
    return screen(replace(told, winners=_everyone(told)) if may_see_all else told)


def _choices(session: Session, org: OpenOrganization, choice: Choice, now: datetime, *, may_see_all: bool) -> Told:
    """What can be chosen, and the range, however it was written."""
    held = history(session, org.id)
    query = dict(choice.span) or {"range": "last-month"}
    view, notices = view_from_query(query, now=now, history=held)
    book = book_on(session, org.id, now.date())
    offered = [one for one in versions(session) if one.book.currency == book.currency and (may_see_all or one.published_at is not None)]
    facts = reference(session)
    return Told(
        slug=org.slug,
        choice=choice.with_(version=choice.version if any(one.name == choice.version for one in offered) else ""),
        now=now,
        period=view.period,
        presets=[one for one in presets(now=now, history=held) if one.period.start < now],
        versions=offered if may_see_all else [one for one in offered if one.book.id == book.id],
        regions=sorted(facts.regions.values(), key=lambda one: one.code),
        sizes=[one.name for one in facts.sizes.values() if one.cpu_kind is not None],
        currency=book.currency,
        notices=tuple(notices),
        is_staff=may_see_all,
    )


def _answered(session: Session, org_id: int, told: Told) -> Told:
    """The simulation, or the sentence why there is none."""
    choice = told.choice
    asked = WhatIf(_chosen(told), dict(choice.moves), dict(choice.resizes), choice.reservations)
    try:
        return replace(told, simulation=simulate(session, org_id, told.period, asked))
    except FlyusageError as error:
        return replace(told, problem=error.sentence)


def _everyone(told: Told) -> Winners | str | None:
    """All organizations, where that is asked for; a sentence where it cannot be answered."""
    version = _chosen(told)
    if version is None or not told.choice.everyone:
        return None
    try:
        with db.platform_transaction() as session:
            return winners(session, told.period, version)
    except FlyusageError as error:
        return error.sentence


def _chosen(told: Told) -> Version | None:
    return next((one for one in told.versions if one.name == told.choice.version), None)
