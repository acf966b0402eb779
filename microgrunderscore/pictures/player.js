// The player of backpropagation. Python has computed every step; here they are only shown, one
// after another. Nothing is computed, nothing is loaded, and without scripts the picture and the
// list of steps that stand in the page remain.
"use strict";

// ---- one player ----

// The picture stands in the page as an image, for readers without scripts: take it from there.
// What is in an image cannot be changed, and brings its own colours.
function pictureIn(image) {
  const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (c) => c.charCodeAt(0));
  const text = new TextDecoder().decode(bytes).replace(/<style>.*<\/style>/, "");
  const picture = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  picture.querySelector("title").remove();
  picture.setAttribute("role", "group");
  return document.importNode(picture, true);
}

function start(host) {
  const data = JSON.parse(host.querySelector('script[type="application/json"]').textContent);
  const { steps, details } = data;
  const last = steps.length - 1;

  // A shadow root hides what stands outside it, and keeps our styles and those of the page apart.
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = data.view;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(data.style);
  root.adoptedStyleSheets = [sheet];

  const picture = pictureIn(host.querySelector("img"));
  root.querySelector(".graph").append(picture);

  const one = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const player = one(".player");
  const slider = one("input[type=range]");
  const status = one("[role=status]");
  const panels = all(".step");
  // What is said of a step stands in the list for readers without scripts.
  host.querySelectorAll("li").forEach((item, n) => {
    const [equation, sentence] = item.querySelectorAll("span");
    steps[n].equation = equation.textContent;
    steps[n].sentence = panels[n].querySelector("p").textContent = sentence.textContent;
  });
  const does = Object.fromEntries(all("button[data-does]").map((b) => [b.dataset.does, b]));
  // Lists by number: cards[3] is the card of node 3.
  const numbered = (name, key) => {
    const found = [];
    for (const element of all(`[data-${name}]`)) found[element.dataset[key || name]] = element;
    return found;
  };
  const cards = numbered("node");
  const arrows = numbered("edge");
  const slopes = numbered("slope");
  const messages = numbered("message");
  const rows = numbered("row");

  let now = 0;
  let timer = null;
  const quiz = data.quiz ? startQuiz(root, steps, () => now, () => show()) : null;

  // What is known after a step: everything that this step and those before it have brought.
  function knownAfter(n) {
    const known = { rows: {}, slopes: new Set(), messages: new Set() };
    for (const step of steps.slice(0, n + 1)) {
      Object.assign(known.rows, step.rows);
      for (const edge of step.edges) known[step.pass === "forward" ? "slopes" : "messages"].add(edge);
    }
    return known;
  }

  function showCard(card, node, row, isOn) {
    const [value, gradient] = row || ["", ""];
    card.classList.toggle("on", isOn);
    card.classList.toggle("known", value !== "");
    card.classList.toggle("reached", gradient !== "");
    card.classList.toggle("wrong", gradient.endsWith("✗"));
    const numbers = card.querySelectorAll(".number.end");
    if (numbers.length) {
      numbers[0].textContent = value || "·";
      numbers[1].textContent = gradient || "·";
    }
    // The tooltip has all digits, but nothing that is still to come.
    const isComplete = gradient !== "" && !gradient.includes("…");
    const [name, valueInFull, gradientInFull] = details[node];
    const said = [name];
    if (value !== "") said.push(valueInFull);
    if (isComplete) said.push(gradientInFull);
    card.firstElementChild.textContent = said.join("; ");
    card.setAttribute("aria-label", said.join("; "));
  }

  function showRow(row, texts, isOn) {
    row.classList.toggle("on", isOn);
    texts = texts || ["", "", ""];
    row.querySelectorAll("td").forEach((cell, i) => {
      cell.textContent = texts[i];
      cell.classList.toggle("wrong", texts[i].endsWith("✗"));
    });
  }

  function goto(wanted, wantsFocus) {
    now = Math.min(Math.max(Math.round(wanted) || 0, 0), last);
    show();
    if (quiz) quiz.moved(now, wantsFocus);
  }

  function show() {
    const step = steps[now];
    const isAsked = Boolean(quiz && quiz.asks(now));
    const known = knownAfter(isAsked ? now - 1 : now);
    player.dataset.pass = step.pass;
    player.classList.toggle("asked", isAsked);
    cards.forEach((card, i) => showCard(card, i, known.rows[i], step.nodes.includes(i)));
    rows.forEach((row, i) => showRow(row, known.rows[i], i in step.rows));
    for (const [elements, visible] of [[arrows, known.slopes], [slopes, known.slopes], [messages, known.messages]]) {
      elements.forEach((element, i) => {
        element.classList.toggle("known", visible.has(i));
        element.classList.toggle("on", step.edges.includes(i));
      });
    }
    // Below a slope there is room for what flows back; until that comes, the slope stands in the middle.
    slopes.forEach((slope, i) => slope.classList.toggle("alone", Boolean(messages[i]) && !known.messages.has(i)));
    panels.forEach((panel, i) => panel.classList.toggle("on", i === now));
    one(".pass").textContent = step.title;
    one(".count").textContent = `${now + 1} / ${last + 1}`;
    slider.value = now;
    const said = isAsked ? step.equation.replace(/[^=]*$/, " ?") : `${step.equation}. ${step.sentence}`;
    status.textContent = `${step.title}, step ${now + 1} of ${last + 1}. ${said}`;
    slider.setAttribute("aria-valuetext", status.textContent);
    // Not `disabled`: that would take the focus away from whoever steps with the button.
    for (const name of ["first", "back"]) does[name].setAttribute("aria-disabled", now === 0);
    for (const name of ["next", "last"]) does[name].setAttribute("aria-disabled", now === last);
    reveal(one(".graph"), step.nodes.map((i) => cards[i]));
    reveal(one(".tape"), Object.keys(step.rows).map((i) => rows[i]));
  }

  // A graph that is wider than its box can be made to fit, at the price of small print: one that is
  // a little wider is, until the reader wants it otherwise.
  const LEAST_SCALE = 0.7;
  // px, as in player.css:
  const MOST_HEIGHT = 540;
  let isNew = true;

  function fit() {
    const isFitted = player.classList.toggle("fitted");
    does.fit.setAttribute("aria-pressed", isFitted);
    show();
  }
  does.fit.addEventListener("click", fit);
  new ResizeObserver(() => {
    const natural = picture.viewBox.baseVal;
    const room = picture.parentElement;
    const isCut = natural.width > room.clientWidth + 1 || natural.height > room.clientHeight + 1;
    player.classList.toggle("wide", isCut);
    const scale = Math.min(room.clientWidth / natural.width, MOST_HEIGHT / natural.height);
    if (isNew && isCut && scale >= LEAST_SCALE) fit();
    // It stays new while nothing is to be seen of it.
    isNew = isNew && room.clientWidth === 0;
  }).observe(one(".graph"));

  // Scroll a box, never the page, until these elements are to be seen in it. Where a gradient flows
  // farther than the box is wide, show where it arrives; of many elements, the first ones.
  function reveal(box, elements) {
    if (!elements.length || (box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight)) return;
    const frame = box.getBoundingClientRect();
    const places = elements.map((element) => element.getBoundingClientRect());
    const head = box.querySelector("thead");
    const margin = 16;
    const top = frame.top + margin + (head ? head.offsetHeight : 0);
    const by = (side, otherSide, from, to) => {
      let low = Math.min(...places.map((p) => p[side]));
      let high = Math.max(...places.map((p) => p[otherSide]));
      if (high - low > to - from && places.length === 2) {
        [low, high] = [places[1][side], places[1][otherSide]];
      }
      if (low < from || high - low > to - from) return low - from;
      return high > to ? high - to : 0;
    };
    box.scrollBy({
      left: by("left", "right", frame.left + margin, frame.left + box.clientWidth - margin),
      top: by("top", "bottom", top, frame.top + box.clientHeight - margin),
      behavior: isCalm() ? "auto" : "smooth",
    });
  }

  const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // ---- playing ----

  function pause() {
    clearInterval(timer);
    timer = null;
    does.play.classList.remove("on");
    does.play.lastElementChild.textContent = "Play";
    status.setAttribute("aria-live", "polite");
  }

  function play() {
    if (timer !== null) return pause();
    if (now === last) goto(0);
    does.play.classList.add("on");
    does.play.lastElementChild.textContent = "Pause";
    // Nobody can listen that fast.
    status.setAttribute("aria-live", "off");
    timer = setInterval(() => {
      if (now < last && host.isConnected) goto(now + 1);
      if (now === last || !host.isConnected) pause();
    }, data.milliseconds);
  }

  const moves = {
    first: () => goto(0),
    back: () => goto(now - 1),
    next: (isPressed) => goto(now + 1, isPressed),
    last: () => goto(last),
  };
  for (const [name, move] of Object.entries(moves)) {
    does[name].addEventListener("click", () => { pause(); move(true); });
  }
  does.play.addEventListener("click", play);
  slider.addEventListener("input", () => { pause(); goto(Number(slider.value)); });

  // ---- jumping: a card has a step in which its value is computed, and one that completes its
  // gradient; a click goes to the one of the pass that is shown, or from there to the other ----

  function jump(node) {
    const own = steps.map((step, n) => n).filter((n) => node in steps[n].rows && n < last);
    const forward = own.length ? own[0] : 0;
    const backward = own.length ? own[own.length - 1] : 0;
    const [near, far] = steps[now].pass === "forward" ? [forward, backward] : [backward, forward];
    pause();
    goto(now === near ? far : near);
  }

  const stepBackAlong = (edge) => steps.findIndex((s) => s.pass === "backward" && s.edges.includes(edge));
  cards.forEach((card, i) => {
    card.prepend(document.createElementNS("http://www.w3.org/2000/svg", "title"));
    card.setAttribute("tabindex", "0");
    card.setAttribute("role", "link");
    card.addEventListener("click", () => jump(i));
    card.addEventListener("keydown", (event) => { if (event.key === "Enter") jump(i); });
  });
  rows.forEach((row, i) => row.addEventListener("click", () => jump(i)));
  for (const elements of [arrows, slopes, messages]) {
    elements.forEach((element, i) => element.addEventListener("click", () => {
      if (stepBackAlong(i) >= 0) { pause(); goto(stepBackAlong(i)); }
    }));
  }

  const keys = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last" };
  player.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.localName === "input" && event.target !== slider) return;
    if (event.key in keys) {
      pause();
      moves[keys[event.key]]();
    } else if (event.key === " " && event.target.localName !== "button" && !quiz) {
      // On a button, the space bar presses that.
      play();
    } else {
      return;
    }
    // Or the page would scroll, and a notebook take the key for a command.
    event.preventDefault();
    event.stopPropagation();
  });

  if (data.theme === "auto") followTheme(player);
  host.goto = goto;
  host.steps = steps;
  goto(data.start);
}

// Every player of this make on the page that does not run yet: notebooks move scripts about, so
// that a script cannot rely on standing beside its player.
function startAll(make) {
  for (const host of document.querySelectorAll(`[data-player="${make}"]`)) {
    if (!host.shadowRoot) start(host);
  }
}
