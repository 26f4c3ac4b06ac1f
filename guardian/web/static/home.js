// The weeks of a home as charts (uPlot), and one colour for each room in the strip of the day.
"use strict";
const box = document.getElementById("charts");
const ink = () => getComputedStyle(document.body).getPropertyValue("--soft");
async function draw() {
  const answer = await fetch(box.dataset.from);
  if (!answer.ok) return;
  const days = await answer.json();
  const charts = [["active", days.active_min], ["out", days.out_min], ["night", days.night_visits], ["centi", days.centi_mean]];
  for (const [name, values] of charts) {
    const axis = { stroke: ink(), grid: { stroke: "#8883" }, ticks: { stroke: "#8883" } };
    const options = {
      width: Math.min(box.clientWidth, 760), height: 170, title: box.dataset[name], legend: { show: false },
      axes: [axis, axis], series: [{}, { stroke: "#2a8f8a", width: 2, points: { size: 5 } }],
    };
    new uPlot(options, [days.t, values], box);
  }
}
if (box) draw();
const rooms = [];
for (const piece of document.querySelectorAll(".dayline rect.room")) {
  if (!rooms.includes(piece.dataset.room)) rooms.push(piece.dataset.room);
  piece.classList.add("c" + rooms.indexOf(piece.dataset.room) % 6);
}
