"""Settings, read once from `FLYUSAGE_*` (and nothing else)."""

import difflib
import os
import re
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from flyusage.errors import FlyusageError

SHORTEST_KEY = 32
NEVER = "never"
PREFIX = "FLYUSAGE_"
FOR_TESTS = f"{PREFIX}TEST_"

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")  # in ASCII: xn-- for others


class SettingsInvalid(FlyusageError):
    """A `FLYUSAGE_*` variable says something that cannot be."""

    code = "settings_invalid"
    status = 500


class Settings(BaseSettings):
    """What an installation may choose. Each field is the environment variable `FLYUSAGE_<NAME>`; an empty one counts as unset."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    database_url: str | None = Field(None, repr=False, description="Any Postgres ≥ 15; without it an embedded server is started.")
    migration_url: str | None = Field(None, repr=False, description="A login that may create roles and tables; default: database_url.")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("flyusage", appauthor=False)),
        description="Holds the embedded database and logs.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only until somebody can sign in.")
    port: int = Field(8321, ge=1, le=65535, description="The one port for pages, websocket and API.")
    base_url: str | None = Field(None, description="How people reach the server from outside, for printed links.")
    event_max_age: int = Field(25, ge=1, description="Months after which an arriving event is refused as too old.")
    refused_kept_days: int = Field(
        100, ge=31, description="Days that refused lines, and what each run took in, are kept; those of a month to be billed, until it is."
    )
    grace_hours: int = Field(6, ge=0, le=24 * 28, description="Hours after a month's end that late events still count in its invoice.")
    zero_invoices: bool = Field(False, description="Whether a month that comes to zero is invoiced too.")
    smtp_url: str | None = Field(
        None, repr=False, description="smtp://user:password@host:587 or smtps://…; without it mail waits in the outbox."
    )
    mail_from: str | None = Field(None, description="Sender of mail; default: the seller's address.")
    delivery_networks: str = Field(
        "", description="Networks beside the public internet that alerts may be sent to, by commas: 10.20.0.0/16,127.0.0.1/32."
    )
    reminder_days: str = Field("3,10,21", description="Days after the due date that an open invoice's contacts are reminded, or `never`.")
    stripe_api_key: SecretStr | None = Field(None, description="Stripe's secret key; without it nothing is handed over.")
    stripe_api_base: str | None = Field(None, description="Where Stripe's API answers, for tests; default: Stripe itself.")
    stripe_webhook_secret: SecretStr | None = Field(
        None, repr=False, description="What Stripe signs events with (whsec_…); several, by commas, while one replaces another."
    )
    stripe_timeout_seconds: float = Field(30, gt=0, le=300, description="How long the payment processor is waited for.")
    secret_key: SecretStr | None = Field(
        None,
        repr=False,
        description="Encrypts authenticator apps' secrets; several, by commas, while one replaces another. Without: a file in data_dir.",
    )
    sso_private_hosts: str = Field(
        "", description="Hosts of identity providers that may have private addresses, by commas; http only for those on loopback."
    )
    dns_servers: str = Field(
        "", description="Name servers that are asked for proofs of domains, address:port by commas; default: the system's."
    )
    sign_up: str = Field(
        "closed",
        description="Who makes an account by themselves: closed (nobody), open (whoever reads an address's mail), or domains, by commas.",
    )
    trusted_proxies: str = Field(
        "", description="Networks of reverse proxies whose X-Forwarded-For and -Proto are believed, by commas: 10.0.0.0/24,127.0.0.1/32."
    )
    most_pages: int = Field(4_000, ge=1, description="Pages that may be open at once in a server process, about 200 kB of its memory each.")
    most_pages_per_address: int = Field(1_000, ge=1, description="The same from one network address, such as an office's.")
    redis_url: str | None = Field(
        None, repr=False, description="redis://host:6379/0 where tries are counted for all servers; without it they are in Postgres."
    )
    api_url: str | None = Field(None, description="Where another flyusage answers, for the command line; with FLYUSAGE_TOKEN.")
    token: SecretStr | None = Field(None, repr=False, description="The API token that the command line shows there.")
    profile: str | None = Field(None, description="Which stored sign-in the command line uses; `local` for the database.")
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="What a Prometheus shows /metrics as a bearer; without it only this machine itself may read them."
    )
    traces_url: str | None = Field(
        None, description="http://collector:4318/v1/traces: where OpenTelemetry spans go (OTLP over HTTP); without it there are none."
    )
    traces_headers: SecretStr | None = Field(None, repr=False, description="Headers of that, by commas: authorization=Bearer …,x-team=ops.")
    traces_share: float = Field(1, ge=0, le=1, description="The share of traces that is sent, 0 to 1.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity that is logged.")
    log_format: Literal["console", "json"] = Field("console", description="Logs for people, or a JSON object per line.")
    clock: datetime | None = Field(None, description="ISO 8601 moment that stands for now (UTC unless it says); replays of the past.")

    @property
    def is_embedded(self) -> bool:
        """Whether the product runs its own Postgres."""
        return self.database_url is None

    @property
    def private_providers(self) -> frozenset[str]:
        """Hosts of identity providers that may have private addresses, in lower case."""
        return frozenset(filter(None, (one.strip().lower() for one in self.sso_private_hosts.split(","))))

    @property
    def address(self) -> str:
        """Where people and programs reach this installation, as it is configured, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.base_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def reminders(self) -> tuple[int, ...]:
        """Days after the due date on which to remind, rising; none for `never`."""
        return () if self.reminder_days == NEVER else tuple(sorted({int(part) for part in self.reminder_days.split(",") if part.strip()}))

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`delivery_networks` as networks."""
        return tuple(ip_network(part.strip()) for part in self.delivery_networks.split(",") if part.strip())

    @property
    def proxies(self) -> tuple[str, ...]:
        """`trusted_proxies` one by one, each a network."""
        return tuple(str(ip_network(part.strip())) for part in self.trusted_proxies.split(",") if part.strip())

    @property
    def traces_headers_by_name(self) -> dict[str, str]:
        """`traces_headers` by name."""
        written = self.traces_headers.get_secret_value() if self.traces_headers else ""
        return {name.strip().lower(): value.strip() for name, _, value in (one.partition("=") for one in written.split(",") if "=" in one)}

    @property
    def is_https(self) -> bool:
        """Whether people come by HTTPS. On loopback they do not, and not every browser keeps a Secure cookie there."""
        return (self.base_url or "").startswith("https://")

    @field_validator("delivery_networks", "trusted_proxies")
    @classmethod
    def _are_networks(cls, written: str) -> str:
        try:
            _ = [ip_network(part.strip()) for part in written.split(",") if part.strip()]
        except ValueError as error:
            raise ValueError(f"must be networks such as 10.20.0.0/16 ({error})") from error
        return written

    @field_validator("sign_up")
    @classmethod
    def _is_who_may_sign_up(cls, written: str) -> str:
        parts = [part.strip().lower() for part in written.split(",") if part.strip()]
        if parts not in (["open"], ["closed"]) and not all(_DOMAIN.fullmatch(part) for part in parts):
            raise ValueError("must be closed, open, or domains such as example.com,example.org")
        return ",".join(parts) or "closed"

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must look like redis://:password@host:6379/0, rediss://… or unix:///run/redis.sock")
        return url

    @field_validator("database_url", "migration_url")
    @classmethod
    def _is_postgres(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("must look like postgresql://user:password@host:5432/flyusage")
        return url

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, url: str | None) -> str | None:
        parts = urlsplit(url) if url is not None else None
        if parts is not None and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("must look like smtp://user:password@host:587 or smtps://user:password@host:465")
        return url

    @field_validator("stripe_api_base", "api_url", "traces_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must look like https://api.stripe.com")
        return url.rstrip("/") if url else url

    @field_validator("dns_servers")
    @classmethod
    def _are_name_servers(cls, written: str) -> str:
        for part in filter(None, (one.strip() for one in written.split(","))):
            try:
                ip_address(part.rpartition(":")[0].strip("[]") if part.rpartition(":")[2].isdecimal() else part)
            except ValueError as error:
                raise ValueError("must look like 192.0.2.53:53, [2001:db8::53]:53") from error
        return written

    @field_validator("reminder_days")
    @classmethod
    def _are_days(cls, written: str) -> str:
        said = written.strip().lower()
        if said != NEVER and any(not part.strip().isdecimal() for part in said.split(",") if said):
            raise ValueError("must be whole days such as 3,10,21, or never")
        return said

    @field_validator("secret_key")
    @classmethod
    def _is_no_guess(cls, keys: SecretStr | None) -> SecretStr | None:
        for key in keys.get_secret_value().split(",") if keys is not None else ():
            if len(key.strip()) < SHORTEST_KEY or len(set(key)) < SHORTEST_KEY // 3:
                raise ValueError(f"must be {SHORTEST_KEY} random characters or more, such as `openssl rand -base64 32` prints")
        return keys

    @field_validator("data_dir")
    @classmethod
    def _is_absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("clock", mode="before")
    @classmethod
    def _is_moment(cls, written: str | None) -> datetime | None:
        if written is None:
            return None
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def settings() -> Settings:
    """The process's settings; `settings.cache_clear()` makes tests read the environment again. Raises SettingsInvalid."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue] every field has a default or comes from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{first['loc'][0]}".upper()
        raise SettingsInvalid(f"{name} cannot be used: {first['msg'].removeprefix('Value error, ')}. Correct or unset it.") from error


def unknown_variables() -> dict[str, str | None]:
    """`FLYUSAGE_*` variables in the environment that mean nothing here, each with the nearest one that does."""
    known = {name.upper() for name in Settings.model_fields}
    given = {name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX) and not name.startswith(FOR_TESTS)}
    nearest = {name: difflib.get_close_matches(name, known, 1) for name in sorted(given - known)}
    return {f"{PREFIX}{name}": f"{PREFIX}{found[0]}" if found else None for name, found in nearest.items()}
