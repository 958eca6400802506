"""What `make wheel` builds is the whole product: installed into an environment of its own, it serves from an empty folder."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from ports import kept_port
from serving import build_once

from flyusage.ui.licences import FILE

if TYPE_CHECKING:
    from conftest import Database

CHECKOUT = Path(__file__).parents[1]
SECONDS = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the backend that `make wheel` calls, from the checkout with its built pages."""
    build_once()
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder], cwd=CHECKOUT, check=True)
    (made,) = folder.glob("flyusage-*.whl")
    return made


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`flyusage` of an environment that holds the wheel, and reads what the wheel depends on from ours; the checkout it does not see."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", folder / "bin/python", wheel]
    subprocess.run(install, check=True)
    own = next(folder.glob("lib/python*/site-packages"))
    linked = tmp_path_factory.mktemp("dependencies")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.suffix != ".pth" and "flyusage" not in entry.name:
            (linked / entry.name).symlink_to(entry)
    (own / "dependencies.pth").write_text(f"{linked}\n", encoding="utf-8")
    return folder / "bin/flyusage"


def test_the_wheel_holds_the_product_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"flyusage"}
    assert not [name for name in names if re.search(r"tests?/|conftest|\.pyc$|\.env|node_modules|\.git", name)]


def test_the_wheel_holds_the_licences_of_what_its_pages_are_made_of(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        told = packed.read(f"flyusage/_frontend/web/build/client/{FILE}").decode()
        kept = [name for name in packed.namelist() if ".dist-info/licenses/" in name]
    assert {name.rpartition("/")[2] for name in kept} == {"LICENSE", "OFL.txt"}
    for part in ("\nreact 19.", "\nplotly.js-basic-dist-min ", "\n@fontsource-variable/inter ", "SIL OPEN FONT LICENSE Version 1.1"):
        assert part in told


def test_what_is_installed_serves_from_an_empty_folder(command: Path, shared_database: "Database", tmp_path: Path) -> None:
    code = "import flyusage, sys; print(flyusage.__file__)"
    told = subprocess.run([command.parent / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(told.stdout.strip()).is_relative_to(command.parents[1])
    with _serving(command, tmp_path, shared_database) as address:
        assert httpx.get(f"{address}/readyz", timeout=SECONDS).status_code == 200
        page = httpx.get(f"{address}/sign-in")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        scripts = re.findall(r'"(/assets/[^"]+\.js)"', page.text)
        assert scripts
        assert httpx.get(address + scripts[0]).headers["content-type"].startswith("text/javascript")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def _serving(command: Path, folder: Path, database: "Database") -> Iterator[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["FLYUSAGE_DATA_DIR"], "FLYUSAGE_DATABASE_URL": database.url}
    with kept_port() as port:
        arguments = [command, "serve", "--port", str(port)]
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    yield found[0]
                    break
            else:
                raise AssertionError("".join(said))
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
