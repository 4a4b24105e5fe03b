// What is drawn from the model's numbers. Text reaches the page as text alone, never as HTML.
"use strict";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const percent = (share) => (share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`);
const shortened = (title, length) =>
  title.length > length ? `${title.slice(0, length - 1)}…` : title;

// The ranking as a list. before: Map of item → its rank before the last change
function showRecommended(list, ranked, before, about) {
  const top = ranked.length ? ranked[0].share : 1;
  list.replaceChildren(...ranked.map(({ item, share }, i) => {
    const was = before.get(item), by = was - (i + 1);
    const moved = !before.size || by === 0 ? "" : was === undefined ? "new" : by > 0 ? `▲${by}` : `▼${-by}`;
    return element("li", { class: "row", "data-item-id": item },
      element("span", {}, `${i + 1}`),
      element("span", {}, about.titles[item], element("span", { class: "genres" }, about.genres[item])),
      element("span", { class: "share" }, percent(share)),
      element("span", { class: "moved" }, moved),
      element("span", { class: "bar", style: `background-size: ${(100 * share) / top}% 100%` }));
  }));
}

// What stood first at a position, and the rank of what came
function showExpected(box, { position, title, masked, first, came }) {
  const lines = [element("p", {}, `Position ${position}, after `, element("b", {}, title),
    masked ? " (masked)" : "", ", the model expected:")];
  lines.push(element("ol", {}, ...first.map(({ title: name, share }, i) =>
    element("li", {}, `${i + 1}  ${name} (${percent(share)})`))));
  lines.push(element("p", {}, came
    ? element("span", {}, "What came: ", element("b", {}, came.title),
      `, which it ranked ${came.rank} of ${came.of} (${percent(came.share)}).`)
    : "What comes next is up to you: this is the last position."));
  box.replaceChildren(...lines);
}

// A table of attention: rows ask, columns answer
function showMap(box, map, titles, selected) {
  const T = titles.length, cell = Math.max(16, Math.min(44, 560 / T)), left = 200, top = 24;
  const svg = shape("svg", { viewBox: `0 0 ${left + T * cell + 10} ${top + T * cell + 8}`,
    width: left + T * cell + 10, role: "img", "aria-label": describe(map, titles) });
  svg.append(shape("defs", {}, shape("pattern",
    { id: "future", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    shape("line", { x1: 0, y1: 0, x2: 0, y2: 6, stroke: "currentColor", "stroke-opacity": 0.35 }))));
  titles.forEach((title, t) => {
    const y = top + t * cell, label = shape("text", { x: left - 6, y: y + cell / 2 + 4, "text-anchor": "end" });
    label.append(`${shortened(title, 22)}  ${t + 1}`);
    if (t === selected) label.setAttribute("font-weight", "bold");
    svg.append(label);
    const head = shape("text", { x: left + (t + 0.5) * cell, y: top - 6, "text-anchor": "middle" });
    head.append(`${t + 1}`);
    svg.append(head);
    for (let s = 0; s < T; s++) {
      const style = s > t ? { fill: "url(#future)" } : { fill: "var(--blue)", "fill-opacity": map[t][s] };
      const square = shape("rect", { x: left + s * cell, y, width: cell - 1, height: cell - 1,
        stroke: "var(--line)", ...style });
      square.append(shape("title", {}, s > t ? "the future: exactly 0"
        : `${title} looks at ${titles[s]}: ${map[t][s].toFixed(3)}`));
      svg.append(square);
    }
  });
  box.replaceChildren(svg);
}

function describe(map, titles) {
  const T = titles.length;
  if (!T) return "no attention: the history is empty";
  const row = Array.from(map[T - 1]), best = row.indexOf(Math.max(...row));
  return `Attention of ${T} positions. The last, ${titles[T - 1]}, looks most at ${titles[best]}: ` +
    `${row[best].toFixed(2)}.`;
}

// Arcs from one position to those that it looks at, as thick as their weights
function showArcs(box, map, titles, selected) {
  const T = titles.length, step = 34, left = 250, height = T * step + 10;
  const svg = shape("svg", { viewBox: `0 0 640 ${height}`, width: 640, role: "img",
    "aria-label": `${titles[selected]} looks at: ` + titles.slice(0, selected + 1)
      .map((title, s) => `${title} ${map[selected][s].toFixed(2)}`).join(", ") });
  titles.forEach((title, t) => {
    const y = t * step + 22, label = shape("text", { x: left - 10, y: y + 4, "text-anchor": "end" });
    label.append(`${shortened(title, 30)}  ${t + 1}`);
    if (t === selected) label.setAttribute("font-weight", "bold");
    svg.append(label, shape("circle", { cx: left, cy: y, r: 4, fill: "var(--blue)" }));
    if (t > selected) return;
    const from = selected * step + 22, bend = 40 + Math.abs(from - y) * 0.7 + (t === selected ? 10 : 0);
    const path = t === selected
      ? `M${left} ${y - 3} c ${bend} -14, ${bend} 20, 0 6`
      : `M${left} ${from} C ${left + bend} ${from}, ${left + bend} ${y}, ${left} ${y}`;
    svg.append(shape("path", { d: path, fill: "none", stroke: "var(--blue)", "stroke-opacity": 0.75,
      "stroke-width": 0.4 + 12 * map[selected][t] }));
    const note = shape("text", { x: 630, y: y + 4, "text-anchor": "end" });
    note.append(map[selected][t].toFixed(2));
    svg.append(note);
  });
  box.replaceChildren(svg);
}

// Attention beside influence: one line a film
function showInfluence(box, titles, looked, lost, target) {
  const most = Math.max(...lost.map((value) => Math.abs(value ?? 0)), 1e-9);
  const head = element("tr", {}, element("th", {}, "film"), element("th", {}, "attention"),
    element("th", {}, "influence"));
  const lines = titles.map((title, t) => element("tr", {}, element("td", {}, title),
    element("td", { class: "number" }, element("span",
      { class: "meter attention", style: `width: ${4 * looked[t]}rem` }), ` ${looked[t].toFixed(2)}`),
    element("td", { class: "number" }, lost[t] === undefined ? "…" : element("span", {},
      element("span", { class: "meter influence", style: `width: ${(4 * Math.abs(lost[t])) / most}rem` }),
      ` ${lost[t] < 0 ? "+" : "−"}${Math.abs(lost[t]).toFixed(2)}`))));
  box.replaceChildren(
    element("p", {}, "Without it, ", element("b", {}, target), " has a log-probability that is lower (−) or higher (+) by:"),
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines)));
}

function showNear(list, near, about) {
  list.replaceChildren(...near.map(({ item, cosine }) =>
    element("li", {}, `${about.titles[item]} `, element("span", { class: "genres" },
      `${about.genres[item]}  cosine ${cosine.toFixed(2)}`))));
}

function showVector(box, vector, name) {
  const top = Math.max(...vector.map(Math.abs), 1e-9);
  box.setAttribute("aria-label", `the vector of ${name}: ${vector.length} numbers, largest ${top.toFixed(2)}`);
  box.replaceChildren(...Array.from(vector, (value) => element("span",
    { style: `height: ${(50 * Math.abs(value)) / top}%; align-self: ${value < 0 ? "end" : "start"}` })));
}
