// The labs of the web edition: controls choose among results computed beforehand (docs/lab_states.py).
"use strict";

document.querySelectorAll(".lab").forEach((lab) => {
  const states = JSON.parse(lab.querySelector("script").textContent);
  const controls = [...lab.querySelectorAll("input, select")];
  const picture = lab.querySelector(".lab-picture");
  const sentence = lab.querySelector(".lab-sentence");
  const start = controls.map(position);
  const kept = new Map();
  let wanted = "";

  function position(control) {
    return control.tagName === "SELECT" ? control.selectedIndex : Number(control.value);
  }

  function move(control, to) {
    if (control.tagName === "SELECT") control.selectedIndex = to;
    else control.value = to;
  }

  function place(positions) {
    return `${positions[0]}-${positions[1] ?? 0}`;
  }

  function load(positions) {
    const name = place(positions);
    if (!kept.has(name)) {
      const image = new Image();
      image.src = `${states.pictures}/${name}.png`;
      kept.set(name, image);
    }
    return kept.get(name);
  }

  async function show() {
    const positions = controls.map(position);
    controls.forEach((control, i) => {
      if (control.tagName === "SELECT") return;
      const text = JSON.parse(control.dataset.values)[positions[i]];
      control.setAttribute("aria-valuetext", text);
      control.nextElementSibling.textContent = text;
    });
    wanted = place(positions);
    const image = load(positions);
    // Shown when it is decoded, so that the picture never flashes; a newer setting wins.
    await image.decode().catch(() => {});
    if (wanted !== place(positions)) return;
    const text = states.sentences[positions[0]][positions[1] ?? 0];
    picture.src = image.src;
    picture.alt = text;
    sentence.textContent = text;
    loadNeighbors(positions);
  }

  function loadNeighbors(positions) {
    positions.forEach((at, i) => {
      const rows = i === 0 ? states.sentences : states.sentences[positions[0]];
      for (const next of [at - 1, at + 1]) {
        if (next >= 0 && next < rows.length) load(positions.with(i, next));
      }
    });
  }

  controls.forEach((control) => control.addEventListener("input", show));
  lab.querySelector("button").addEventListener("click", () => {
    controls.forEach((control, i) => move(control, start[i]));
    show();
  });
  lab.querySelector(".lab-controls").hidden = false;
  // Some browsers restore moved controls when a page is opened again.
  lab.addEventListener("focusin", () => loadNeighbors(controls.map(position)), { once: true });
});
