// Counts the seconds down between two words from the server, by the server's clock.
"use strict";
const root = document.querySelector("[data-now]");
let now = () => 0;
const setClock = (serverMs) => { const at = performance.now(); now = () => serverMs + performance.now() - at; };

function draw(within, nowMs) {
  for (const box of within.querySelectorAll("[data-next]")) {
    box.textContent = `${Math.max(0, Math.ceil((box.dataset.next - nowMs) / 1000))} s`;
  }
  for (const box of within.querySelectorAll("[data-deadline]")) {
    const left = box.dataset.deadline - nowMs, s = Math.floor(Math.abs(left) / 1000);
    box.querySelector(".digits").textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    box.querySelector(".unit").textContent = left < 0 ? root.dataset.overdue : root.dataset.left;
    box.querySelector("progress").value = Math.max(0, left);
    box.className = "count" + (left < 0 ? " late" : left < box.dataset.hurry ? " soon" : "");
  }
}
setClock(Number(root.dataset.now));
setInterval(() => draw(document, now()), 250);
