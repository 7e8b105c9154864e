// Keeps an open page up to date: when the server says that something has changed, the page is asked for once
// more, and the parts that are marked as live take the place of those here.
"use strict";

(() => {
  const AGAIN_AFTER_MS = 3000;
  const body = document.body;
  const state = document.getElementById("state");
  let stream = null;
  let version = body.dataset.version;
  let asking = false;
  let missed = false;

  if (!body.dataset.events || !window.EventSource || !state) return;

  const say = (word) => {
    state.hidden = false;
    state.dataset.state = word;
    if (state.textContent !== word) state.textContent = word;
  };

  const keep = (old, fresh) => {
    for (const details of old.querySelectorAll("details[open][id]")) {
      const same = fresh.querySelector("#" + CSS.escape(details.id));
      if (same) same.open = true;
    }
  };

  const focusables = (part) => [...part.querySelectorAll("a[href], button, input, summary, [tabindex]")];

  const replace = (old, fresh) => {
    const active = document.activeElement;
    const within = old.contains(active);
    if (within && active.matches("input, select, textarea")) return; // somebody writes here
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && old.contains(selection.anchorNode)) return; // or copies
    if (old.innerHTML === fresh.innerHTML) return;
    const place = within ? focusables(old).indexOf(active) : -1;
    keep(old, fresh);
    const adopted = document.adoptNode(fresh);
    old.replaceWith(adopted);
    if (place >= 0) (focusables(adopted)[place] || document.getElementById("main")).focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (asking) { missed = true; return; }
    asking = true;
    try {
      const headers = { Accept: "text/html", "X-Live": "1" };
      const answer = await fetch(location.href, { credentials: "same-origin", headers });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(old.id);
        if (fresh) replace(old, fresh);
      }
      version = page.body.dataset.version || version;
      say("live");
    } catch {
      say("reconnecting");
    } finally {
      asking = false;
      if (missed) { missed = false; refresh(); }
    }
  };

  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(body.dataset.events + "?after=" + version);
    stream.onopen = () => say("live");
    stream.addEventListener("changed", refresh);
    stream.addEventListener("ended", () => location.reload());
    stream.onerror = () => {
      say("reconnecting");
      if (stream && stream.readyState === EventSource.CLOSED) {
        close();
        setTimeout(() => { open(); refresh(); }, AGAIN_AFTER_MS);
      }
    };
  };

  const close = () => {
    if (stream) stream.close();
    stream = null;
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); say("paused"); } else { open(); refresh(); }
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
})();
