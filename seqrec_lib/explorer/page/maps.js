// Attention as pictures: a table on a canvas, or arcs from one position.
"use strict";

// matplotlib's "cividis", the scale of the lessons, at ten equal steps from 0 to 1
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"]
  .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

// 256 colours between them; a table of 200 films asks for 20,000
const SHADES = Array.from({ length: 256 }, (_, i) => {
  const place = (i / 255) * (CIVIDIS.length - 1), below = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return `rgb(${CIVIDIS[below].map((from, c) => Math.round(from + (place - below) * (CIVIDIS[below + 1][c] - from))).join(" ")})`;
});
const shade = (share) => SHADES[Math.min(Math.round(255 * share), 255)];

const looksAt = (map, titles, masked, t, s) => (s > t ? `${titles[s]} (${s + 1}) comes after ${titles[t]} (${t + 1}): exactly 0`
  : masked[t] || masked[s] ? `${titles[masked[t] ? t : s]} is masked: exactly 0` : `${titles[t]} (${t + 1}) asks, ${titles[s]} (${s + 1}) answers: ${map[t][s].toFixed(3)}`);

// What a map says of one row, for those who cannot see it
function describe(map, titles, t) {
  const order = titles.slice(0, t + 1).map((_, s) => s).sort((a, b) => map[t][b] - map[t][a]).slice(0, 3);
  return `Attention of ${titles.length} positions. ${titles[t]} looks most at ` +
    `${order.map((s) => `${titles[s]} ${map[t][s].toFixed(2)}`).join(", ")}.`;
}

// A table of attention: rows ask, columns answer. map: T rows of T weights. masked: T. choose(t): a row
// was clicked
function showMap(box, map, titles, masked, selected, choose) {
  const T = titles.length, room = box.clientWidth || 600, left = Math.min(250, room * 0.45), top = 22;
  const cell = Math.min(56, (room - left - 12) / T), size = T * cell;
  // The first rows have few to share among and would outshine all others
  const most = Math.max(...map.slice(T >> 1).map((row) => Math.max(...row)), 1e-9);
  const canvas = element("canvas", { role: "img", tabindex: 0, "aria-label": describe(map, titles, selected),
    style: `width: ${left + size + 12}px; height: ${top + size + 8}px` });
  const sharp = window.devicePixelRatio || 1, pen = canvas.getContext("2d"), ink = getComputedStyle(box).color;
  canvas.width = (left + size + 12) * sharp;
  canvas.height = (top + size + 8) * sharp;
  pen.scale(sharp, sharp);
  Object.assign(pen, { font: `13px ${getComputedStyle(box).fontFamily}`, textBaseline: "middle" });
  const gap = cell > 5 ? 1 : 0, every = Math.ceil(15 / cell), hidden = hatching(pen, ink);
  for (let t = 0; t < T; t++) {
    const y = top + t * cell;
    pen.fillStyle = hidden;
    for (let s = 0; s <= t; s++) if (masked[t] || masked[s]) pen.fillRect(left + s * cell, y, cell - gap, cell - gap);
    pen.fillRect(left + (t + 1) * cell, y, size - (t + 1) * cell, cell - gap);
    for (let s = 0; s <= t; s++) {
      if (masked[t] || masked[s]) continue;
      pen.fillStyle = shade(map[t][s] / most);
      pen.fillRect(left + s * cell, y, cell - gap, cell - gap);
      if (cell < 34) continue; // no room for the number
      Object.assign(pen, { fillStyle: map[t][s] / most < 0.55 ? "#fff" : "#222", textAlign: "center" });
      pen.fillText(map[t][s].toFixed(2), left + (s + 0.5) * cell, y + cell / 2);
    }
    if (t !== selected && (t % every || Math.abs(t - selected) < every)) continue; // no room for this label
    pen.fillStyle = ink;
    pen.font = `${t === selected ? "bold " : ""}${pen.font.replace("bold ", "")}`;
    pen.textAlign = "right";
    pen.fillText(fitting(pen, titles[t], left - 44), left - 38, y + cell / 2);
    pen.fillText(t + 1, left - 6, y + cell / 2);
    pen.textAlign = "center";
    if (cell * every > 20 || t === selected) pen.fillText(t + 1, left + (t + 0.5) * cell, top / 2);
  }
  Object.assign(pen, { strokeStyle: getComputedStyle(box).getPropertyValue("--mark"), lineWidth: 2 });
  pen.strokeRect(left - 1, top + selected * cell - 1, (selected + 1) * cell + 1, cell + 1);
  const said = element("p", { class: "said", role: "status" }, "Point at a cell, or use the arrow keys.");
  const key = element("p", { class: "key" }, "0 ", element("span", { class: "scale" }), ` ${most.toFixed(2)} and more `,
    element("span", { class: "hatched" }), masked.includes(true) ? " the future, or masked" : " the future");
  point(canvas, { T, left, top, cell, selected, choose, say: (t, s) => { said.textContent = looksAt(map, titles, masked, t, s); } });
  box.replaceChildren(canvas, key, said);
}

// Reads a cell by pointer and by arrow keys; a click or Enter selects its row
function point(canvas, { T, left, top, cell, selected, choose, say }) {
  let t = selected, s = selected;
  const inside = (place) => Math.min(Math.max(place, 0), T - 1);
  const at = (event) => {
    t = inside(Math.floor((event.offsetY - top) / cell));
    s = inside(Math.floor((event.offsetX - left) / cell));
  };
  canvas.addEventListener("pointermove", (event) => { at(event); say(t, s); });
  canvas.addEventListener("click", (event) => { at(event); choose(t); });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter") return choose(t);
    if (!by) return;
    event.preventDefault();
    [t, s] = [inside(t + by[0]), inside(s + by[1])];
    say(t, s);
  });
}

function hatching(pen, ink) {
  const tile = element("canvas", { width: 6, height: 6 }), inside = tile.getContext("2d");
  Object.assign(inside, { strokeStyle: ink, globalAlpha: 0.35 });
  for (const x of [-6, 0, 6]) { inside.moveTo(x, 6); inside.lineTo(x + 6, 0); }
  inside.stroke();
  return pen.createPattern(tile, "repeat");
}

function fitting(pen, title, width) {
  let length = title.length;
  while (length > 1 && pen.measureText(shortened(title, length)).width > width) length--;
  return shortened(title, length);
}

function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Arcs from one position to those that it looks at, as thick as their weights. Of many, the
// heaviest are drawn, in their order, and a line says what is left.
function showArcs(box, map, titles, selected) {
  const room = Math.min(box.clientWidth || 600, 640), left = room * 0.56, step = 34, weights = map[selected];
  const order = titles.slice(0, selected + 1).map((_, s) => s).sort((a, b) => weights[b] - weights[a]);
  const shown = [...new Set([...order.slice(0, 14), selected])].sort((a, b) => a - b), from = shown.length * step - 12;
  const svg = shape("svg", { width: room, height: shown.length * step + 4, role: "img", "aria-label": describe(map, titles, selected) });
  shown.forEach((s, row) => {
    const y = row * step + 18, bend = Math.min(30 + (from - y) * 0.6, room - left - 60);
    const label = shape("text", { x: left - 18, y: y + 4, "text-anchor": "end", "font-weight": s === selected ? "bold" : "normal" });
    label.append(`${shortened(titles[s], Math.floor((left - 50) / 7.2))}  ${s + 1}`);
    const width = { class: "arc", "stroke-width": 0.5 + 12 * weights[s] };
    const weight = shape("text", { x: room - 4, y: y + 4, "text-anchor": "end" });
    weight.append(weights[s].toFixed(2));
    svg.append(label, weight, shape("circle", { cx: left, cy: y, r: 4, class: "dot" }),
      s === selected ? shape("circle", { cx: left, cy: y, r: 9, ...width }) // it looks at itself
        : shape("path", { d: `M${left} ${from} C ${left + bend} ${from}, ${left + bend} ${y}, ${left} ${y}`, ...width }));
  });
  const rest = order.filter((s) => !shown.includes(s));
  box.replaceChildren(svg, element("p", { class: "said" }, rest.length
    ? `The other ${rest.length} get ${rest.reduce((sum, s) => sum + weights[s], 0).toFixed(2)} together.` : ""));
}
