// Nothing is swapped under a pointer, or a space bar, that is down: where the button or link beneath it went, there would be no click.
"use strict";
const hold = (() => {
  const LONGEST = 5000;
  const waiting = [];
  const unshown = new Set(); // What asks again once it may be shown.
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
    if (unshown.has(asks)) return;
    unshown.add(asks);
    await released();
    unshown.delete(asks);
    if (asks.isConnected && target.isConnected) htmx.ajax("GET", path, { source: asks, target });
  });

  return { released };
})();
