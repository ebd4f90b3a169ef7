"use strict";

// Zoom of the timelines: everything that bears data-x moves, what bears data-w grows, and a label is
// shown where there is room for it. Without this script they stand at a zoom of 1.
const CHARACTER = 6.2;

for (const figure of document.querySelectorAll("figure.timeline")) {
  const scroll = figure.querySelector(".scroll");
  const said = figure.querySelector("output");
  const svgs = [...scroll.querySelectorAll("svg")];
  const total = Math.max(...svgs.map((svg) => Number(svg.dataset.total)));
  let scale = 1;

  const fits = (element) => {
    const need = Number(element.dataset.letters) * CHARACTER + Number(element.dataset.pad || 0);
    return Number(element.dataset.room) * scale >= need;
  };

  const zoom = (wanted, at = scroll.clientWidth / 2) => {
    const before = scale;
    const held = (scroll.scrollLeft + at) / before;
    scale = Math.min(16, Math.max(0.25, wanted));
    for (const svg of svgs) {
      const width = total * scale;
      svg.setAttribute("width", width);
      svg.setAttribute("viewBox", `0 0 ${width} ${svg.getAttribute("height")}`);
      for (const element of svg.querySelectorAll("[data-x]")) {
        element.setAttribute("transform", `translate(${Number(element.dataset.x) * scale} 0)`);
      }
      for (const element of svg.querySelectorAll("[data-w]")) {
        element.setAttribute("width", Math.max(2, Number(element.dataset.w) * scale));
      }
      for (const element of svg.querySelectorAll("[data-middle]")) {
        element.setAttribute("x", Number(element.dataset.middle) * scale);
      }
      for (const element of svg.querySelectorAll("[data-room]")) {
        element.classList.toggle("hidden", !fits(element));
      }
      for (const element of svg.querySelectorAll(".full")) element.setAttribute("width", width);
    }
    scroll.scrollLeft = held * scale - at;
    said.textContent = `${Math.round(scale * 100)} %`;
  };

  const fit = () => zoom(Math.max(0.9, Math.min(3, (scroll.clientWidth - 2) / total)), 0);

  figure.querySelector(".controls").hidden = false;
  const acts = { in: () => zoom(scale * 1.4), out: () => zoom(scale / 1.4), fit };
  for (const button of figure.querySelectorAll("button")) {
    button.addEventListener("click", acts[button.dataset.act]);
  }
  scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { "+": acts.in, "=": acts.in, "-": acts.out, 0: fit }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  scroll.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      const delta = event.deltaY || event.deltaX;
      zoom(scale * Math.exp(-delta / 400), event.clientX - scroll.getBoundingClientRect().left);
    },
    { passive: false },
  );
  scroll.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType !== "mouse") return;
    const from = event.clientX + scroll.scrollLeft;
    const move = (next) => {
      scroll.scrollLeft = from - next.clientX;
    };
    scroll.classList.add("dragged");
    window.addEventListener("pointermove", move);
    window.addEventListener(
      "pointerup",
      () => {
        window.removeEventListener("pointermove", move);
        scroll.classList.remove("dragged");
      },
      { once: true },
    );
  });

  // A mark and its row in the list belong together.
  for (const link of scroll.querySelectorAll("a.mark")) {
    const row = document.getElementById(link.getAttribute("href").slice(1));
    const light = (on) => () => {
      row.classList.toggle("lit", on);
      link.classList.toggle("lit", on);
    };
    for (const element of [link, row]) {
      element.addEventListener("pointerenter", light(true));
      element.addEventListener("pointerleave", light(false));
    }
  }
  fit();
}
