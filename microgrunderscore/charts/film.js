// The player of a training: shows one frame after another. All frames were computed in Python and
// lie in the JSON beside this script; nothing is computed here, and nothing is asked of the network.
// Without this script, or where scripts are not allowed, the picture and the table beside it stay.
"use strict";

const SLOWEST = 1000; // ms a frame, for readers who asked their system for less motion

// ---- one player ----

function start(host) {
  const data = JSON.parse(host.querySelector('script[type="application/json"]').textContent);
  const root = host.attachShadow({ mode: "open" }); // hides what is outside it, and keeps styles apart
  root.innerHTML = data.markup;
  const one = (selector) => root.querySelector(selector);
  const player = one(".player");
  const slider = one("input");
  const buttons = Object.fromEntries(
    [...root.querySelectorAll("button")].map((button) => [button.dataset.does, button]),
  );
  const last = data.frames.length - 1;
  let now = last;
  let timer = null;

  function show(wanted) {
    now = Math.min(Math.max(wanted, 0), last);
    const frame = data.frames[now];
    for (const [name, attributes] of Object.entries(frame.parts)) {
      const part = one(`[data-part="${name}"]`);
      for (const [attribute, value] of Object.entries(attributes)) part.setAttribute(attribute, value);
    }
    for (const [name, text] of Object.entries(frame.numbers)) one(`[data-number="${name}"]`).textContent = text;
    if (frame.picture) one("[data-picture]").innerHTML = frame.picture;
    slider.value = now;
    slider.setAttribute("aria-valuetext", frame.says);
    one(".count").textContent = `${now + 1} / ${last + 1}`;
    one("[role=status]").textContent = frame.says;
    // Not `disabled`: a button that is disabled loses the focus of whoever steps with it.
    for (const name of ["first", "previous"]) buttons[name].setAttribute("aria-disabled", now === 0);
    for (const name of ["next", "last"]) buttons[name].setAttribute("aria-disabled", now === last);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    buttons.play.textContent = "Play";
    one("[role=status]").setAttribute("aria-live", "polite");
  }

  function play() {
    if (timer !== null) return pause();
    if (now === last) show(0);
    buttons.play.textContent = "Pause";
    one("[role=status]").setAttribute("aria-live", "off"); // nobody can listen that fast
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    timer = setInterval(() => {
      if (now === last || !host.isConnected) pause();
      else show(now + 1);
    }, calm ? SLOWEST : data.milliseconds);
  }

  const moves = {
    first: () => show(0),
    previous: () => show(now - 1),
    next: () => show(now + 1),
    last: () => show(last),
  };
  for (const [name, move] of Object.entries(moves)) {
    buttons[name].addEventListener("click", () => { pause(); move(); });
  }
  buttons.play.addEventListener("click", play);
  slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });

  const keys = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };
  player.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key in keys) {
      pause();
      moves[keys[event.key]]();
    } else if (event.key === " " && event.target.tagName !== "BUTTON") {
      play(); // on a button, the space bar presses that
    } else {
      return;
    }
    event.preventDefault(); // or the page scrolls
    event.stopPropagation(); // or the notebook takes it for a command
  });

  followTheme(player);
  show(last);
}

// Every player on the page that is not running yet: notebooks move scripts about.
for (const host of document.querySelectorAll("div.mg-replay")) {
  if (!host.shadowRoot) start(host);
}
