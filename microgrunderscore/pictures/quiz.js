// A quiz for the player: each number is asked for before it is shown.

// 6, -0.5, 1/6, 1.2e-5, 1,5 or 1.2×10^-5 as a number; nan for anything else.
function typed(text) {
  const plain = text.trim().replaceAll("−", "-").replaceAll(",", ".").replace(/\s*[×x*]\s*10\s*\^?\s*/, "e");
  const [above, below = "1"] = plain.split("/");
  return above.trim() && below.trim() ? Number(above) / Number(below) : NaN;
}

function isRight(number, answer) {
  return Math.abs(number - answer) <= 0.01 * Math.abs(answer);
}

// steps: those with an `answer` are asked. now: which one is shown. show: draws it anew.
function startQuiz(root, steps, now, show) {
  const form = root.querySelector(".quiz");
  const input = form.querySelector("input");
  const verdict = form.querySelector("output");
  const tries = steps.map(() => 0);
  const solved = steps.map((step) => step.answer === undefined);
  const firstTries = steps.map(() => false);

  function settle(text) {
    solved[now()] = true;
    show();
    verdict.textContent = text;
    root.querySelector('[data-does="next"]').focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const step = steps[now()];
    const number = typed(input.value);
    if (Number.isNaN(number)) {
      verdict.textContent = "Type a number, such as 0.25 or 1/4.";
      return;
    }
    tries[now()] += 1;
    if (isRight(number, step.answer)) {
      firstTries[now()] = tries[now()] === 1;
      settle("Right.");
    } else if (step.pass === "forward") {
      verdict.textContent = "Not quite: put the numbers into the formula.";
    } else {
      verdict.textContent = "Not quite: multiply what arrives by the local slope.";
    }
  });
  form.querySelector("[data-does=show]").addEventListener("click", () => settle("Here it is."));

  return {
    // Whether the number of this step is still asked for.
    asks: (n) => !solved[n],
    // Called when another step is shown. wantsFocus: the reader is stepping with the button.
    moved(n, wantsFocus) {
      const count = steps.filter((step) => step.answer !== undefined).length;
      const right = firstTries.filter(Boolean).length;
      input.value = "";
      if (n === steps.length - 1) verdict.textContent = `${right} of ${count} right at the first try.`;
      else verdict.textContent = solved[n] ? "" : "Which number comes out?";
      if (wantsFocus && !solved[n]) input.focus({ preventScroll: true });
    },
  };
}
