"""`flyusage login` and `logout`: another flyusage for the commands that read and send, by an API token."""

import sys
from typing import Annotated

import typer

from flyusage.cli import by_browser, remote
from flyusage.cli.output import print_json
from flyusage.logs import harmless
from flyusage.orgs.api_tokens import is_shaped
from flyusage.orgs.errors import TokenRefused

DEFAULT = "default"
Profile = Annotated[str, typer.Option("--profile", help="A name for it, where there are several.")]


def login(
    url: Annotated[str, typer.Argument(help="Its address, as in the browser: https://usage.example.com.")],
    profile: Profile = DEFAULT,
    by_token: Annotated[bool, typer.Option("--token", help="Type an API token unseen, or pipe one in.")] = False,
    browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Ask in a browser here; or in one elsewhere, whose code is typed."),
    ] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="Ask for no more than this; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask that flyusage from now on: by a token for 90 days that you allow in the browser, or by one that is typed or piped in.

    No token ever stands in a command line. In a pipe, and by --token, one is read; at a terminal the browser asks.

    Example: flyusage login https://usage.example.com
    """
    if by_token and (browser is not None or scope):
        raise typer.BadParameter("a token is what it is: neither --browser, --no-browser nor --scope goes with it.", param_hint="--token")
    if profile == remote.LOCAL:
        raise remote.ProfileUnknown("`local` stands for the database; choose another name.")
    is_asked = not by_token and (browser is not None or sys.stdin.isatty())
    there = remote.made(url, "", profile)
    secret = by_browser.token_by_browser(there, scope or (), is_typed=browser is False) if is_asked else _typed()
    made = remote.made(url, secret, profile)
    told = made.get("/token")
    kept = remote.stored()
    kept["profiles"][profile] = {"url": made.url, "token": secret, "org": told["org"]}
    remote.store({**kept, "current": profile})
    if as_json:
        print_json(
            {"profile": profile, "url": made.url, "org": told["org"], "permissions": told["permissions"], "expires_at": told["expires_at"]}
        )
        return
    typer.echo(f"Signed in to {harmless(told['org'])} at {harmless(made.url)} until {harmless(told['expires_at'][:10])}.")
    typer.echo(f"The token may: {', '.join(map(harmless, told['permissions'])) or 'nothing'}. `flyusage logout` forgets it.")


def _typed() -> str:
    """A token that is typed unseen, or piped in. Raises TokenRefused for what is none."""
    secret = (typer.prompt("API token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not is_shaped(secret):
        raise TokenRefused("That is no API token: one begins with flyu_ and ends in a checksum. Copy it again, whole.")
    return secret


def logout(profile: Profile = "") -> None:
    """Forget a stored token (the present one, unless named). The token itself stays valid until it is revoked."""
    kept = remote.stored()
    name = profile or kept["current"]
    if name not in kept["profiles"]:
        raise remote.ProfileUnknown(f"There is no profile {harmless(name[:60])!r}. Nothing was changed.")
    del kept["profiles"][name]
    remote.store({**kept, "current": next(iter(kept["profiles"]), "") if kept["current"] == name else kept["current"]})
    typer.echo(f"Profile {harmless(name)} is forgotten. Revoke its token on the page of tokens if nobody else uses it.")
