"""Signatures of the Standard Webhooks scheme (standardwebhooks.com, specification 1.0.0): HMAC-SHA-256 over id, moment and body. Pure.

Beside the scheme's own library (which tests hold this to) these are three lines, and the library brings a dozen packages.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
KEY_BYTES = 32  # of the 24 to 64 that the scheme allows


def new_secret() -> str:
    """A key as receivers are given it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def headers(message_id: str, at: datetime, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The three headers that go with `body`. A signature for each of `keys`, so that a receiver may know the old one or the new one."""
    moment = int(at.timestamp())
    signed = f"{message_id}.{moment}.".encode() + body
    signatures = [_signature(signed, key) for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": str(moment), "webhook-signature": " ".join(signatures)}


def _signature(signed: bytes, key: str) -> str:
    made = hmac.new(base64.b64decode(key.removeprefix(PREFIX)), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"
