import json

import sqlalchemy as sa
from cast import Cast
from conftest import Database

from flyusage import db


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
