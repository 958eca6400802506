"""How somebody proved who they are; kept with the session, since what it opens may depend on it."""

from dataclasses import dataclass
from typing import Literal

Method = Literal["password", "link", "demo", "sso", "passkey"]


@dataclass(frozen=True)
class How:
    """`sso_org_id` is whose provider vouched, and `has_provider_factor` whether it said that it asked for a second factor."""

    method: Method
    sso_org_id: int | None = None
    has_provider_factor: bool = False


PASSWORD, LINK, DEMO, PASSKEY = How("password"), How("link"), How("demo"), How("passkey")
