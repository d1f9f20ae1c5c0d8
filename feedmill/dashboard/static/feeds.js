// Adding a feed: a user and a password in a pasted address go into their own fields before anybody reads them off the screen.
"use strict";
(() => {
  const WITH_USER = /^\s*([a-z][a-z0-9+.-]*:\/\/)([^:/@?#\s]*)(?::(.*))?@([^@/?#\s]+(?:[/?#].*)?)\s*$/is;

  function decoded(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  }

  function takeOut(address) {
    const found = WITH_USER.exec(address.value);
    if (!found) return;
    const [, scheme, user, password, rest] = found;
    address.value = scheme + rest;
    document.getElementById("f-username").value = decoded(user);
    if (password !== undefined) document.getElementById("f-password").value = decoded(password);
  }

  document.addEventListener("paste", (event) => {
    if (event.target.id === "f-location") setTimeout(() => takeOut(event.target));
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "f-location") takeOut(event.target);
  });
})();
