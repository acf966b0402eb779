"""The documentation site, page by page, as a reader's browser meets it.

SITE names the folder that `python docs/build.py` has built; without it there is nothing to look at.
The pages are served from that folder by the test itself: what they ask of any other host fails it.
"""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser

HOST = "http://site.test/"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SITE = Path(os.environ.get("SITE", ""))
FOUND = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html")) if SITE.name else []
PAGES = [name for name in FOUND if name != "index.html"]  # which only leads to the first one

pytestmark = pytest.mark.skipif(not SITE.name, reason="SITE does not name a built site")


class Reader:
    """A page of Chromium that sees the site alone, and what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.set_default_timeout(20_000)
        page.route("**/*", self._serve)
        page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))

    def open(self, name: str, scheme: str) -> Any:
        """The page, loaded, for a reader whose system is light or dark."""
        self.wrong.clear()
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.goto(HOST + name, wait_until="load")
        return self.page

    def _serve(self, route: Any) -> None:
        url = route.request.url
        if url.startswith(("data:", "blob:")):
            route.continue_()
            return
        file = SITE / url.removeprefix(HOST).split("?")[0].split("#")[0]
        if url.startswith(HOST) and file.is_file():
            kind = mimetypes.guess_type(file.name)[0] or "text/plain"
            route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            self.wrong.append(f"asked for {url}")
            route.abort()


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Iterator[Reader]:
    """One page of Chromium for all pages of the site."""
    page = browser.chromium.new_page(viewport=WIDE)
    yield Reader(page)
    page.close()


def test_there_are_pages() -> None:
    assert len(PAGES) > 40
    assert "index.html" in FOUND


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page(reader: Reader, name: str, scheme: str) -> None:
    """No complaint, no request to another host, no broken formula or picture; also on a phone."""
    page = reader.open(name, scheme)
    page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.document")
    page.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise")
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    unset = page.locator(".math.notranslate:not(:has(mjx-container))")
    assert unset.count() == 0, unset.first.inner_text()
    pictures = "[...document.images].filter((i) => !i.naturalWidth).map((i) => i.src.slice(0, 99))"
    assert page.evaluate(pictures) == []
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), size
    assert reader.wrong == []


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_lead_somewhere(reader: Reader, name: str) -> None:
    """To a page of the site, and to a place on it; other hosts are only linked to, never asked."""
    page = reader.open(name, "light")
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href)")
    places: dict[str, list[str]] = {}
    for link in links:
        if link.startswith(HOST):
            target, _, place = link.removeprefix(HOST).partition("#")
            places.setdefault(target.split("?")[0], []).append(place)
    for target, wanted in places.items():
        assert (SITE / target).is_file(), f"{name} links to {target}"
        text = (SITE / target).read_text("utf-8") if target.endswith(".html") else ""
        for place in filter(None, wanted):
            assert f'id="{place}"' in text, f"{name} links to {target}#{place}"


def test_the_first_page_plays(reader: Reader) -> None:
    """The site's own address leads to it, and the keys step through log(xy)."""
    page = reader.open("index.html", "light")
    page.wait_for_url("**/docs/index.html")
    player = page.locator("[data-player] .player")
    player.focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    assert "8 / 8" in player.inner_text()
    assert "0.3333" in player.inner_text()
    assert reader.wrong == []


BRIGHTNESS = """async (png) => {
  const picture = new Image();
  picture.src = `data:image/png;base64,${png}`;
  await picture.decode();
  const drawing = document.createElement("canvas").getContext("2d");
  drawing.drawImage(picture, 0, 0);
  return Math.max(...drawing.getImageData(4, 4, 1, 1).data.slice(0, 3)) / 255;
}"""


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_of_the_site_reaches_players_and_pictures(reader: Reader, system: str) -> None:
    """What the reader chooses on the page counts, whatever the system says."""
    page = reader.open("docs/how-to/draw.html", system)
    for theme in ("dark", "light", "dark"):
        page.evaluate("(theme) => { document.body.dataset.theme = theme; }", theme)
        page.locator(f"[data-player] .player[data-theme='{theme}']").wait_for()
        picture = base64.b64encode(page.locator("img").first.screenshot()).decode()
        assert (page.evaluate(BRIGHTNESS, picture) > 0.5) == (theme == "light")
