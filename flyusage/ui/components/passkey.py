"""The moments at which a browser asks a device for a passkey: to add one, and to sign in by one, after the password or without it."""

import reflex as rx
from reflex.vars import Var

from flyusage.auth.passkeys import LONGEST_NAME


class UsePasskey(rx.Component):
    """A button that has a passkey sign what the server asks, and posts that as a whole page; `onward` is where to go then."""

    library = "$/flyusage/passkey"
    tag = "UsePasskey"
    onward: Var[str]


class EnterByPasskey(UsePasskey):
    """The same before anything is known of who it is."""

    tag = "EnterByPasskey"


class AddPasskey(rx.Component):
    """A name and a button by which this browser makes a passkey; `on_made` gets the name and the browser's answer (JSON).

    With `asks_proof` something is asked for first that only the account's owner knows; `proof_label` says what.
    """

    library = "$/flyusage/passkey"
    tag = "AddPasskey"
    longest: Var[int]
    asks_proof: Var[bool]
    proof_label: Var[str]
    on_made: rx.EventHandler[rx.event.passthrough_event_spec(str, str)]


def use_passkey(onward: Var[str]) -> rx.Component:
    """For the page that asks for the second factor."""
    return UsePasskey.create(onward=onward)


def enter_by_passkey(onward: Var[str]) -> rx.Component:
    """For the page that signs in."""
    return EnterByPasskey.create(onward=onward)


def add_passkey(on_made: rx.EventHandler, *, asks_proof: Var[bool], proof_label: Var[str]) -> rx.Component:
    """For the account's page."""
    return AddPasskey.create(longest=LONGEST_NAME, asks_proof=asks_proof, proof_label=proof_label, on_made=on_made)
