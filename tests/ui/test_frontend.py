import json
import re

import pytest

from flyusage.ui import bundle
from flyusage.ui.frontend import relocate, teach_actions

ENVIRONMENT = 'var e={PING:`http://localhost:8000/ping`,EVENT:"ws://localhost:8000/_event",TEST_MODE:!1};'


def test_baked_addresses_become_the_pages_own_origin() -> None:
    assert relocate(ENVIRONMENT) == (
        'var e={PING:(location.origin+"/ping"),EVENT:(location.origin.replace(/^http/,"ws")+"/_event"),TEST_MODE:!1};'
    )


def test_other_addresses_stay() -> None:
    script = 'const a="http://localhost/x",b="https://example.org:8000/ping",c=`http://localhost:8000/${name}`;'
    assert relocate(script) == script


def test_our_event_is_taught_once_and_updates_wait_for_a_drawing() -> None:
    known = "export const applyEvent = () => {\n  // Handle special events\n};\n"
    taught = teach_actions(known + '  socket.current.on("event", (update) => {\n    dispatch(update);\n')
    assert taught.startswith('import { runAction } from "$/flyusage/actions";\n')
    assert taught.count("_flyusage") == 1
    assert taught.endswith("async (update) => {\n    await drawingsShown();\n    dispatch(update);\n")
    assert teach_actions(taught) == taught


def test_what_an_older_version_taught_is_forgotten() -> None:
    older = 'import { runAction } from "$/flyusage/actions";\nexport const applyEvent = () => {\n  if (event.name === "_flyusage") {\n'
    older += "    return runAction(event.payload);\n  }\n  // Handle special events\n};\n"
    taught = teach_actions(older + '  socket.current.on("event", (update) => {\n')
    assert (taught.count("import { runAction }"), taught.count("_flyusage")) == (1, 1)


@pytest.mark.parametrize("unknown", ["", "  // Handle special events\n", '  socket.current.on("event", (update) => {\n'])
def test_another_versions_state_js_fails_the_build(unknown: str) -> None:
    with pytest.raises(RuntimeError, match="not the one this version of flyusage knows"):
        teach_actions(unknown)


def test_what_the_browsers_router_follows_is_a_page():
    """Elsewhere (the first page, the API's reference, downloads) the browser itself must go, or it ends on an empty page."""
    pages = {f"/{route}" for route in json.loads((bundle.web() / "routes.json").read_text())}
    followed = set()
    for source in sorted(bundle.web().glob("app*/**/*.jsx")):
        for link in re.findall(r"ReactRouterLink,\s*\{([^{}]*)", source.read_text()):
            if (to := re.search(r'\bto:"(/[^"?#]*)', link)) and "reloadDocument" not in link:
                followed.add(to[1])
    assert {"/account", "/welcome", "/sign-in", "/staff/close"} <= followed
    assert followed <= pages
