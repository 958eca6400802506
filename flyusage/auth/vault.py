"""Encryption of what must be read again, with a key that the database does not hold: who has a copy of it alone reads nothing.

The key is FLYUSAGE_SECRET_KEY, or else a file that is made in the data folder. Several keys, by commas, while one replaces
another: the first one seals, all open.
"""

import hashlib
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flyusage.auth.errors import VaultLocked
from flyusage.config import settings

KEY_FILE = "secret.key"
NONCE_BYTES = 12


def seal(content: bytes, about: str) -> bytes:
    """`content` encrypted (AES-256-GCM); it opens for the same `about` only, so that rows cannot be exchanged."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_keys()[0]).encrypt(nonce, content, about.encode())


def unseal(box: bytes, about: str) -> bytes:
    """What was sealed. Raises VaultLocked where no key fits."""
    for key in _keys():
        try:
            return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], about.encode())
        except InvalidTag:
            continue
    raise VaultLocked(
        "A secret of this installation cannot be read: it was sealed with another key. Set FLYUSAGE_SECRET_KEY to the key of then "
        f"(without one it is in the file {KEY_FILE} of FLYUSAGE_DATA_DIR), beside the new one."
    )


def _keys() -> list[bytes]:
    chosen = settings().secret_key
    written = chosen.get_secret_value().split(",") if chosen is not None else [_kept_key()]
    return [hashlib.sha256(b"flyusage vault 1:" + key.strip().encode()).digest() for key in written]


def _kept_key() -> str:
    """The key in the data folder; made by whoever comes first, for this user's eyes only."""
    folder = settings().data_dir
    folder.mkdir(parents=True, exist_ok=True)
    path, made = folder / KEY_FILE, folder / f"{KEY_FILE}.{secrets.token_hex(8)}"
    if not path.exists():
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)  # whole or not at all, and never over another one
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text()
