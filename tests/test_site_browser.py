"""The documentation site, page by page, as a reader's browser meets it.

SITE names the folder that `python docs/build.py` has built; without it there is nothing to look at.
The pages are served from that folder by the test itself: what they ask of any other host fails it.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser

import microgrunderscore

HOST = "http://site.test/"
WIDTHS = (390, 800, 1024, 1366, 1280)  # px
SITE = Path(os.environ.get("SITE", "nowhere"))
FOUND = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
PAGES = [name for name in FOUND if name != "index.html"]  # which only leads to the first one

pytestmark = pytest.mark.skipif("SITE" not in os.environ, reason="SITE does not name a built site")


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
        self.page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
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


# Whether neither the page nor its text is wider than what is seen of it.
IS_WHOLE = """() => [document.documentElement, document.querySelector(".content")].every(
  (part) => part.scrollWidth <= Math.min(part.clientWidth, window.innerWidth) + 1)
  && document.querySelector(".content").getBoundingClientRect().right <= window.innerWidth + 1"""


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Iterator[Reader]:
    """One page of Chromium for all pages of the site."""
    page = browser.chromium.new_page()
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
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(IS_WHOLE), f"cut off at {width} px"
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


def test_every_public_name_is_in_the_reference() -> None:
    pages = [(SITE / name).read_text("utf-8") for name in PAGES if "/reference/" in name]
    text = re.sub(r"<[^>]*>", "", " ".join(pages))
    modules = {"charts", "datasets", "losses", "nn", "ops", "optim", "store", "builds"}
    names = set(microgrunderscore.__all__) - modules - {"__version__"}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("name", [name for name in PAGES if "/reference/" in name])
def test_the_markup_of_docstrings_is_understood(name: str) -> None:
    page = (SITE / name).read_text("utf-8")
    prose = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", page, flags=re.S)
    assert "`" not in re.sub(r"<[^>]*>", "", prose)
    assert not re.findall(r"<strong>\w+</strong> \([^)]*,\)", page)  # several names as one
    assert r"\|" not in page


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
