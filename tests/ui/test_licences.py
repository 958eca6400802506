"""What the pages are made of keeps its licences."""

import json
from pathlib import Path

from flyusage.ui.licences import licences


def package(modules: Path, name: str, *, text: str | None, **about: object) -> None:
    folder = modules / name
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", "license": "MIT", **about}))
    if text is not None:
        (folder / "LICENSE.md").write_text(text)


def test_each_package_stands_with_its_licence_and_builders_are_left_out(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {"chart": "1", "form": "1"}, "devDependencies": {"builder": "1"}}))
    package(modules, "chart", text="Copyright A", dependencies={"@deep/axis": "1"})
    package(modules, "form", text="Copyright A", dependencies={"chart": "1"})
    package(modules, "@deep/axis", text=None)
    package(modules, "@emotion/react", text="Copyright B")
    package(modules, "builder", text="Copyright C")
    told = licences(tmp_path).split("-" * 80)[1:]
    assert [part.strip() for part in told] == [
        "@deep/axis 1.0.0\n\nLicence: MIT",
        "@emotion/react 1.0.0\n\nCopyright B",
        "chart 1.0.0\nform 1.0.0\n\nCopyright A",
    ]
