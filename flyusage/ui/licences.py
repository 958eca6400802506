"""The licences of what the built pages are made of beside our own: minified, none of it says any more whose it is."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FILE = "third-party-licenses.txt"  # among the files that browsers load, and so in the wheel
NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
BUNDLED_ALL_THE_SAME = ("@emotion/react",)  # which Reflex names among what only builds
HEAD = "The pages of flyusage hold parts of these packages, each under its own licence.\n"
RULE = "\n" + "-" * 80 + "\n\n"


def licences(built: Path) -> str:
    """Every package that pages are made of, with the text of its licence; those that share a text stand above it together.

    `built` is the folder with `package.json` and `node_modules`. Packages that only build the pages are left out.
    """
    under: dict[str, list[str]] = defaultdict(list)
    for folder in _packages(built):
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        text = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in sorted(folder.iterdir()) if path.stem.upper() in NAMES)
        under[text or f"Licence: {about.get('license', 'not told')}"].append(f"{about['name']} {about['version']}")
    told = sorted((sorted(names), text) for text, names in under.items())
    return RULE.join([HEAD, *("\n".join(names) + f"\n\n{text}\n" for names, text in told)])


def _packages(built: Path) -> Iterator[Path]:
    """The folders of what `package.json` asks for, and of what that asks for in turn."""
    modules, known = built / "node_modules", set()
    wanted = [*json.loads((built / "package.json").read_text(encoding="utf-8"))["dependencies"], *BUNDLED_ALL_THE_SAME]
    while wanted:
        name = wanted.pop()
        if name not in known:
            known.add(name)
            yield modules / name
            wanted += json.loads((modules / name / "package.json").read_text(encoding="utf-8")).get("dependencies", ())
