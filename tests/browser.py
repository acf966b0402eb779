"""A headless browser for tests of pages: content is shown from memory, and nothing can be reached.

conftest.py hands its fixtures to every test. Tests that use them are skipped where
playwright or Chromium is missing. When such a test ends, its pages must have asked the network for
nothing, and must have complained about nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import pytest

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


class Browser:
    """Chromium with two pages, one of which runs scripts; each shows one content after another.

    requests: what the pages asked the network for. complaints: what their consoles said.
    """

    def __init__(self, chromium: Any) -> None:
        self.chromium = chromium
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._pages: dict[bool, Any] = {}
        self._latest = ""  # content

    def __call__(
        self,
        html: str,
        *,
        dark: bool = False,
        scripts: bool = True,
        width: int = 1200,
        height: int = 1000,
        calm: bool = True,
    ) -> Any:
        """The page, with this content; what it showed before is gone.

        dark: whether the reader's system is. scripts: whether they run. calm: whether the reader
        asked for less motion, which also spares tests the waiting.
        """
        if scripts not in self._pages:
            self._pages[scripts] = self._new_page(scripts)
        page = self._pages[scripts]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if calm else "no-preference",
        )
        if "Content-Security-Policy" in self._latest:
            page.goto("about:blank")  # or the policy would stay
        page.set_content(html, wait_until="domcontentloaded")
        self._latest = html
        return page

    def _new_page(self, scripts: bool) -> Any:
        page = self.chromium.new_context(java_script_enabled=scripts).new_page()
        page.set_default_timeout(5000)
        page.route("**/*", lambda route: route.abort())
        page.on("request", self._note)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _note(self, request: Any) -> None:
        if not request.url.startswith(("data:", "blob:", "about:")):
            self.requests.append(request.url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once for all tests of a process."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright import sync_api as api
    except ImportError:
        _give_up('browser tests need playwright: pip install "microgrunderscore[browser]"')
    if executable is None:
        _give_up("browser tests need the program chromium")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield Browser(chromium)
        chromium.close()


def _give_up(why: str) -> NoReturn:
    """Skip a test, unless REQUIRE_BROWSER says that there has to be one."""
    (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(why)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Browser]:
    """`open_page(html, dark=True, scripts=False, …)` shows a page."""
    browser.requests.clear()
    browser.complaints.clear()
    yield browser
    assert browser.requests == [], "a page asked the network"
    assert browser.complaints == [], "a page complained"


# ---- what is really to be seen ------------------------------------------------------------------

# Every piece of visible text in an element, or in its shadow root: the text, its size in px, its
# contrast (of WCAG) with what is painted under its middle, and whether nothing lies above it there.
TEXTS = r"""
(host) => {
  const root = host.shadowRoot || document;
  const numbers = (list) => list.split(/[\s,\/]+/).filter(Boolean).map(Number);
  const colour = (text) => {
    const eight = text.match(/^rgba?\((.*)\)$/), one = text.match(/^color\(srgb (.*)\)$/);
    const [r, g, b, a = 1] = eight ? numbers(eight[1]) : one ? numbers(one[1]) : [0, 0, 0, 0];
    return eight ? [r / 255, g / 255, b / 255, a] : [r, g, b, a];
  };
  const remembered = (compute) => {
    const known = new Map();
    return (element) => {
      if (!known.has(element)) known.set(element, compute(element));
      return known.get(element);
    };
  };
  const opacity = remembered((element) => {
    const above = element.parentElement ? opacity(element.parentElement) : 1;
    return above * getComputedStyle(element).opacity;
  });
  const paint = remembered((element) => {
    const style = getComputedStyle(element);
    const isSvg = element instanceof SVGElement && element.localName !== "svg";
    if (isSvg && !["rect", "path", "circle"].includes(element.localName)) return [0, 0, 0, 0];
    const [r, g, b, a] = colour(isSvg ? style.fill : style.backgroundColor);
    return [r, g, b, a * (isSvg ? Number(style.fillOpacity) : 1) * opacity(element)];
  });
  const over = (top, ground) => {
    return [...[0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])), 1];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(host.shadowRoot || host, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || !element) continue;
    if (element.closest("style, script, title, desc, .heard")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = [...range.getClientRects()].find((b) => b.width > 0 && b.height > 0);
    if (!box) continue;
    const stack = root.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const place = stack.findIndex((e) => e.contains(element) || element.contains(e));
    let ground = [1, 1, 1, 1];
    for (const e of stack.slice(Math.max(place, 0)).reverse()) ground = over(paint(e), ground);
    const style = getComputedStyle(element);
    const ink = colour(element instanceof SVGElement ? style.fill : style.color);
    ink[3] *= opacity(element);
    const lights = [luminance(over(ink, ground)), luminance(ground)].sort((a, b) => a - b);
    found.push({
      text: node.data.trim(), size: parseFloat(style.fontSize), open: place >= 0,
      contrast: (lights[1] + 0.05) / (lights[0] + 0.05),
    });
  }
  return found;
}
"""


@pytest.fixture(scope="session")
def look() -> Any:
    """`look(page, selector, function, steps)`: what a JavaScript function says of an element.

    Either once, or for each of these steps, after its `goto(step)`. Without a function, every
    visible text: `text`, `size`, `contrast`, and `open`, whether nothing lies above it.
    """

    def looked(
        page: Any, selector: str, function: str = TEXTS, steps: Sequence[int] | None = None
    ) -> Any:
        element = page.locator(selector)
        if steps is None:
            return element.evaluate(function)
        every = "(host, steps) => steps.map((n) => { host.goto(n); return (%s)(host); })"
        return element.evaluate(every % function, list(steps))

    return looked
