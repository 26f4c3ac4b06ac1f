// A walk test that runs: what each sensor has shown, again every second.
"use strict";
const walk = document.getElementById("walk");
let last = "";
async function renew() {
  try {
    const answer = await fetch(walk.dataset.from);
    if (answer.status === 410 || answer.status === 401) return location.reload();  // it has ended, or the session has
    const drawn = answer.ok ? await answer.text() : last;
    if (drawn !== last) walk.innerHTML = last = drawn;  // a screen reader says only what is new
  } catch { /* the line is down: it is tried again */ }
  setTimeout(renew, 1000);
}
if (walk) renew();
