// All homes of a large site as squares: one letter a home from the server, drawn on a canvas.
"use strict";
const grid = document.getElementById("grid"), canvas = document.getElementById("squares");
const ORDER = "ibduap", NAMES = grid.dataset.states.split("|");
let names = [], letters = [], side = 12, columns = 1;

function colours() {
  const style = getComputedStyle(document.body), of = (name) => style.getPropertyValue(name).trim();
  return { i: of("--high"), b: of("--soft"), d: of("--medium"), u: of("--check"), a: of("--line"), p: of("--fine") };
}
function square(pen, k, tone) {
  const x = (k % columns) * side, y = Math.floor(k / columns) * side, s = side - 2, letter = letters[k];
  pen.clearRect(x, y, side, side);
  pen.fillStyle = pen.strokeStyle = tone[letter];
  if (letter === "b") {  // hollow and crossed out
    pen.strokeRect(x + 1, y + 1, s - 1, s - 1);
    pen.beginPath(); pen.moveTo(x + 1, y + s); pen.lineTo(x + s, y + 1); pen.stroke();
  } else if (letter === "u") pen.strokeRect(x + 1, y + 1, s - 1, s - 1);  // hollow
  else if (letter === "d") pen.fillRect(x + 1, y + 1 + s / 2, s, s / 2);  // half
  else if (letter === "a") pen.fillRect(x + s / 3, y + s / 3, s / 2, s / 2);  // small
  else if (letter === "i") { pen.beginPath(); pen.moveTo(x + s / 2 + 1, y); pen.lineTo(x + s + 2, y + s + 1); pen.lineTo(x, y + s + 1); pen.fill(); }
  else pen.fillRect(x + 1, y + 1, s, s);
}
function drawAll() {
  const wide = grid.clientWidth, ratio = window.devicePixelRatio || 1;
  columns = Math.max(1, Math.floor(wide / side));
  const high = Math.ceil(letters.length / columns) * side;
  canvas.width = wide * ratio; canvas.height = high * ratio;
  canvas.style.width = wide + "px"; canvas.style.height = high + "px";
  const pen = canvas.getContext("2d"), tone = colours();
  pen.scale(ratio, ratio);
  for (let k = 0; k < letters.length; k += 1) square(pen, k, tone);
  sums();
}
function sums() {
  const count = {};
  for (const letter of letters) count[letter] = (count[letter] || 0) + 1;
  document.querySelectorAll("#grid-sums b").forEach((box, k) => { box.textContent = count[ORDER[k]] || 0; });
}
window.homes = (said) => {
  if (said.all !== undefined) {
    names = said.homes; letters = [...said.all];
    drawAll();
  } else {
    const pen = canvas.getContext("2d"), tone = colours();
    for (const one of said.some.split(",")) {
      const k = parseInt(one, 10);
      letters[k] = one.slice(-1);
      square(pen, k, tone);
    }
    sums();
  }
  canvas.dataset.drawn = String(Number(canvas.dataset.drawn || 0) + 1);
};
function under(event) {
  const k = Math.floor(event.offsetY / side) * columns + Math.floor(event.offsetX / side);
  return event.offsetX < columns * side && k < names.length ? k : -1;
}
canvas.addEventListener("mousemove", (event) => {
  const k = under(event);
  document.getElementById("square").textContent = k < 0 ? "" : `${grid.dataset.home} ${names[k]}: ${NAMES[ORDER.indexOf(letters[k])]}`;
});
canvas.addEventListener("click", (event) => { const k = under(event); if (k >= 0) location.href = "/homes/" + names[k]; });
addEventListener("resize", drawAll);
