// A form that the server answers while somebody works on it. Its buttons (data-act, or all that submit where the form is data-stays) change
// it, and what it comes to is shown as it is filled in: data-asks says by which of the addresses in data-previews, the smallest first.
//
// Nothing that somebody does is lost meanwhile. There is one request at a time, with the form as it stands when it goes out, so that no
// answer is older than the one before. What is pressed waits for its turn, and means what it meant when it was pressed. An answer does not
// touch what was typed after its request went out, nor the focus, and does not come while a pointer or the space bar is down.
"use strict";
(() => {
  const QUIET = 400;
  const PAUSES = [1000, 2000, 4000, 8000];

  const presses = []; // What was pressed and is not sent, the oldest first.
  let due = -1; // The largest preview that is asked for, by its place in data-previews; -1 for none.
  let from = 0; // When it is sent, unless somebody types on.
  let timer = 0;
  let sent = null; // What is under way: a press, or a preview, which has a `place`.

  const form = () => document.querySelector("form[data-previews]");
  const previews = () => form().dataset.previews.split(" ");
  const valueOf = (control) => (control.matches("[type=checkbox], [type=radio]") ? control.checked : control.value);
  const valuesOf = (here) => new Map(Array.from(here.elements, (each) => [each, valueOf(each)]));

  function changed(before) {
    return [...before].filter(([each, value]) => each.isConnected && valueOf(each) !== value).map(([each]) => each);
  }

  function ask(address, delay) {
    due = Math.max(due, previews().indexOf(address));
    from = performance.now() + delay;
    abandonPreview();
    work();
  }

  // What it would show is no longer what the form says; whatever comes next shows that, or it is asked for again.
  function abandonPreview() {
    if (sent?.place === undefined) return;
    due = Math.max(due, sent.place);
    sent.abort.abort();
  }

  function press(task) {
    presses.push(task);
    if (task.brings) abandonPreview();
    work();
  }

  async function work() {
    while (!sent) {
      const next = choose();
      if (!next) return;
      if (next.leaves) return form().requestSubmit(next.leaves.isConnected ? next.leaves : null);
      sent = { ...next, abort: new AbortController() };
      form().dataset.busy = next.button ? "press" : "preview";
      try {
        await answer(sent);
      } finally {
        sent = null;
        delete form().dataset.busy;
      }
    }
  }

  function choose() {
    clearTimeout(timer);
    const [first] = presses;
    if (first && (first.brings || first.leaves || due < 0)) {
      presses.shift();
      const covers = first.brings ? due : -1;
      if (first.brings) due = -1;
      return { ...first, covers };
    }
    const wait = from - performance.now();
    if (due < 0) return null;
    if (wait > 0 && !first) {
      timer = setTimeout(work, wait);
      return null;
    }
    const place = due;
    due = -1;
    form().removeAttribute("data-unseen");
    return { address: previews()[place], values: [], place };
  }

  async function answer(task) {
    const answered = await send(task);
    if (!answered) return;
    const text = await answered.response.text();
    await hold.released();
    if (task.abort.signal.aborted) return;
    const headers = answered.response.headers;
    if (headers.has("HX-Redirect")) {
      location.href = headers.get("HX-Redirect");
      await new Promise(() => {});
    }
    if (headers.has("HX-Retarget")) {
      refuse(task, text);
      return;
    }
    // What was pressed upon what is refused now was pressed before that could be read.
    if (show(text, answered.before, task)) presses.length = 0;
    if (form()?.hasAttribute("data-unseen")) ask(previews().at(-1), 0);
  }

  function refuse(task, notice) {
    document.getElementById("notices").insertAdjacentHTML("beforeend", notice);
    presses.length = 0;
    if (task.button) due = Math.max(due, task.covers);
  }

  // Whatever only looks is sent again until the server is back; of the rest somebody has to judge what became of it.
  async function send(task) {
    const { signal } = task.abort;
    for (let attempt = 0; ; attempt++) {
      const here = form();
      const before = (task.before = valuesOf(here));
      const body = new URLSearchParams(new FormData(here));
      for (const [name, value] of task.values) body.set(name, value);
      try {
        const response = await fetch(task.address, { method: "POST", body, headers: { "HX-Request": "true" }, signal });
        if (response.ok) return { response, before };
      } catch (error) {
        if (signal.aborted) return null;
      }
      if (task.button && (!task.brings || attempt >= PAUSES.length)) {
        refuse(task, here.querySelector("template.unanswered").innerHTML);
        return null;
      }
      await pause(PAUSES[Math.min(attempt, PAUSES.length - 1)], signal);
      if (signal.aborted) return null;
    }
  }

  function pause(milliseconds, signal) {
    return new Promise((done) => {
      setTimeout(done, milliseconds);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  function show(text, before, task) {
    const typed = new Map(changed(before).map((each) => [each, valueOf(each)]));
    const active = document.activeElement;
    const answer = document.createElement("template");
    answer.innerHTML = text;
    const refuses = answer.content.querySelector("[role=alert]") !== null;
    for (const part of [...answer.content.children]) {
      const there = document.getElementById(part.id);
      if (there) morph(there, part, typed);
    }
    for (const [each, value] of typed) {
      if (each.matches("select") && each.value !== value && [...each.options].some((one) => one.value === value)) each.value = value;
    }
    focus(active, task);
    return refuses;
  }

  function morph(there, part, typed) {
    const callbacks = {
      beforeAttributeUpdated(name, element, what) {
        if (name === "open" && what === "remove") return false; // What somebody has unfolded stays so.
        if (name === "selected") return !typed.has(element.closest("select"));
        return !((name === "value" || name === "checked") && typed.has(element));
      },
    };
    const [shown] = Idiomorph.morph(there, part, { morphStyle: "outerHTML", callbacks });
    document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: shown } }));
  }

  // The page says where the work goes on after a press (data-focus), which counts as long as nobody has gone on elsewhere.
  function focus(active, task) {
    const next = document.querySelector("[data-focus]");
    next?.removeAttribute("data-focus");
    const place = next && (active === task.button || active === document.body) ? next : active;
    const there = place.isConnected ? place : place.id && document.getElementById(place.id);
    if (there && there !== document.activeElement) there.focus({ preventScroll: there === active });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button) return;
    // One that also works without a script says itself where it is answered, and is not to submit the form then.
    event.preventDefault();
    const beside = document.getElementById(button.dataset.beside);
    const values = [["act", button.dataset.act], ...(beside ? [[beside.name, beside.value]] : [])];
    const address = button.getAttribute("formaction") ?? form().dataset.acts;
    press({ address, values, button, brings: form().dataset.stays === undefined });
  });

  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    const button = event.submitter;
    if (event.target.dataset.stays === undefined) {
      if (!sent?.button && !presses.length) return;
      event.preventDefault();
      if (!presses.some((each) => each.leaves)) presses.push({ leaves: button });
      return;
    }
    event.preventDefault();
    submit(button && !button.hidden ? button : event.target.querySelector("button[data-default]"));
  });

  // Who has pressed a button twice meant it once, unless something was changed in between: then a look begins anew.
  function submit(button) {
    // Enter in a field presses the first button, which is not seen, and asks for nothing, where the form is about something else.
    const whole = button.dataset.whole !== undefined && button.checkVisibility();
    if (presses.some((each) => each.button === button)) return;
    if (sent?.button === button) {
      if (!whole || !changed(sent.before).length) return;
      sent.abort.abort();
    }
    const values = button.name ? [[button.name, button.value]] : [];
    press({ address: button.formAction, values, button, brings: whole });
  }

  // On the form's own controls, inside it or not.
  function fill(event) {
    if (event.target.form !== form() || !form()) return;
    const asking = event.target.closest("[data-asks]") ?? form().closest("[data-asks]");
    if (asking && event.type === (asking.dataset.on ?? "input")) ask(asking.dataset.asks, QUIET);
  }
  document.addEventListener("input", fill);
  document.addEventListener("change", fill);

  // In a field beside the form, that only asks, Enter saves nothing.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input[data-asks]")) event.preventDefault();
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (form()?.hasAttribute("data-unseen")) ask(previews().at(-1), 0);
  });
})();
