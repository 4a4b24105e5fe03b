// What is drawn as lists and sentences. Text reaches the page as text alone, never as HTML.
"use strict";

// An HTML element; `on…` attributes listen, and false, null and undefined leave an attribute out
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const percent = (share) => (share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`);
const bold = (text) => element("b", {}, text);
const shortened = (title, length) =>
  title.length > length ? `${title.slice(0, length - 1).trimEnd()}…` : title;

// One film of a list: a button that adds it to the history, a number, and a bar of length 0 to 1
function filmRow({ title, genres = "", lead = "", number = "", part = 0, note = "", watch, ...rest }) {
  return element("li", { class: "row", ...rest },
    element("span", { class: "lead" }, lead),
    element("button", { type: "button", class: "film", title: "add to the history", onclick: watch },
      element("span", { class: "name" }, title), element("span", { class: "genres" }, genres)),
    element("span", { class: "number" }, number, note),
    element("span", { class: "bar", style: `--part: ${part.toFixed(4)}` }));
}

// How an item moved between two lists of shares, one a probability for each item
function movement(item, shares, before) {
  if (!before) return "";
  const was = rankOf(item, before), by = was - rankOf(item, shares);
  const points = Math.round(1000 * (shares[item] - before[item])) / 10;
  const [sign, said] = !before[item] || was > 10 ? ["new", "new in the ten"]
    : by > 0 ? [`▲${by}`, `up ${by}`] : by < 0 ? [`▼${-by}`, `down ${-by}`] : ["=", "same rank"];
  const change = `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
  return element("span", { class: `moved ${sign === "new" ? "new" : by > 0 ? "up" : by < 0 ? "down" : ""}`,
    "aria-label": `${said}, ${change} percentage points` }, `${sign} ${change}`);
}

// The ten best as a list whose rows slide from their old places to the new ones
function showRecommended(list, { ten, shares, before, about, watch }) {
  const tops = new Map(Array.from(list.children, (row) => [row.dataset.itemId, row.getBoundingClientRect().top]));
  list.replaceChildren(...ten.map((item, i) => filmRow({ title: about.titles[item], genres: about.genres[item],
    lead: i + 1, number: percent(shares[item]), part: shares[item] / shares[ten[0]],
    note: movement(item, shares, before), watch: () => watch(item), "data-item-id": item })));
  if (!before || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const slides = Array.from(list.children, (row) => [row, tops.get(row.dataset.itemId) - row.getBoundingClientRect().top]);
  for (const [row, by] of slides) {
    row.animate(Number.isNaN(by) ? [{ opacity: 0 }, { opacity: 1 }]
      : [{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: 300, easing: "ease-out" });
  }
}

// Which of the ten stayed, in a sentence
function showStayed(box, ten, earlier, shares, about) {
  if (!earlier.length) return box.replaceChildren();
  const stayed = earlier.filter((item) => ten.includes(item)).length;
  const gone = earlier.filter((item) => !ten.includes(item) && shares[item]).map((item) => about.titles[item]);
  box.replaceChildren(bold(`${stayed} of the ten stayed.`), gone.length ? ` Gone: ${gone.slice(0, 3).join(" · ")}${gone.length > 3 ? ` and ${gone.length - 3} more` : ""}` : "");
}

// What the model put first at a position, and where it had ranked what came
function showExpected(box, { title, first, shares, came, about, watch }) {
  const lines = first.map((item, i) => filmRow({ title: about.titles[item], genres: item === came ? "this one came" : "",
    lead: i + 1, number: percent(shares[item]), part: shares[item] / shares[first[0]], watch: () => watch(item) }));
  const rank = came && rankOf(came, shares), all = shares.filter((share) => share > 0).length;
  box.replaceChildren(
    element("p", {}, "After ", bold(title), " it expected:"),
    element("ol", {}, ...lines),
    came ? element("p", {}, "What came: ", bold(about.titles[came]), `, its choice number ${rank.toLocaleString("en")} of ` +
      `${all.toLocaleString("en")}, at ${percent(shares[came])}.`)
      : element("p", {}, "Nothing has come yet: this is the most recent one. Select an earlier one to see how well the model guessed."));
}

// near: [{item, cosine}], nearest first
function showNear(box, title, near, about, watch) {
  box.replaceChildren(element("p", {}, "Nearest to ", bold(title), ":"),
    element("ol", {}, ...near.map(({ item, cosine }, i) => filmRow({ title: about.titles[item], genres: about.genres[item],
      lead: i + 1, number: cosine.toFixed(2), part: Math.max(cosine, 0), watch: () => watch(item) }))));
}

// A user's vector: one bar a number, up for positive and down for negative ones
function showVector(box, vector, name) {
  const top = Math.max(...vector.map(Math.abs), 1e-9);
  box.setAttribute("aria-label", `the vector of ${name}: ${vector.length} numbers, the largest of size ${top.toFixed(2)}`);
  box.replaceChildren(...Array.from(vector, (value) => element("span",
    { class: value < 0 ? "below" : "", style: `--part: ${Math.abs(value) / top}`, title: value.toFixed(3) })));
}

// Attention beside influence, a line for each film, the most recent one on top. Returns a function that fills in one influence:
// by what factor the film's presence multiplies the probability of `target`.
function showInfluence(box, titles, looked, target) {
  const most = Math.max(...looked, 1e-9), cells = titles.map(() => element("td", { class: "number" }, "…"));
  const table = element("table", {}, element("thead", {}, element("tr", {},
    ...["", "attention", "influence"].map((name) => element("th", { scope: "col" }, name)))),
  element("tbody", {}, ...titles.map((title, t) => element("tr", {}, element("th", { scope: "row" }, title),
    element("td", { class: "number" }, element("span", { class: "meter looked", style: `--part: ${looked[t] / most}` }),
      looked[t].toFixed(titles.length > 20 ? 3 : 2)), cells[t])).reverse()));
  box.replaceChildren(element("p", {}, "How much of the probability of ", bold(target), " is owed to each?"),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "attention and influence of each" }, table));
  let largest = 0.1; // of the logarithms so far: the longest bar
  return (t, factor) => {
    const size = Math.log(factor);
    largest = Math.max(largest, Math.abs(size));
    table.style.setProperty("--largest", largest);
    const times = factor >= 1 ? `× ${factor.toFixed(2)}` : `÷ ${(1 / factor).toFixed(2)}`;
    cells[t].replaceChildren(element("span", { class: `meter ${size < 0 ? "against" : "for"}`,
      style: `--size: ${Math.abs(size)}` }), times);
  };
}
