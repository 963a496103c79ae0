"use strict";
// Shows the state of the app again each few seconds, unless the operator is about to do something.

const EVERY = 5000;
const label = document.getElementById("refresh");
const box = label.querySelector("input");
let active = 0;

for (const kind of ["pointermove", "pointerdown", "keydown", "focusin", "scroll"]) {
  addEventListener(kind, () => (active = Date.now()), { passive: true });
}

// What was done is reported once.
const here = new URL(location.href);
if (here.searchParams.has("notice")) {
  here.searchParams.delete("notice");
  here.searchParams.delete("count");
  history.replaceState(null, "", here);
}

function isBusy(main) {
  const isOpen = main.querySelector("details[open]") !== null;
  const isFocused = main !== document.activeElement && main.contains(document.activeElement);
  return document.hidden || isOpen || isFocused || !getSelection().isCollapsed || Date.now() - active < 3000;
}

async function refresh() {
  const main = document.getElementById("main");
  if (!box.checked || isBusy(main)) return;
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    if (!response.ok) throw new Error(response.status);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (isBusy(main)) return;
    main.replaceWith(document.adoptNode(page.getElementById("main")));
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
  }
}

label.hidden = false;
setInterval(refresh, EVERY);
