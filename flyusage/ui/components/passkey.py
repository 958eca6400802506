"""The two moments at which a browser asks a device for a passkey: to add one, and to sign in by one."""

import reflex as rx
from reflex.vars import Var

from flyusage.auth.passkeys import LONGEST_NAME


class UsePasskey(rx.Component):
    """A button that has a passkey sign what the server asks, and posts that as a whole page; `onward` is where to go then."""

    library = "$/flyusage/passkey"
    tag = "UsePasskey"
    onward: Var[str]


class AddPasskey(rx.Component):
    """A name and a button by which this browser makes a passkey; `on_made` gets the name and the browser's answer (JSON).

    With `asks_proof` a code or the password is asked for first: the account has a second factor already.
    """

    library = "$/flyusage/passkey"
    tag = "AddPasskey"
    longest: Var[int]
    asks_proof: Var[bool]
    on_made: rx.EventHandler[rx.event.passthrough_event_spec(str, str)]


def use_passkey(onward: Var[str]) -> rx.Component:
    """For the page that asks for the second factor."""
    return UsePasskey.create(onward=onward)


def add_passkey(on_made: rx.EventHandler, *, asks_proof: Var[bool]) -> rx.Component:
    """For the account's page."""
    return AddPasskey.create(longest=LONGEST_NAME, asks_proof=asks_proof, on_made=on_made)
