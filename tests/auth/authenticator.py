"""A security key in software: makes a key pair and signs what it is asked to, honestly or not."""

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url as text

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One key. `counts` says whether it counts its signatures, as most do; `verifies` whether it asks its owner for a finger or PIN."""

    origin: str = "http://localhost:8321"
    party: str = "localhost"
    counts: bool = True
    verifies: bool = True
    handle: str = ""  # of the account it was made for
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def make(self, options: str) -> str:
        """The browser's answer to being asked to make a key."""
        self.handle = json.loads(options)["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._said(ATTESTED) + attested})
        return self._answer({"clientDataJSON": text(self._client("webauthn.create", options)), "attestationObject": text(attestation)})

    def sign(self, options: str) -> str:
        """The browser's answer to being asked to sign."""
        self.count += self.counts
        said, client = self._said(0), self._client("webauthn.get", options)
        signature = self.key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer({"clientDataJSON": text(client), "authenticatorData": text(said), "signature": text(signature)} | self._whose())

    def _whose(self) -> dict[str, str]:
        return {"userHandle": self.handle} if self.handle else {}

    def _said(self, flags: int) -> bytes:
        return (
            hashlib.sha256(self.party.encode()).digest()
            + bytes([PRESENT | flags | (VERIFIED if self.verifies else 0)])
            + struct.pack(">I", self.count)
        )

    def _client(self, kind: str, options: str) -> bytes:
        return json.dumps({"type": kind, "challenge": json.loads(options)["challenge"], "origin": self.origin}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        return json.dumps({"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response})
