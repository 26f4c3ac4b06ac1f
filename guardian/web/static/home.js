// The weeks of a home as charts (uPlot).
"use strict";
const box = document.getElementById("charts");
const ink = () => getComputedStyle(document.body).getPropertyValue("--soft");
async function draw() {
  const answer = await fetch(box.dataset.from);
  if (!answer.ok) return;
  const days = await answer.json();
  const charts = [["active", days.active_min], ["out", days.out_min], ["night", days.night_visits], ["centi", days.centi_mean]];
  const holders = charts.map(() => box.appendChild(document.createElement("div")));  // all, before any is measured
  for (const [k, [name, values]] of charts.entries()) {
    const holder = holders[k], axis = { stroke: ink(), grid: { stroke: "#8883" }, ticks: { stroke: "#8883" } };
    const options = {
      width: holder.clientWidth, height: 170, title: box.dataset[name], legend: { show: false },
      axes: [axis, axis], series: [{}, { stroke: "#2a8f8a", width: 2, points: { size: 5 } }],
    };
    new uPlot(options, [days.t, values], holder);
  }
}
if (box) draw();
