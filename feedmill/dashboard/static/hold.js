// Nothing is swapped under a pointer, or a space bar, that is down: where the button or link beneath it went, there would be no click.
"use strict";
const hold = (() => {
  const LONGEST = 5000;
  const waiting = [];
  const unshown = new Map(); // What asks again once it may be shown, with the address and the target.
  let down = false;

  function begin() {
    down = true;
  }

  // A press is over when the click that it makes has been told.
  function end() {
    if (!down) return;
    setTimeout(() => {
      down = false;
      for (const go of waiting.splice(0)) go();
    });
  }

  function released() {
    if (!down) return Promise.resolve();
    return new Promise((go) => {
      waiting.push(go);
      setTimeout(go, LONGEST);
    });
  }

  addEventListener("pointerdown", begin, true);
  for (const each of ["pointerup", "pointercancel", "dragend"]) addEventListener(each, end, true);
  addEventListener("pointermove", (event) => { if (!event.buttons) end(); }, true);
  addEventListener("blur", (event) => { if (event.target === window) end(); });
  addEventListener("keydown", (event) => { if (event.key === " ") begin(); }, true);
  addEventListener("keyup", end, true);

  // What was only looked at is asked for anew, since by then it says more; of anything else the answer is the one there is.
  document.addEventListener("htmx:beforeSwap", async (event) => {
    const { requestConfig, shouldSwap, target } = event.detail;
    if (!down || !shouldSwap || requestConfig.verb !== "get") return;
    event.preventDefault();
    const { elt: asks, path } = requestConfig;
    const asked = unshown.has(asks);
    unshown.set(asks, { path, target });
    if (asked) return;
    await released();
    const last = unshown.get(asks);
    unshown.delete(asks);
    if (asks.isConnected && last.target.isConnected) htmx.ajax("GET", last.path, { source: asks, target: last.target });
  });

  return { released };
})();
