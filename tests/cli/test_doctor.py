import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import LOGIN, PASSWORD, Database, Server
from factories import ingest, started

from flyusage import config, db, schema
from flyusage.cli import doctor


def verdicts(said) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(said.out)["findings"]:
        found.setdefault(finding["about"], []).append((finding["verdict"], finding["sentence"]))
    return found


def problems(said) -> list[str]:
    return [finding["sentence"] for finding in json.loads(said.out)["findings"] if finding["verdict"] == "problem"]


def test_a_sound_installation_has_no_problems(flyusage, shared_database: Database):
    said = flyusage("doctor", "--json")
    assert (said.code, problems(said)) == (0, [])
    found = verdicts(said)
    assert set(found) == {"settings", "disk", "versions", "database", "schema", "roles", "tenancy", "partitions", "refusals"}
    assert "after 100 days (FLYUSAGE_REFUSED_KEPT_DAYS)" in found["refusals"][0][1]
    assert len(found["roles"]) == 4
    text = flyusage("doctor")
    assert (text.code, text.out.splitlines()[-1]) == (0, "0 problems.")


def test_it_tells_every_setting_and_no_password(flyusage, shared_database: Database):
    said = flyusage("doctor")
    assert "FLYUSAGE_DATABASE_URL=postgresql://" in said.out
    assert PASSWORD not in said.out


def test_a_misspelt_variable_is_a_problem(flyusage, shared_database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_HOTS", "0.0.0.0")
    said = flyusage("doctor", "--json")
    assert (said.code, problems(said)) == (1, ["FLYUSAGE_HOTS means nothing to this flyusage. Did you mean FLYUSAGE_HOST?"])


def test_a_superuser_as_login_is_a_problem(flyusage, shared_database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_DATABASE_URL", shared_database.migration_url)
    config.settings.cache_clear()
    db.reset()
    said = flyusage("doctor", "--json")
    monkeypatch.undo()
    config.settings.cache_clear()
    assert said.code == 1
    assert any("is a superuser" in problem and "FLYUSAGE_MIGRATION_URL" in problem for problem in problems(said))


def test_a_login_that_owns_tables_is_a_problem(flyusage, database: Database, server: Server):
    with schema.owner_session() as session:
        session.execute(sa.text("RESET ROLE"))
        session.execute(sa.text(f"CREATE TABLE stray (n int); ALTER TABLE stray OWNER TO {LOGIN}"))
    assert any(f"{LOGIN} owns 1 table" in problem for problem in problems(flyusage("doctor", "--json")))


def test_a_table_without_forced_policies_is_a_problem(flyusage, database: Database):
    with schema.owner_session() as session:
        session.execute(sa.text("ALTER TABLE app NO FORCE ROW LEVEL SECURITY"))
    assert problems(flyusage("doctor", "--json")) == ["Row-level security is not forced on app. Run `flyusage db upgrade`."]


def test_an_unreachable_database_is_the_only_word_about_it(flyusage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/d")
    config.settings.cache_clear()
    db.reset()
    said = flyusage("doctor", "--json")
    monkeypatch.undo()
    config.settings.cache_clear()
    assert said.code == 1
    assert len(problems(said)) == 1
    assert "No database answers at postgresql://u:***@127.0.0.1:1/d" in problems(said)[0]


def test_rows_outside_any_month_are_a_problem(flyusage, database: Database):
    with db.platform_transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO usage_day (org_id, day, app_id, region_id, vm_size_id, sku_id, total) "
                "SELECT 1, '2031-01-01', n, 1, 1, 1, 1 FROM generate_series(1, 10) n"
            )
        )
    assert any("usage_day_default holds" in problem for problem in problems(flyusage("doctor", "--json")))
    with db.owner_engine().begin() as connection:  # it is told by the table's size, which rows that are taken away leave as it is
        connection.execute(sa.text("TRUNCATE usage_day_default"))


def test_lag_is_a_note_while_nothing_serves_and_a_problem_while_something_does(
    flyusage, database: Database, monkeypatch: pytest.MonkeyPatch
):
    ingest([started("m", "2026-10-01T00:00:00Z")])
    said = flyusage("doctor", "--json")
    assert said.code == 0
    assert [verdict for verdict, _ in verdicts(said)["roll-ups"]] == ["note"]
    monkeypatch.setattr(doctor.instance, "is_running", lambda _: True)
    said = flyusage("doctor", "--json")
    assert said.code == 1
    assert any(problem.startswith("prism: rolled through nothing yet") for problem in problems(said))


def test_no_embedded_database_yet_is_no_problem_and_none_is_made(flyusage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for variable in ("FLYUSAGE_DATABASE_URL", "FLYUSAGE_MIGRATION_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("FLYUSAGE_DATA_DIR", str(tmp_path))
    config.settings.cache_clear()
    said = flyusage("doctor", "--json")
    monkeypatch.undo()
    config.settings.cache_clear()
    assert said.code == 0
    assert verdicts(said)["database"][0][0] == "note"
    assert list(tmp_path.iterdir()) == []
