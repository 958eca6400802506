import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyusage import config
from flyusage.config import Settings, SettingsInvalid


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment to write into; the settings read it anew, and the old one afterwards."""
    config.settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    config.settings.cache_clear()


def test_every_setting_has_a_default_that_serves_this_machine_alone():
    chosen = config.settings()
    assert (chosen.host, chosen.port, chosen.is_embedded) == ("127.0.0.1", 8321, True)


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_database_url_means_no_embedded_server(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_DATABASE_URL", "postgresql://flyusage@db.example/flyusage")
    assert not config.settings().is_embedded


def test_an_empty_variable_counts_as_unset(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_DATABASE_URL", "")
    environment.setenv("FLYUSAGE_PORT", "")
    assert (config.settings().is_embedded, config.settings().port) == (True, 8321)


def test_a_home_in_the_data_folder_is_resolved(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_DATA_DIR", "~/usage")
    assert config.settings().data_dir == Path.home() / "usage"


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("FLYUSAGE_PORT", "http", "valid integer"),
        ("FLYUSAGE_PORT", "70000", "65535"),
        ("FLYUSAGE_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("FLYUSAGE_DATABASE_URL", "mysql://u:secret@h/d", "postgresql://"),
        ("FLYUSAGE_CLOCK", "tomorrow", "isoformat"),
        ("FLYUSAGE_EVENT_MAX_AGE", "0", "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name_without_its_value_if_secret(environment: pytest.MonkeyPatch, name: str, value: str, part: str):
    environment.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refused:
        config.settings()
    assert refused.value.sentence.startswith(f"{name} cannot be used: ")
    assert part in refused.value.sentence
    assert refused.value.sentence.endswith("Correct or unset it.")
    assert "secret" not in refused.value.sentence


def test_a_url_with_its_password_is_never_shown(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_DATABASE_URL", "postgresql://u:secret@h/d")
    environment.setenv("FLYUSAGE_MIGRATION_URL", "postgresql://a:secret@h/d")
    assert "secret" not in repr(config.settings())


def test_a_misspelt_variable_is_found_with_the_one_that_was_meant(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_DATABSE_URL", "postgresql://h/d")
    environment.setenv("FLYUSAGE_QQQQ", "1")
    environment.setenv("FLYUSAGE_TEST_DATABASE_URL", "postgresql://h/d")
    assert config.unknown_variables() == {"FLYUSAGE_DATABSE_URL": "FLYUSAGE_DATABASE_URL", "FLYUSAGE_QQQQ": None}


def test_secrets_of_mail_and_payments_are_never_shown(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_SMTP_URL", "smtps://u:hidden@mail.example")
    environment.setenv("FLYUSAGE_STRIPE_API_KEY", "sk_live_hidden")
    environment.setenv("FLYUSAGE_STRIPE_WEBHOOK_SECRET", "whsec_hidden")
    assert "hidden" not in repr(config.settings()) + str(config.settings())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SMTP_URL", "mail.example:25", "must look like smtp://"),
        ("SMTP_URL", "smtp://", "must look like smtp://"),
        ("STRIPE_API_BASE", "localhost:8420", "must look like https://"),
        ("REMINDER_DAYS", "3,soon", "must be whole days"),
        ("REMINDER_DAYS", "-1", "must be whole days"),
    ],
)
def test_what_mail_and_payments_cannot_use_is_told(environment: pytest.MonkeyPatch, name: str, value: str, said: str):
    environment.setenv(f"FLYUSAGE_{name}", value)
    with pytest.raises(config.SettingsInvalid, match=said):
        config.settings()


def test_nobody_is_reminded_where_never_is_said_and_an_empty_variable_says_nothing(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_REMINDER_DAYS", "Never ")
    assert config.settings().reminders == ()
    environment.setenv("FLYUSAGE_REMINDER_DAYS", "")
    config.settings.cache_clear()
    assert config.settings().reminders == (3, 10, 21)


def test_the_readme_has_every_setting():
    told = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    named = {
        name
        for line in told.splitlines()
        if line.startswith("| `FLYUSAGE_")
        for name in re.findall(r"`FLYUSAGE_(\w+)`", line.split("|")[1])
    }
    assert named == {name.upper() for name in config.Settings.model_fields}


def test_reminder_days_come_in_order(environment: pytest.MonkeyPatch):
    environment.setenv("FLYUSAGE_REMINDER_DAYS", "21, 3,10,3")
    assert config.settings().reminders == (3, 10, 21)
