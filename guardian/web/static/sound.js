// A tone while somebody is waited for: urgent for HIGH until somebody goes, once for MEDIUM; another for a dead line.
"use strict";
const sound = document.getElementById("sound");
let audio = null, wanted = localStorage.getItem("sound") === "on", told = new Set(), lostSaid = false;

function tone(...notes) {  // [Hz, s from now, s long]
  if (!audio || audio.state !== "running") return;
  for (const [hz, at, long] of notes) {
    const voice = audio.createOscillator(), gain = audio.createGain(), t = audio.currentTime + at;
    voice.frequency.value = hz;
    gain.gain.setValueAtTime(0, t);
    gain.gain.linearRampToValueAtTime(0.25, t + 0.02);
    gain.gain.linearRampToValueAtTime(0, t + long);
    voice.connect(gain).connect(audio.destination);
    voice.start(t); voice.stop(t + long);
  }
}
function show() {
  const on = wanted && audio && audio.state === "running";
  sound.textContent = on ? sound.dataset.on : sound.dataset.off;
  sound.setAttribute("aria-pressed", on ? "true" : "false");
}
async function begin() {  // browsers want a click first
  audio = audio || new AudioContext();
  await audio.resume();
  show();
}
sound.addEventListener("click", async () => {
  wanted = !(wanted && audio && audio.state === "running");
  localStorage.setItem("sound", wanted ? "on" : "off");
  if (wanted) { await begin(); tone([660, 0, 0.2]); } else if (audio) { await audio.suspend(); show(); }
});
if (wanted) addEventListener("pointerdown", () => { if (wanted) begin(); }, { once: true });
setInterval(() => {
  const waiting = [...document.querySelectorAll('article[data-waits="1"]')];
  if (waiting.some((a) => a.dataset.severity === "3")) tone([880, 0, 0.25], [660, 0.3, 0.25], [880, 0.6, 0.25]);
  const fresh = waiting.filter((a) => a.dataset.severity === "2" && !told.has(a.id));
  if (fresh.length) tone([523, 0, 0.4]);
  told = new Set(waiting.map((a) => a.id));
  const lost = !document.getElementById("lost").hidden;
  if (lost && !lostSaid) tone([330, 0, 0.5], [262, 0.6, 0.7]);
  lostSaid = lost;
}, 4000);
sound.hidden = false;
show();
