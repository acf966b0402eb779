"""The player, in a real browser: what can be seen, clicked and heard, and what must never move."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from drawn import labelled_fan_out, labelled_log

from microgrunderscore import ops
from microgrunderscore.engine import Value, dot
from microgrunderscore.nn import MLP
from microgrunderscore.pictures.display import page as whole_page
from microgrunderscore.pictures.player import Player, play

if TYPE_CHECKING:
    from browser import Browser

HOST = "[data-player]"


def selection() -> Value:
    x, y = Value(0.5, "x"), Value(-4.2, "y")
    return ops.maximum(x * 2.0, ops.relu(y) * x) / (-3.0)


def many_operands() -> Value:
    ws = [Value(0.25 * i - 1.0, f"w{i}") for i in range(1, 5)]
    return dot(ws, [Value(1e-7 * 10**i, f"x{i}") for i in range(1, 5)], Value(0.5, "b"))


def network() -> Player:
    model = MLP(2, [3, 2, 1], seed=6)
    return play((model([1.0, 2.0]) - 1.0) ** 2, model=model)


PLAYERS: dict[str, Callable[[], Player]] = {
    "log": lambda: play(labelled_log()),
    "fan-out": lambda: play(labelled_fan_out()),
    "broken": lambda: play(labelled_fan_out(), break_it="="),
    "selection": lambda: play(selection()),
    "dot": lambda: play(many_operands()),
    "leaf": lambda: play(Value(3.0, "x")),
}
every_player = pytest.mark.parametrize("name", PLAYERS)
both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


# ---- what the page shows, and what it should show ------------------------------------------------

STATE = """
(host) => {
  const all = (selector) => [...host.shadowRoot.querySelectorAll(selector)];
  const texts = (elements) => [...elements].map((e) => e.textContent);
  const isSeen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const seen = (name) => all(`[data-${name}]`).filter(isSeen).map((e) => Number(e.dataset[name]));
  const numbered = (name, elements, key) => Object.fromEntries(
    elements.map((e) => [e.dataset[key], texts(e.querySelectorAll(name))]));
  const slider = all("input[type=range]")[0];
  return {
    tape: numbered("td", all("[data-row]"), "row"),
    cards: numbered(".number.end", all("[data-node]"), "node"),
    marked: all("tr.on").map((e) => Number(e.dataset.row)),
    lit: all("[data-node].on").map((e) => Number(e.dataset.node)),
    arrows: all("[data-edge].on").map((e) => Number(e.dataset.edge)),
    slopes: seen("slope"),
    messages: Object.fromEntries(
      all("[data-message]").filter(isSeen).map((e) => [e.dataset.message, e.textContent])),
    sentences: texts(all(".step").filter(isSeen).map((e) => e.querySelector("p"))),
    heard: all("[role=status]").at(-1).textContent,
    count: all(".count")[0].textContent,
    slider: [slider.value, slider.getAttribute("aria-valuetext")],
    pass: all(".pass")[0].textContent,
  };
}
"""


def expected(player: Player, n: int) -> dict[str, Any]:
    """What the page should show after step n, by the steps of Python."""
    step, so_far, graph = player.steps[n], player.steps[: n + 1], player.graph
    values = [i for i in graph.nodes if i.kind != "constant"]
    rows = {str(i.index): ["", "", ""] for i in values}
    for row in (row for s in so_far for row in s.rows):
        rows[str(row.node)] = [row.value, row.gradient, row.products]
    cards: dict[str, list[str]] = {str(i.index): [] for i in graph.nodes}
    cards |= {i: [value or "·", gradient or "·"] for i, (value, gradient, _) in rows.items()}
    computed = {i for s in so_far if s.phase == "forward" for i in s.nodes}
    said = f"{step.title}, step {n + 1} of {len(player.steps)}. {step}"
    return {
        "tape": rows,
        "cards": cards,
        "marked": sorted(row.node for row in step.rows),
        "lit": sorted(step.nodes),
        "arrows": sorted(step.edges),
        "slopes": [
            e.index
            for e in graph.edges
            if e.target in computed and graph.nodes[e.source].kind != "constant"
        ],
        "messages": {str(s.message.edge): s.message.text for s in so_far if s.message},
        "sentences": [step.sentence],
        "heard": said,
        "count": f"{n + 1} / {len(player.steps)}",
        "slider": [str(n), said],
        "pass": step.title,
    }


def state(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.locator(HOST).evaluate(STATE)
    return found


def goto(page: Any, n: int) -> None:
    page.locator(HOST).evaluate("(host, n) => host.goto(n)", n)


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name)


def press(page: Any, name: str) -> None:
    button(page, name).dispatch_event("click")  # also one that says it is disabled


# ---- every step ----------------------------------------------------------------------------------


@every_player
def test_every_step_shows_what_python_computed(name: str, open_page: Browser, look: Any) -> None:
    player = PLAYERS[name]()
    page = open_page(player.html)
    steps = [*range(len(player.steps)), 0, len(player.steps) - 1, 1]  # and back again
    for n, found in zip(steps, look(page, HOST, STATE, steps), strict=True):
        assert found == expected(player, n)
    steps = page.locator(HOST).evaluate("host => host.steps.map((step) => step.equation)")
    assert steps == [step.equation.text for step in player.steps]


BOX = "((e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"


def test_the_graph_of_a_network_scrolls_along(open_page: Browser, look: Any) -> None:
    player = network()
    page = open_page(player.html)
    function = f"""(host) => [({STATE})(host), {BOX}(host.shadowRoot.querySelector(".graph")),
      [...host.shadowRoot.querySelectorAll(".card")].map({BOX})]"""
    steps = [n for n, step in enumerate(player.steps) if len(step.nodes) < 3]
    for n, found in zip(steps, look(page, HOST, function, steps), strict=True):
        shown, frame, cards = found
        assert shown == expected(player, n)
        left, top, right, bottom = cards[player.steps[n].nodes[-1]]
        assert frame[0] <= left < right <= frame[2]
        assert frame[1] <= top < bottom <= frame[3]
    assert len(steps) > 30
    assert page.evaluate("[scrollX, scrollY]") == [0, 0]  # the box scrolls, the page does not


@pytest.mark.parametrize(("start", "shown"), [(3, 3), (-1, 7)])
def test_start(start: int, shown: int, open_page: Browser) -> None:
    player = play(labelled_log(), start=start)
    assert state(open_page(player.html)) == expected(player, shown)


# ---- controls ------------------------------------------------------------------------------------


def test_buttons(open_page: Browser) -> None:
    player = PLAYERS["log"]()
    page = open_page(player.html)
    last = len(player.steps) - 1
    for name, n in [
        *[("Next", i) for i in range(1, last + 1)],
        *[("Next", last), ("Last step", last), ("Back", last - 1), ("Back", last - 2)],
        *[("First step", 0), ("Back", 0), ("First step", 0), ("Last step", last)],
    ]:
        press(page, name)
        assert state(page) == expected(player, n)
    for n, off in [(0, {"First step", "Back"}), (3, set()), (last, {"Next", "Last step"})]:
        goto(page, n)
        for name in ("First step", "Back", "Next", "Last step"):
            assert button(page, name).get_attribute("aria-disabled") == str(name in off).lower()


def test_keys_alone(open_page: Browser) -> None:
    player = PLAYERS["fan-out"]()
    page = open_page(player.html)
    last = len(player.steps) - 1
    page.keyboard.press("Tab")
    for key, n in [
        *[("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last)],
        *[("ArrowRight", last), ("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1)],
        ("Control+ArrowRight", 1),  # is the browser's own
    ]:
        page.keyboard.press(key)
        assert state(page) == expected(player, n)
    page.get_by_role("slider").focus()
    for key, n in [("ArrowRight", 2), ("End", last), ("Home", 0), ("ArrowUp", 1)]:
        page.keyboard.press(key)
        assert state(page) == expected(player, n)
    button(page, "Next").focus()
    for key, n in [("Space", 2), *[("Enter", min(i, last)) for i in range(3, last + 2)]]:
        page.keyboard.press(key)
        assert state(page)["count"] == expected(player, n)["count"]
    focused = page.locator(HOST).evaluate("host => host.shadowRoot.activeElement.dataset.does")
    assert focused == "next"  # a button that has nothing more to do keeps the focus


def test_keys_do_not_reach_the_notebook_around(open_page: Browser) -> None:
    page = open_page(PLAYERS["log"]().html)
    page.evaluate("heard = []; document.addEventListener('keydown', (e) => heard.push(e.key))")
    page.locator(f"{HOST} .player").focus()
    for key in ("ArrowRight", "ArrowLeft", "Home", "End", "Space", "Space", "a", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("heard") == ["a", "Shift", "ArrowLeft"]
    assert page.locator(HOST).get_attribute("data-lm-suppress-shortcuts") == "true"


def test_slider(open_page: Browser) -> None:
    player = PLAYERS["log"]()
    page = open_page(player.html)
    slider = page.get_by_role("slider")
    box = slider.bounding_box()
    for n in (5, 2, 7, 0):
        share = n / (len(player.steps) - 1)
        x = 10 + share * (box["width"] - 20)  # there the middle of the thumb will be
        slider.click(position={"x": x, "y": box["height"] / 2})
        assert state(page) == expected(player, n)


def test_the_slider_turns_from_blue_to_orange_where_the_passes_do(open_page: Browser) -> None:
    player = PLAYERS["fan-out"]()
    page = open_page(player.html)
    style = "e => getComputedStyle(e).getPropertyValue('--turn')"
    turn = float(page.locator(f"{HOST} .player").evaluate(style))
    for n, step in enumerate(player.steps):
        assert (n / (len(player.steps) - 1) < turn) == step.is_forward


def test_a_click_on_a_card_an_arrow_or_a_row_jumps(open_page: Browser) -> None:
    player = PLAYERS["fan-out"]()
    page = open_page(player.html)
    x, y, a, b, z = (n.index for n in player.graph.nodes)
    slope = player.graph.incoming[a][0].index  # ∂a/∂x
    card, pill, row = "[data-node='{}'] .card", "[data-slope='{}'] rect", "[data-row='{}'] th"
    for where, n in [
        *[(card.format(z), 3), (card.format(a), 1), (card.format(b), 2), (card.format(x), 0)],
        *[(card.format(z), 3), (card.format(z), 4), (card.format(x), 8), (card.format(y), 9)],
        *[(card.format(b), 6), (card.format(b), 2)],  # to its other step, from the one it has
        *[(pill.format(slope), 8), (row.format(y), 9)],
    ]:
        page.locator(f"{HOST} {where}").dispatch_event("click")
        assert state(page) == expected(player, n), where
    page.locator(f"{HOST} [data-node='{a}'] .card").click()  # nothing lies above it
    assert state(page) == expected(player, 5)
    goto(page, 0)
    page.locator(f"{HOST} [data-node='{z}']").focus()
    page.keyboard.press("Enter")
    assert state(page) == expected(player, 3)
    assert page.get_by_role("link").count() == 5


def test_playing(open_page: Browser) -> None:
    player = play(labelled_log(), seconds=0.4)
    page = open_page(player.html)
    status, count = page.locator(f"{HOST} [role=status]"), page.locator(f"{HOST} .count")
    page.locator(f"{HOST} .player").focus()
    page.keyboard.press("Space")
    assert button(page, "Pause").is_visible()
    assert status.get_attribute("aria-live") == "off"  # nobody can listen that fast
    page.wait_for_function("e => e.textContent !== '1 / 8'", arg=count.element_handle())
    page.keyboard.press("Space")
    n = int(state(page)["slider"][0])
    page.wait_for_timeout(500)
    assert state(page) == expected(player, n)  # it stands
    goto(page, 6)
    press(page, "Play")
    button(page, "Play").wait_for()  # it stops at the end by itself
    assert state(page) == expected(player, 7)
    press(page, "Play")  # once more, from the beginning
    assert state(page) == expected(player, 0)
    press(page, "Next")  # a step by hand stops it
    assert button(page, "Play").is_visible()
    assert status.get_attribute("aria-live") == "polite"


def test_several_players_on_one_page(open_page: Browser) -> None:
    first, second = PLAYERS["log"](), PLAYERS["fan-out"]()
    fragments = f"{first.fragment}<hr>{second.fragment}<p>{first.fragment}"
    page = open_page(whole_page("Three", fragments))
    hosts = page.locator(HOST)
    wanted = [(0, first, 5), (1, second, 8), (2, first, 2)]
    for i, _, n in wanted:
        hosts.nth(i).evaluate("(host, n) => host.goto(n)", n)
    for i, player, n in wanted:
        assert hosts.nth(i).evaluate(STATE) == expected(player, n)
    ids = "document.querySelectorAll('[id]').length"
    assert page.evaluate(ids) == 0


@pytest.mark.parametrize(
    "moves",
    [
        # VS Code runs the scripts at another place, after the HTML is in the page.
        "document.body.append(output); output.appendChild(script).remove()",
        # JupyterLab puts copies in their place, before the HTML is in the page.
        "old.replaceWith(script); document.body.append(output)",
    ],
)
def test_a_notebook_may_move_the_script(moves: str, open_page: Browser) -> None:
    player = PLAYERS["log"]()
    page = open_page("<!doctype html><body>")
    page.evaluate(
        """(html) => {
          const output = document.createElement("div"), script = document.createElement("script");
          output.innerHTML = html;
          const old = output.querySelector("script:not([type])");
          script.text = old.text;
          MOVES;
        }""".replace("MOVES", moves),
        player.fragment,
    )
    assert state(page) == expected(player, 0)


# ---- looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PLAYERS, "quiz"])
def test_every_text_is_readable_and_lies_open(name: str, open_page: Browser, look: Any) -> None:
    player = play(labelled_fan_out(), quiz=True) if name == "quiz" else PLAYERS[name]()
    # So large that nothing has to be scrolled to; and as old pages are, without a doctype.
    page = open_page(player.fragment, width=2000, height=2600)
    page.locator(HOST).evaluate(
        """host => [".player", ".graph", ".tape"].map((name) => host.shadowRoot.querySelector(name))
          .forEach((e) => Object.assign(e.style, { maxWidth: "none", maxHeight: "none" }))"""
    )
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.locator(f"{HOST} .player[data-theme='{theme}']").wait_for()
        for n, found in enumerate(look(page, HOST, steps=range(len(player.steps)))):
            assert len(found) > 25
            for text in found:
                assert text["contrast"] >= 4.5, (theme, n, text)
                assert text["size"] >= 11, (theme, n, text)
                assert text["open"], (theme, n, text)


FRAMES = f"""
(host) => {{
  const graph = host.shadowRoot.querySelector(".graph svg");
  const isSeen = (e) => e.checkVisibility({{ opacityProperty: true, visibilityProperty: true }});
  return [...graph.querySelectorAll("[data-node], [data-slope], [data-message]")].filter(isSeen)
    .map((group) => ({{
      frame: {BOX}(group.querySelector(".card, rect")),
      texts: [...group.querySelectorAll("text:not(.badge)")].map({BOX}),
    }}));
}}
"""


def overlapping(boxes: list[list[float]], slack: float) -> Iterator[tuple[Any, Any]]:
    """The pairs of boxes that share more than so many px in both directions."""
    for a, b in itertools.combinations(boxes, 2):
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        if width > slack and height > slack:
            yield a, b


@every_player
def test_nothing_overlaps_and_nothing_is_cut_off(name: str, open_page: Browser, look: Any) -> None:
    player = PLAYERS[name]()
    page = open_page(player.html)
    for groups in look(page, HOST, FRAMES, range(len(player.steps))):
        assert not list(overlapping([group["frame"] for group in groups], 0.5))
        for group in groups:
            assert not list(overlapping(group["texts"], 3.0))  # boxes of text reach into each other
            left, _, right, _ = group["frame"]
            assert all(left + 3 <= t[0] and t[2] <= right - 3 for t in group["texts"])


PLACES = f"""
(host) => [host, ...host.shadowRoot.querySelectorAll(
  "button, input, .count, .graph, .tape, .panel, .caption, .keys, .head"
)].flatMap({BOX}).concat([...host.shadowRoot.querySelectorAll(".graph, .tape")]
  .flatMap((e) => [e.scrollWidth, e.scrollHeight]))
"""


@pytest.mark.parametrize("name", [*PLAYERS, "quiz", "network"])
def test_nothing_ever_moves(name: str, open_page: Browser, look: Any) -> None:
    makers = {**PLAYERS, "quiz": lambda: play(labelled_fan_out(), quiz=True), "network": network}
    player = makers[name]()
    page = open_page(player.html)
    for width in (1200, 400):
        page.set_viewport_size({"width": width, "height": 700})
        first, *others = look(page, HOST, PLACES, range(len(player.steps)))
        assert all(places == first for places in others)
        assert page.evaluate("document.documentElement.scrollWidth") <= width  # boxes scroll inside


def test_a_wide_graph_can_be_seen_whole(open_page: Browser) -> None:
    page = open_page(network().html)
    box = page.locator(f"{HOST} .graph")
    is_wide = "e => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight"
    whole = button(page, "Whole graph")
    whole.wait_for()
    for pressed in ("true", "false"):
        assert box.evaluate(is_wide) is (pressed == "true")
        whole.click()
        assert whole.get_attribute("aria-pressed") == pressed
    for name in PLAYERS:
        page = open_page(PLAYERS[name]().html)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        is_cut = page.locator(f"{HOST} .graph").evaluate(is_wide)
        is_fitted = page.locator(f"{HOST} .player.fitted").count() == 1
        assert button(page, "Whole graph").is_visible() is (is_cut or is_fitted)


def test_a_graph_that_is_a_little_too_wide_is_made_to_fit(open_page: Browser) -> None:
    page = open_page(PLAYERS["log"]().html, width=860)
    whole = button(page, "Whole graph")
    whole.wait_for()
    assert whole.get_attribute("aria-pressed") == "true"
    assert page.locator(f"{HOST} .graph").evaluate("e => e.scrollWidth <= e.clientWidth")
    whole.click()  # the reader wants it otherwise, and it stays so
    page.set_viewport_size({"width": 840, "height": 700})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert whole.get_attribute("aria-pressed") == "false"


def test_tooltips_have_all_digits_but_tell_nothing_too_early(open_page: Browser) -> None:
    page = open_page(PLAYERS["fan-out"]().html)
    for n, text in [
        (0, "x; value 0.5"),
        (7, "x; value 0.5"),  # a part of a sum is no gradient
        (8, "x; value 0.5; ∂z/∂x 5.077582561890373"),
    ]:
        goto(page, n)
        assert page.locator(f"{HOST} [data-node='0'] > title").text_content() == text
        assert page.locator(f"{HOST} [data-node='0']").get_attribute("aria-label") == text


def test_motion_only_for_those_who_did_not_ask_for_less(open_page: Browser) -> None:
    moving = "host => host.shadowRoot.querySelector('.on .edge').getAnimations().length"
    for calm in (True, False):
        page = open_page(PLAYERS["log"]().html, calm=calm)
        goto(page, 5)
        assert (page.locator(HOST).evaluate(moving) > 0) is not calm


# ---- light and dark ------------------------------------------------------------------------------

# What a page says of itself: attributes of <html> and of <body>, and which theme follows from it.
PAGES: list[tuple[dict[str, str], dict[str, str], str | None]] = [
    ({}, {}, None),
    ({}, {"data-jp-theme-light": "false", "data-jp-theme-name": "JupyterLab Dark"}, "dark"),
    ({}, {"data-jp-theme-light": "true"}, "light"),
    ({}, {"class": "vscode-dark", "data-vscode-theme-kind": "vscode-dark"}, "dark"),
    ({}, {"class": "vscode-high-contrast"}, "dark"),
    ({}, {"class": "vscode-high-contrast-light vscode-high-contrast"}, "light"),
    ({}, {"class": "vscode-light"}, "light"),
    ({}, {"data-md-color-scheme": "slate"}, "dark"),
    ({}, {"data-md-color-scheme": "default"}, "light"),
    ({}, {"data-theme": "dark"}, "dark"),
    ({}, {"data-theme": "light"}, "light"),
    ({}, {"data-theme": "auto"}, None),
    ({"data-theme": "dark", "data-mode": "auto"}, {}, "dark"),
    ({"data-theme": "light"}, {}, "light"),
    ({"theme": "dark"}, {}, "dark"),
    ({"data-bs-theme": "light"}, {}, "light"),
]


@both_themes
def test_the_theme_is_that_of_the_page_or_of_the_system(dark: bool, open_page: Browser) -> None:
    page = open_page(f"<!doctype html><body>{PLAYERS['leaf']().fragment}", dark=dark)
    for html, body, named in PAGES:
        page.evaluate(  # as a toggle does
            """(all) => [document.documentElement, document.body].forEach((element, i) => {
              for (const a of [...element.attributes]) element.removeAttribute(a.name);
              for (const [name, value] of Object.entries(all[i])) element.setAttribute(name, value);
            })""",
            [html, body],
        )
        theme = page.locator(f"{HOST} .player").get_attribute("data-theme")
        assert theme == (named or ("dark" if dark else "light")), (html, body)


def test_a_system_that_changes_its_mind_is_followed(open_page: Browser) -> None:
    page = open_page(PLAYERS["leaf"]().html)
    grounds = []
    for scheme in ("dark", "light", "dark"):
        page.emulate_media(color_scheme=scheme)
        player = page.locator(f"{HOST} .player[data-theme='{scheme}']")
        grounds.append(player.evaluate("e => getComputedStyle(e).backgroundColor"))
    assert grounds[0] == grounds[2] != grounds[1]


@both_themes
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_that_was_asked_for_stays(theme: str, dark: bool, open_page: Browser) -> None:
    page = open_page(play(labelled_log(), theme=theme).html, dark=dark)
    page.locator("body").evaluate("e => e.setAttribute('data-theme', 'auto')")
    assert page.locator(f"{HOST} .player").get_attribute("data-theme") == theme


# ---- without scripts, and with few rights --------------------------------------------------------


def test_without_scripts_the_picture_and_all_steps_are_to_be_seen(open_page: Browser) -> None:
    player = PLAYERS["fan-out"]()
    page = open_page(player.html, scripts=False)
    box = page.locator("img").bounding_box()
    assert box["width"] > 600
    assert box["height"] > 150
    assert page.locator("img").evaluate("image => image.naturalWidth") > 600  # it could be read
    items = page.locator("li:visible").all_text_contents()
    assert items == [f"{step.title}: {step}" for step in player.steps]


def test_a_policy_that_allows_nothing_but_the_script_is_met(open_page: Browser) -> None:
    policy = "default-src 'none'; script-src 'unsafe-inline'; img-src data:"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    player = PLAYERS["log"]()
    fragment = re.sub(' style="[^"]*"', "", player.fragment, count=2)  # of the fallback
    page = open_page(f"<!doctype html><html><head>{head}</head><body>{fragment}")
    assert state(page) == expected(player, 0)
    card = page.locator(f"{HOST} [data-node='0'] .card")
    assert card.evaluate("e => getComputedStyle(e).strokeWidth") == "3px"


def test_hostile_labels_stay_text(open_page: Browser) -> None:
    labels = [
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
        "<!--<script>",
        "\"'><svg onload=alert(3)>",
        "]]></style>",
        "&lt;b&gt; \\u003c/script>",
    ]
    xs = [Value(float(i + 1), label) for i, label in enumerate(labels)]
    player = play(ops.sum_of(*xs) * xs[0], title="</title><script>alert(4)</script>")
    page = open_page(player.html)
    for n in range(len(player.steps)):
        goto(page, n)
        assert state(page) == expected(player, n)
    count = "host => host.shadowRoot.querySelectorAll('script, img, [onload], [onerror]').length"
    assert page.locator(HOST).evaluate(count) == 0
    assert page.evaluate("document.scripts.length") == 2


# ---- the quiz ------------------------------------------------------------------------------------


def test_the_quiz_asks_before_it_shows(open_page: Browser) -> None:
    player = play(labelled_fan_out(), quiz=True)
    page = open_page(player.html)
    verdict, field = page.locator(f"{HOST} output"), page.get_by_label("Your number")
    button(page, "Next").click()
    shown = state(page)
    assert shown["heard"].endswith("a = x · y = 0.5 × 4.2 = ?")
    assert shown["tape"]["2"] == ["", "", ""]
    assert shown["slopes"] == []
    assert verdict.text_content() == "Which number comes out?"
    for typed, said in [
        ("two", "Type a number, such as 0.25 or 1/4."),
        ("", "Type a number, such as 0.25 or 1/4."),
        ("2.2", "Not quite: put the numbers into the formula."),
        ("2.0789", "Not quite: put the numbers into the formula."),
        ("2.0791", "Right."),  # less than 1 % off
    ]:
        field.fill(typed)
        page.keyboard.press("Enter")
        assert verdict.text_content() == said
    assert state(page) == expected(player, 1)
    page.keyboard.press("Enter")  # on Next, which has the focus now
    page.keyboard.type("48/100")  # in the field, which has it again
    page.keyboard.press("Enter")
    assert state(page) == expected(player, 2)
    page.keyboard.press("ArrowRight")
    button(page, "Show it").click()
    assert state(page) == expected(player, 3)
    goto(page, 4)
    assert state(page) == expected(player, 4)  # the seed is not asked for
    goto(page, 8)
    assert state(page)["tape"]["0"] == ["0.5", "0.8776 …", "1 × 0.8776"]
    field.fill("−4")
    page.keyboard.press("Enter")
    assert verdict.text_content() == "Not quite: multiply what arrives by the local slope."
    field.fill("42×10^-1")
    page.keyboard.press("Enter")
    assert state(page) == expected(player, 8)
    goto(page, 10)
    assert verdict.text_content() == "1 of 8 right at the first try."


def test_a_tall_graph_is_not_shrunk_until_nobody_can_read_it(open_page: Browser) -> None:
    xs = [Value(0.5 * k, f"x{k}") for k in range(14)]
    page = open_page(play(ops.sum_of([x * x for x in xs])).html, width=1280)
    whole = button(page, "Whole graph")
    whole.wait_for()
    assert whole.get_attribute("aria-pressed") != "true"


def test_a_graph_that_fits_grows_no_further(open_page: Browser) -> None:
    page = open_page(PLAYERS["log"]().html, width=860)
    button(page, "Whole graph").wait_for()
    page.set_viewport_size({"width": 1600, "height": 900})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    drawn = page.locator(f"{HOST} .graph svg")
    assert drawn.evaluate("e => e.clientWidth <= e.viewBox.baseVal.width + 1")
