// The live board: puts in what the server draws, and says so when the line is dead.
"use strict";
const QUIET_MS = 15000, drawn = {};
let heard = performance.now();
const $ = (id) => document.getElementById(id);

function put(fresh) {  // one section; the card in which somebody is choosing something stays as it is
  draw(fresh, 0);  // the seconds alone are no change
  if (drawn[fresh.id] === fresh.outerHTML) return;
  drawn[fresh.id] = fresh.outerHTML;
  const old = $(fresh.id), focus = document.activeElement.id;
  const busy = old.querySelector("article:has(select:focus, details[open]), .bar:has(:focus)");
  const twin = busy && fresh.querySelector(busy.id ? "#" + busy.id : ".bar");
  if (!twin) { old.replaceWith(fresh); if (focus) $(focus)?.focus(); return; }
  for (const child of [...old.children]) if (child !== busy) child.remove();
  for (const part of [".count", ".facts"]) busy.querySelector(part)?.replaceWith(twin.querySelector(part));
  const all = [...fresh.children], at = all.indexOf(twin);
  busy.before(...all.slice(0, at));
  busy.after(...all.slice(at + 1));
}
function board(event) {
  heard = performance.now();
  setClock(Number(event.lastEventId));
  const page = new DOMParser().parseFromString(event.data, "text/html");
  const { open, say, clock } = page.querySelector("#incidents").dataset;
  document.title = (open > 0 ? `(${open}) ` : "") + root.dataset.title;
  if ($("say").textContent !== say) $("say").textContent = say;
  $("wall").textContent = clock;
  delete page.querySelector("#incidents").dataset.clock;
  [...page.body.children].forEach(put);
  draw(document, now());
}
function beat(event) {  // nothing has changed but the time
  heard = performance.now();
  setClock(Number(event.lastEventId));
  $("wall").textContent = event.data;
}
function listen() {
  const source = new EventSource("/events" + location.search);
  source.addEventListener("board", board);
  source.addEventListener("beat", beat);
  source.addEventListener("homes", (event) => { if (window.homes) window.homes(JSON.parse(event.data)); });
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000); };
}
setInterval(() => { $("live-mark").hidden = !($("lost").hidden = performance.now() - heard < QUIET_MS); }, 500);
listen();
