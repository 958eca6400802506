"""Secrets that a browser or a mail carries: long, random, and kept here only as what they hash to."""

import hashlib
import secrets

SECRET_BYTES = 32


def new_secret() -> str:
    """256 random bits, as text for a cookie or an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of a secret. A plain SHA-256 will do: nobody can try 2^256 of them, unlike passwords."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
