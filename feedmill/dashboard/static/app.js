// What every page does: moments in the viewer's zone, fragments that ask anew once something was told, keys, copying, dialogs.
"use strict";
(() => {
  const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  function localise(root) {
    for (const each of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(each.dateTime);
      if (!Number.isNaN(moment.getTime())) each.textContent = moments.format(moment);
    }
  }

  function prepare(root) {
    localise(root);
    document.dispatchEvent(new CustomEvent("feedmill:shown", { detail: root }));
  }

  // The stream tells topics. What lists one of them in data-live asks for itself again, at most twice a second.
  const waiting = new Set();
  let timer = 0;

  function refresh(topics) {
    for (const each of document.querySelectorAll("[data-live]")) {
      if (topics === null || each.dataset.live.split(" ").some((topic) => topics.has(topic))) waiting.add(each);
    }
    if (waiting.size && !timer) timer = setTimeout(flush, topics === null ? 0 : 400);
  }

  function flush() {
    timer = 0;
    for (const each of waiting) {
      if (each.isConnected && holdsFocus(each)) continue;
      waiting.delete(each);
      if (each.isConnected) htmx.trigger(each, "live");
    }
  }

  // A field that somebody types into is not taken from under the hands; what waits for that is asked for once it is left.
  document.addEventListener("focusout", () => { if (waiting.size && !timer) timer = setTimeout(flush, 400); });

  function holdsFocus(element) {
    const active = document.activeElement;
    return active !== null && element.contains(active) && active.matches("input, select, textarea");
  }

  function follow(address) {
    const lamp = document.getElementById("live");
    const source = new EventSource(address);
    source.onopen = () => {
      lamp.classList.remove("off");
      lamp.textContent = lamp.dataset.on;
      // What happened while nobody listened was told to nobody.
      refresh(null);
    };
    source.onmessage = (message) => refresh(new Set(message.data.split(" ")));
    source.onerror = () => {
      lamp.classList.add("off");
      lamp.textContent = lamp.dataset.off;
      // A browser gives up for good where the answer was no stream, as that of a proxy while the server starts.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(address), 2000);
    };
    addEventListener("pagehide", () => source.close(), { once: true });
  }

  document.addEventListener("click", async (event) => {
    const pressed = event.target.closest("button, a");
    if (!pressed) return;
    if (pressed.hasAttribute("data-dismiss")) pressed.closest(".notice").remove();
    if (pressed.dataset.opens) document.getElementById(pressed.dataset.opens).showModal();
    if (pressed.hasAttribute("data-closes")) pressed.closest("dialog").close();
    if (pressed.dataset.copy) {
      const text = document.getElementById(pressed.dataset.copy);
      // Without HTTPS a browser gives no clipboard: what was to be copied is marked, and a key does the rest.
      if (!navigator.clipboard) { getSelection().selectAllChildren(text); return; }
      await navigator.clipboard.writeText(text.textContent.trim());
      const label = pressed.textContent;
      pressed.textContent = pressed.dataset.copied || label;
      setTimeout(() => { pressed.textContent = label; }, 1500);
    }
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    const search = document.querySelector("[data-search]");
    if (event.key === "/" && !typing && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  // Who has pressed a button twice meant it once.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const button = event.submitter;
    if (button) setTimeout(() => { button.disabled = true; });
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // Of a swap the target may be what was there before: what came is told by htmx:load, what was morphed by the other two.
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
  document.addEventListener("htmx:afterSwap", (event) => prepare(event.detail.target));
  document.addEventListener("htmx:oobAfterSwap", (event) => prepare(event.detail.target));
  document.addEventListener("DOMContentLoaded", () => {
    prepare(document);
    // In a narrow window the pages lie in a row that is wider than it: where one is has to be seen.
    document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    if (document.body.dataset.events) follow(document.body.dataset.events);
  });
})();
