"use strict";
// A curve: what is drawn over with the pointer is looked at nearer; the arrows, + and - do what the links above it do.
(() => {
  const chart = document.getElementById("chart");
  const drawing = chart?.querySelector("svg");
  if (!drawing) return;
  const WIDTH = 600; // units of the drawing
  const LEAST = 6; // below that, somebody only pressed
  const KEYS = { ArrowLeft: "Earlier", ArrowRight: "Later", "+": "Nearer", "-": "Wider" };
  const [from, to, now] = [chart.dataset.from, chart.dataset.to, chart.dataset.now].map(Number);
  let begin; // where it was begun to draw
  let chosen;

  for (const hint of document.querySelectorAll(".with-script")) hint.hidden = false;

  function place(event) {
    const box = drawing.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * WIDTH;
  }

  drawing.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    begin = place(event);
    chosen = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    chosen.setAttribute("class", "chosen");
    chosen.setAttribute("height", "100");
    drawing.append(chosen);
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (!chosen) return;
    const at = place(event);
    chosen.setAttribute("x", Math.min(begin, at));
    chosen.setAttribute("width", Math.abs(at - begin));
  });
  drawing.addEventListener("pointerup", (event) => {
    if (!chosen) return;
    const [left, right] = [begin, place(event)].sort((a, b) => a - b);
    chosen.remove();
    chosen = undefined;
    if (right - left < LEAST) return;
    const moment = (x) => Math.min(from + (x / WIDTH) * (to - from), now);
    const words = (at) => `${new Date(at).toISOString().slice(0, 19)}Z`;
    if (moment(right) - moment(left) < 60_000) return;
    const query = new URLSearchParams({ subject: chart.dataset.subject, from: words(moment(left)), to: words(moment(right)) });
    location.assign(`${location.pathname}?${query}`);
  });
  drawing.addEventListener("pointercancel", () => {
    chosen?.remove();
    chosen = undefined;
  });

  document.addEventListener("keydown", (event) => {
    const words = KEYS[event.key];
    if (!words || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select, .scroll")) return;
    const link = document.querySelector(`[data-move="${words}"]`);
    if (!link) return;
    event.preventDefault();
    link.click();
  });
})();
