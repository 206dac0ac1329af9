"""The editor's bundle: made of the sources that are here, small, and with a page that the server's policy lets run."""

from __future__ import annotations

import gzip
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
EDITOR, STATIC = WEB / "editor", WEB / "static"
SOURCES = ("index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json", "vite.config.ts")
OMITTED = re.compile(r"\.test\.tsx?$|/fixtures/")
BUNDLE = sorted(path for path in STATIC.iterdir() if path.is_file())

FETCHED = re.compile(r"""(?:\b(?:src|href)\s*=|@import|\burl\()\s*["'`]?\s*(?:https?:)?//""", re.IGNORECASE)
"""What would have a browser ask another origin."""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stamp(editor: Path) -> str:
    """A digest of the sources, as `web/editor/scripts/stamp.ts` makes it."""
    files = [file for name in SOURCES for file in (editor / name, *(editor / name).rglob("*")) if file.is_file()]
    found = {file.relative_to(editor).as_posix(): file.read_bytes().replace(b"\r\n", b"\n") for file in files}
    lines = [f"{digest(found[path])}  {path}\n" for path in sorted(found) if not OMITTED.search(path)]
    return digest("".join(lines).encode())


class Page(HTMLParser):
    """The elements of a page, and the text in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            self.scripts += data.strip()


def test_it_is_made_of_these_sources() -> None:
    file = STATIC / "stamp.txt"
    found, here = file.read_text().strip() if file.is_file() else "nothing", stamp(EDITOR)
    if found != here:
        pytest.fail(f"web/static: expected a bundle of {here}, found one of {found}; run `make editor`", pytrace=False)


def test_a_source_is_stamped_whatever_ends_its_lines(tmp_path: Path) -> None:
    (tmp_path / "src" / "fixtures").mkdir(parents=True)
    (tmp_path / "src" / "a.ts").write_bytes(b"one\ntwo\n")
    first = stamp(tmp_path)
    (tmp_path / "src" / "a.ts").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "src" / "a.test.ts").write_bytes(b"a test")
    (tmp_path / "src" / "fixtures" / "a.json").write_bytes(b"{}")
    (tmp_path / "notes.md").write_bytes(b"no source")
    assert stamp(tmp_path) == first
    (tmp_path / "src" / "b.ts").write_bytes(b"")
    assert stamp(tmp_path) != first


def test_it_is_small() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), mtime=0)) for path in BUNDLE}
    assert sum(sizes.values()) <= 250_000, sizes


def test_the_server_can_serve_all_of_it() -> None:
    assert [path for path in STATIC.rglob("*") if path.is_dir()] == []  # /static/{name} knows no folders


@pytest.mark.parametrize("path", BUNDLE, ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    assert FETCHED.findall(path.read_text(encoding="utf-8")) == []


def test_what_would_be_fetched_from_elsewhere_is_seen() -> None:
    for text in ('<script src="https://a.b/c">', "href = '//a.b'", '@import "http://a.b"', "url( https://a.b/c.woff)"):
        assert FETCHED.search(text), text
    for text in ('href="/static/icon.svg"', '{href:"https://a.b"}', "xmlns='http://www.w3.org/2000/svg'", "url(#a)"):
        assert not FETCHED.search(text), text


def test_the_page_has_nothing_inline() -> None:
    page = Page((STATIC / "index.html").read_text(encoding="utf-8"))
    assert page.scripts == ""
    for tag, attributes in page.elements:
        assert tag != "style" and "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        for name in attributes.keys() & {"src", "href"}:
            assert (attributes[name] or "").startswith(("/static/", "/api/", "/metrics")), attributes
        assert tag != "script" or attributes.get("src"), "an inline script"
