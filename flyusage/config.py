"""Settings, read once from `FLYUSAGE_*` (and nothing else)."""

from functools import cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an installation may choose. Each field is the environment variable `FLYUSAGE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="FLYUSAGE_", extra="ignore")

    database_url: str | None = Field(None, description="Any Postgres ≥ 15; without it an embedded server is started.")
    migration_url: str | None = Field(None, description="A login that may create roles and tables; default: database_url.")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("flyusage", appauthor=False)),
        description="Holds the embedded database and logs.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only until sign-in exists.")
    port: int = Field(8321, ge=1, le=65535, description="The one port for pages, websocket and API.")
    base_url: str | None = Field(None, description="How people reach the server from outside, for printed links.")
    event_max_age: int = Field(25, ge=1, description="Months after which an arriving event is refused as too old.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    clock: str | None = Field(None, description="ISO 8601 moment that stands for now; replays of the past.")

    @property
    def is_embedded(self) -> bool:
        """Whether the product runs its own Postgres."""
        return self.database_url is None


@cache
def settings() -> Settings:
    """The process's settings; `settings.cache_clear()` makes tests read the environment again."""
    return Settings()
