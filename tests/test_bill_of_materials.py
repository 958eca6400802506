"""The bill of materials tells of every package of the locks, in the standard's own terms."""

import json
import re
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import bill_of_materials

ROOT = Path(__file__).parents[1]


def test_every_package_of_the_locks_is_told_once_and_the_document_is_valid():
    written = bill_of_materials.document()
    assert written == bill_of_materials.document()  # the same locks, the same bytes
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    told = json.loads(written)
    assert told["metadata"]["component"]["name"] == "flyusage"
    by_purl = {one["purl"]: one for one in told["components"]}
    assert len(by_purl) == len(told["components"])
    # Counted by other means than those that made it.
    pinned = re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert {f"pkg:pypi/{name}@{version}" for name, version in pinned} == {one for one in by_purl if one.startswith("pkg:pypi/")}
    lines = (ROOT / "reflex.lock/bun.lock").read_text().splitlines()
    locked = {found[1] for line in lines if (found := re.match(r'    "[^"]+": \["([^"]+)", ', line))}
    assert {
        f"{(one.get('group', '') + '/').lstrip('/')}{one['name']}@{one['version']}" for one in told["components"] if "npm" in one["purl"]
    } == locked
    assert all(one.get("hashes") or one.get("properties") for one in told["components"])
    (ours,) = [one["dependsOn"] for one in told["dependencies"] if one["ref"] == "flyusage"]
    assert set(ours) == {one["bom-ref"] for one in told["components"]}
