// Shows the pictures of a strip one after the other.
"use strict";
for (const player of document.querySelectorAll(".player")) {
  const picture = player.querySelector("img"), time = player.querySelector("time");
  const range = player.querySelector("input"), play = player.querySelector(".play");
  const times = player.dataset.times.split(",");
  let at = 0, timer = 0;
  const show = (k) => {
    at = (k + times.length) % times.length;
    picture.src = player.dataset.base + at + ".png";
    time.textContent = times[at];
    range.value = at;
  };
  const stop = () => { clearInterval(timer); timer = 0; play.setAttribute("aria-pressed", "false"); };
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => show(at + 1), 250);
  });
  for (const step of player.querySelectorAll(".step")) {
    step.addEventListener("click", () => { stop(); show(at + Number(step.dataset.by)); });
  }
  range.addEventListener("input", () => { stop(); show(Number(range.value)); });
  player.hidden = false;
}
