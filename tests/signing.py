"""Signing in without a browser: the link that sets a password, the password, and the cookie that comes of it."""

import json
import os
import subprocess
import sys

from asking import cookies_of, post
from browsing import Site

SESSION = "flyusage_session"


def link_for(site: Site, email: str) -> str:
    """A new link to set the password, as the command prints it."""
    command = [sys.executable, "-m", "flyusage.cli.main", "users", "link", email, "--json"]
    ran = subprocess.run(command, env=os.environ | site.settings, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)["link"]


def cookie_for(site: Site, email: str, password: str) -> str:
    """The Cookie header of a browser that has just signed in."""
    return f"{SESSION}={cookies_of(post(site, '/auth/sign-in', email=email, password=password))[SESSION]}"


def set_password(site: Site, email: str, password: str) -> None:
    """Give an account its password, by a new link."""
    answer = post(site, "/auth/set-password", link=link_for(site, email).partition("link=")[2], password=password)
    assert answer.headers["location"] == "/"
