"""The reference page: the OpenAPI document as one HTML page, with nothing to load from anywhere. Pure."""

import html
import json
from collections.abc import Iterator
from typing import Any

PERMISSION = "x-permission"
HOME = "https://flyusage.example.com"

_STYLE = """
:root { color-scheme: light dark; --ground: #fbfaf8; --surface: #ffffff; --sunken: #f4f2ee; --line: #e6e2da; --ink: #1d1a2b; --ink-2: #5a5568;
  --accent: #5426d1; }
@media (prefers-color-scheme: dark) { :root { --ground: #14121c; --surface: #1c1927; --sunken: #110f18; --line: #2d2939; --ink: #f2eff8;
  --ink-2: #b4adc4; --accent: #bda8ff; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 16px; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 14px/1.55 "Inter Variable", Inter, system-ui, sans-serif; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 12px; padding: 8px 12px; background: var(--surface); }
.frame { display: grid; grid-template-columns: 250px minmax(0, 1fr); min-height: 100vh; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 20px 16px; border-right: 1px solid var(--line); }
nav .tag { margin: 16px 0 4px; color: var(--ink-2); font-size: 12px; font-weight: 600; text-transform: capitalize; }
nav ul { margin: 0; padding: 0; list-style: none; }
nav a { display: block; padding: 4px 0; color: var(--ink); font-size: 13px; text-decoration: none; }
a { color: var(--accent); }
:is(a, summary, pre, .box):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav a:hover { color: var(--accent); }
main { max-width: 980px; padding: 28px 32px 80px; }
h1 { margin: 0 0 4px; font-size: 28px; }
h2 { margin: 0 0 2px; font-size: 16px; }
h3 { margin: 18px 0 6px; color: var(--ink-2); font-size: 13px; font-weight: 600; }
.card { margin: 16px 0; padding: 18px; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
code, pre { font: 13px/1.5 "JetBrains Mono Variable", ui-monospace, monospace; overflow-wrap: anywhere; }
pre { margin: 0; padding: 12px 14px; border-radius: 7px; background: var(--sunken); overflow: auto; white-space: pre-wrap; }
.address { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 10px; margin: 6px 0; }
.method { padding: 1px 8px; border: 1px solid var(--line); border-radius: 999px; font-size: 12px; font-weight: 600; }
.needs, .muted { color: var(--ink-2); font-size: 13px; }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th { color: var(--ink-2); font-weight: 600; text-align: left; }
th, td { padding: 6px 10px 6px 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; }
tbody th { color: var(--ink); font-weight: 500; white-space: nowrap; }
summary { padding: 4px 0; cursor: pointer; }
.box { overflow-x: auto; }
@media (max-width: 760px) {
  .frame { display: block; }
  nav { position: static; max-height: none; border-right: 0; border-bottom: 1px solid var(--line); }
  nav a { padding: 8px 0; }
  main { padding: 20px 16px 60px; }
  tbody th { white-space: normal; }
}
"""


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    menu = "".join(f"<p class='tag'>{_text(tag)}</p><ul>{''.join(map(_entry, found))}</ul>" for tag, found in groups.items())
    body = "".join(
        f'<section class="group" aria-label="{_text(tag)}">{"".join(_operation(document, *one) for one in found)}</section>'
        for tag, found in groups.items()
    )
    about = "".join(f"<p>{_marked(part)}</p>" for part in document["info"]["description"].split("\n**") if part.strip())
    server = document["servers"][0]["url"]
    first = f"curl -H 'Authorization: Bearer flyu_…' {HOME}{server}/usage?range=last-month"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>API reference · flyusage</title><link rel="icon" type="image/svg+xml" href="/favicon.svg"><style>{_STYLE}</style></head><body>'
        f'<a class="skip" href="#content">Skip to content</a><div class="frame">'
        f'<nav aria-label="Addresses"><a href="/"><strong>flyusage</strong></a><a href="{server}/openapi.json">OpenAPI document</a>{menu}</nav>'
        f'<main id="content"><h1>API reference</h1><p class="muted">Version {_text(document["info"]["version"])}, at {server}</p>'
        f'<section class="card" aria-label="What all addresses have in common">{about}<pre tabindex="0">{_text(first)}</pre></section>'
        f"{body}</main></div></body></html>"
    )


def _entry(one: tuple[str, str, dict[str, Any]]) -> str:
    summary = _text(one[2]["summary"])
    return f'<li><a href="#{_id(one)}">{summary}</a></li>'


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    needs = operation.get(PERMISSION, "any")
    said = "any token" if needs == "any" else f"a token with <code>{_text(needs)}</code>"
    parts = [
        f'<article class="card" id="{_id((method, path, operation))}"><h2>{_text(operation["summary"])}</h2>',
        f'<div class="address"><span class="method">{method}</span><code>{_text(path)}</code><span class="needs">needs {said}</span></div>',
        "".join(f"<p>{_marked(one)}</p>" for one in operation.get("description", "").split("\n\n")),
    ]
    if operation.get("parameters"):
        rows = "".join(_parameter(document, one) for one in operation["parameters"])
        parts.append(
            f'<h3>Parameters</h3><div class="box"><table><thead><tr><th scope="col">name</th><th scope="col">kind</th>'
            f'<th scope="col">says</th></tr></thead><tbody>{rows}</tbody></table></div>'
        )
    if body := operation.get("requestBody"):
        kinds = "".join(_media(document, kind, one.get("schema", {})) for kind, one in body["content"].items())
        parts.append(f"<h3>Body</h3><p>{_marked(body.get('description', ''))}</p>{kinds}")
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            kinds = "".join(_media(document, kind, one.get("schema", {})) for kind, one in response.get("content", {}).items())
            parts.append(f"<h3>{status}</h3>{kinds}")
    failures = "".join(
        f"<tr><th scope='row'>{status}</th><td>{_text(one['description'])}</td></tr>"
        for status, one in operation["responses"].items()
        if not status.startswith("2")
    )
    parts.append(f"<details><summary>Failures</summary><table><tbody>{failures}</tbody></table></details></article>")
    return "".join(parts)


def _parameter(document: dict[str, Any], one: dict[str, Any]) -> str:
    schema = one.get("schema", {})
    name = f"<code>{_text(one['name'])}</code>"
    says = one.get("description") or schema.get("description", "")
    choices = _choices(document, schema)
    more = f" One of {', '.join(f'<code>{_text(each)}</code>' for each in choices)}." if choices else ""
    default = schema.get("default")
    usual = f" Usually <code>{_text(json.dumps(default))}</code>." if default not in (None, "") else ""
    kind = f"{one['in']}{', required' if one.get('required') else ''}"
    return f'<tr><th scope="row">{name}</th><td class="muted">{kind}</td><td>{_marked(says)}{more}{usual}</td></tr>'


def _choices(document: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    found = [str(one) for one in schema.get("enum", [])] + ([str(schema["const"])] if "const" in schema else [])
    if "$ref" in schema:
        found += _choices(document, _resolved(document, schema))
    for one in schema.get("anyOf", []):
        found += _choices(document, one)
    return found


def _media(document: dict[str, Any], kind: str, schema: dict[str, Any]) -> str:
    example = json.dumps(sample(document, schema), indent=2, ensure_ascii=False) if "json" in kind and schema else ""
    fields = "".join(_fields(document, schema))
    table = (
        f'<div class="box"><table><thead><tr><th scope="col">field</th><th scope="col">says</th></tr></thead><tbody>{fields}</tbody></table></div>'
        if fields
        else ""
    )
    shown = f'<details><summary>Example</summary><pre tabindex="0">{_text(example)}</pre></details>' if example else ""
    return f'<p class="muted"><code>{_text(kind)}</code></p>{table}{shown}'


def _fields(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    for name, one in _resolved(document, schema).get("properties", {}).items():
        says = one.get("description") or _resolved(document, one.get("items", one)).get("description", "")
        yield f'<tr><th scope="row"><code>{_text(name)}</code></th><td>{_marked(says)}</td></tr>'


def sample(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """An example of what a schema describes: its own where it has one."""
    schema = _resolved(document, schema)
    if "example" in schema or schema.get("examples"):
        return schema.get("example", (schema.get("examples") or [None])[0])
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    for one in schema.get("anyOf", []):
        return sample(document, one, depth)
    if "properties" in schema and depth < 5:
        return {name: sample(document, one, depth + 1) for name, one in schema["properties"].items()}
    samples = {"integer": 1, "number": 1.0, "boolean": False, "object": {}, "null": None}
    if schema.get("type") == "array":
        return [sample(document, schema.get("items", {}), depth + 1)] if depth < 5 else []
    formats = {"date": "2026-10-01", "date-time": "2026-10-01T00:00:00Z"}
    return samples.get(schema.get("type", ""), formats.get(schema.get("format", ""), "…"))


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _id(one: tuple[str, str, dict[str, Any]]) -> str:
    return html.escape(f"{one[0]}{one[1]}".lower().replace("/", "-").replace("{", "").replace("}", ""), quote=True)


def _text(written: object) -> str:
    return html.escape(str(written), quote=True)


def _marked(written: str) -> str:
    """`code` and **strong** of our own descriptions."""
    parts = _text(" ".join(written.split())).split("`")
    told = "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
    if "**" not in told:
        return told
    if not told.startswith("**") and told.count("**") == 1:  # the paragraph's own mark was taken by the split
        told = f"**{told}"
    pieces = told.split("**")
    return "".join(f"<strong>{piece}</strong>" if place % 2 else piece for place, piece in enumerate(pieces))
