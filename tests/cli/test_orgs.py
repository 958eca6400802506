import json

import sqlalchemy as sa
from cast import Cast
from conftest import Database

from flyusage import db
from flyusage.orgs import audit


def test_organizations_are_listed_in_columns_and_as_json(flyusage, cast: Cast):
    assert flyusage("orgs", "list").out.splitlines() == ["slug   name   invented", "prism  Prism  no", "rival  Rival  no"]
    assert json.loads(flyusage("orgs", "list", "--json").out) == [
        {"id": cast.prism.id, "slug": "prism", "name": "Prism", "is_synthetic": False},
        {"id": cast.rival.id, "slug": "rival", "name": "Rival", "is_synthetic": False},
    ]


def test_an_empty_platform_says_what_to_do(flyusage, database: Database):
    assert "`flyusage ingest FILE` takes real events" in flyusage("orgs", "list").out


def test_hostile_names_print_as_such(flyusage, cast: Cast):
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE organization SET name = :name WHERE slug = 'prism'"), {"name": "\x1b[31m[red]x\u202ey\n日本"})
    said = flyusage("orgs", "list").out
    assert r"\x1b[31m[red]x\u202ey\n日本" in said
    assert "\x1b" not in said


def test_an_organization_asks_for_a_second_factor_and_lifts_the_rule(flyusage, cast: Cast):
    said = [flyusage("orgs", "require-second-factor", "prism", *more).out.strip() for more in ((), (), ("--off",))]
    assert said == [
        "prism asks every member for a second factor.",
        "prism asks every member for a second factor already.",
        "prism asks for no second factor.",
    ]
    with db.transaction(cast.prism.id) as session:
        told = [(one.actor, one.action) for one in audit.entries(session, cast.prism.id)]
    assert told == [("system:cli", "second_factor.release"), ("system:cli", "second_factor.require")]
    assert "There is no organization 'nobody'" in flyusage("orgs", "require-second-factor", "nobody").err
