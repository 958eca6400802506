"""What flyusage is made of, as a CycloneDX 1.6 document: every Python and browser package of the locks, by version and digest.

`make sbom` writes it to `dist/flyusage.cdx.json`; the same locks give the same bytes. Python packages are those that `requirements.lock`
installs (the frontend's builder among them), browser packages those of `reflex.lock/bun.lock`, of which the build takes what it needs.
"""

import json
import re
import sys
import tomllib
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).parent
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$", re.MULTILINE)
TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")  # which bun.lock has, and JSON has not


def document() -> str:
    """The whole document, indented JSON."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locks = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "reflex.lock/bun.lock")]
    product = Component(
        name=about["name"],
        version=about["version"],
        type=ComponentType.APPLICATION,
        description=about["description"],
        bom_ref="flyusage",
        purl=PackageURL("pypi", name=about["name"], version=about["version"]),
    )
    bom = Bom(components=[*_python(locks[0]), *_browser(locks[1])], serial_number=uuid5(NAMESPACE_URL, "\n".join(locks)))
    bom.metadata.component = product
    bom.metadata.timestamp = datetime(1970, 1, 1, tzinfo=UTC)  # none of its own: the serial number says which locks it tells of
    bom.register_dependency(product, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _python(lock: str) -> Iterator[Component]:
    """A release may be installed from any of its files, and the lock has a digest of each: they are told as properties, not as its own."""
    found = list(PINNED.finditer(lock))
    for one, following in zip(found, [*found[1:], None], strict=True):
        ends = following.start() if following else len(lock)
        told = [
            Property(name="flyusage:file:sha256", value=each)
            for each in re.findall(r"--hash=sha256:([0-9a-f]{64})", lock[one.end() : ends])
        ]
        marker = [Property(name="flyusage:marker", value=one["marker"])] if one["marker"] else []
        yield _component("pypi", None, one["name"], one["version"], properties=[*told, *marker])


def _browser(lock: str) -> Iterator[Component]:
    entries = json.loads(TRAILING_COMMA.sub("", lock))["packages"].values()
    for called, digest in sorted({(entry[0], entry[-1]) for entry in entries}):
        name, _, version = called.rpartition("@")
        group, _, short = name.rpartition("/")
        algorithm, _, written = digest.partition("-")
        hashes = [HashType(alg=HashAlgorithm.SHA_512, content=b64decode(written).hex())] if algorithm == "sha512" else []
        yield _component("npm", group or None, short, version, hashes=hashes)


def _component(kind: str, group: str | None, name: str, version: str, **more: list) -> Component:
    purl = PackageURL(kind, group, name, version)
    return Component(name=name, group=group, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string(), **more)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(document(), encoding="utf-8")
