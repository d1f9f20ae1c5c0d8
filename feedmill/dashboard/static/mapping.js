// After a button of the mapping editor was pressed the focus goes where the work goes on: the page says where.
"use strict";
document.addEventListener("htmx:afterSwap", () => {
  const next = document.querySelector("[data-focus]");
  if (!next) return;
  next.removeAttribute("data-focus");
  next.focus();
});
