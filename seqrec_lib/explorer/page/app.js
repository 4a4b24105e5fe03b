// The page: a history, what the model makes of it, and what changes when you change it.
"use strict";

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const state = { history: about.history.map((item) => ({ item, masked: false })), selected: null,
  user: 0, before: new Map(), latest: [], run: 0, found: [], active: -1 };
let model, users, norms;

function unpack() {
  const bytes = Uint8Array.from(atob($("weights").textContent), (letter) => letter.charCodeAt(0));
  const weights = {};
  for (const { name, start, length } of about.arrays) {
    weights[name] = new Float32Array(bytes.buffer, 4 * start, length);
  }
  model = new Recommender(about.config, weights);
  const width = about.config.hidden_width - about.config.item_width;
  users = about.users.map((_, i) => weights.users.subarray(i * width, (i + 1) * width));
}

const films = (history) => history.map(({ item, masked }) => (masked ? 0 : item));
const windowed = () => state.history.slice(-model.n);
const user = () => (users.length ? users[state.user] : null);

// Probabilities over what may be recommended: everything the data set has, less the history
function ranking(scores, without) {
  const items = [];
  for (let item = 1; item < about.titles.length; item++) if (!without.has(item)) items.push(item);
  const shares = softmax(Float64Array.from(items, (item) => scores[item]));
  return items.map((item, i) => ({ item, share: shares[i] })).sort((a, b) => b.share - a.share);
}

function think(history = state.history) {
  const { states, maps, T } = model.encode(films(history), user());
  const seen = new Set(history.map(({ item }) => item));
  return { states, maps, T, ranked: ranking(model.scores(states, T, T - 1, user()), seen) };
}

function refresh(changed) {
  const thought = think();
  if (changed) state.before = new Map(state.latest.map(({ item }, i) => [item, i + 1]));
  state.latest = thought.ranked;
  const T = windowed().length;
  if (state.selected === null || state.selected >= T || changed) state.selected = T - 1;
  showHistory();
  showRecommended($("recommended"), thought.ranked.slice(0, 10), state.before, about);
  showPosition(thought);
  if (changed) $("status").textContent = `First: ${about.titles[thought.ranked[0].item]}`;
  measureInfluence(thought);
}

// What depends on the selected position alone
function showPosition({ states, maps, T }) {
  const history = windowed(), t = state.selected, titles = history.map(({ item }) => about.titles[item]);
  if (!history.length) {
    for (const id of ["expected", "attention", "near"]) $(id).replaceChildren("Add something first.");
    return;
  }
  const earlier = new Set(history.slice(0, t + 1).map(({ item }) => item));
  const next = history[t + 1];
  if (next) earlier.delete(next.item);
  const ranked = ranking(model.scores(states, T, t, user()), earlier);
  const rank = next ? ranked.findIndex(({ item }) => item === next.item) : -1;
  showExpected($("expected"), { position: t + 1, title: titles[t], masked: history[t].masked,
    first: ranked.slice(0, 3).map(({ item, share }) => ({ title: about.titles[item], share })),
    came: rank < 0 ? null : { title: titles[t + 1], rank: rank + 1, of: ranked.length, share: ranked[rank].share } });
  if (maps.length) {
    const map = maps[+$("block").value][+$("head").value];
    ($("arcs").checked ? showArcs : showMap)($("attention"), map, titles, t);
  } else $("attention").replaceChildren("This model has no blocks, and so no attention.");
  showNear($("near"), neighbours(history[t].item), about);
}

function neighbours(of, count = 5) {
  const { output, itemWidth: D } = model, near = [];
  const dot = (a, b) => {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += output[a * D + d] * output[b * D + d];
    return sum;
  };
  norms ??= Float32Array.from(about.titles, (_, item) => Math.sqrt(dot(item, item)) || 1);
  for (let item = 1; item < about.titles.length; item++) {
    if (item !== of) near.push({ item, cosine: dot(of, item) / (norms[of] * norms[item]) });
  }
  return near.sort((a, b) => b.cosine - a.cosine).slice(0, count);
}

// One film away at a time, in slices that leave the page awake; a newer change ends an older run
function measureInfluence({ maps, T, ranked }) {
  const history = windowed(), run = ++state.run, target = ranked[0], lost = [];
  if (!history.length) return $("influence").replaceChildren("Add something first.");
  const looked = history.map((_, s) => {
    const tables = maps.flat(); // the last position's attention, the mean over blocks and heads
    return tables.reduce((sum, map) => sum + map[T - 1][s], 0) / Math.max(tables.length, 1);
  });
  const titles = history.map(({ item }) => about.titles[item]);
  const show = () => showInfluence($("influence"), titles, looked, lost, about.titles[target.item]);
  const step = () => {
    if (run !== state.run) return;
    const until = performance.now() + 12;
    while (lost.length < history.length && performance.now() < until) {
      const rest = history.filter((_, t) => t !== lost.length);
      const { ranked: others } = think(rest);
      const share = others.find(({ item }) => item === target.item).share;
      lost.push(Math.log(target.share) - Math.log(share));
    }
    show();
    if (lost.length < history.length) setTimeout(step, 0);
  };
  show();
  setTimeout(step, 0);
}

function change(edit) {
  edit(state.history);
  refresh(true);
}

function move(from, to) {
  if (to < 0 || to >= state.history.length || from === to) return;
  change((history) => history.splice(to, 0, history.splice(from, 1)[0]));
}

function showHistory() {
  const first = state.history.length - windowed().length;
  $("history").replaceChildren(...state.history.map(({ item, masked }, i) => {
    const title = about.titles[item], focus = (name) => document.activeElement?.dataset?.key === name;
    const small = (key, label, text, action, more = {}) => element("button", { class: "small",
      type: "button", "aria-label": `${label} ${title}`, title: label, "data-key": `${key}${i}`, onclick: action, ...more }, text);
    const chosen = i - first === state.selected;
    return element("li", { draggable: "true", class: `${chosen ? "selected" : ""} ${masked ? "masked" : ""}`,
      ondragstart: (event) => event.dataTransfer.setData("text/plain", i),
      ondragover: (event) => { event.preventDefault(); event.currentTarget.classList.add("over"); },
      ondragleave: (event) => event.currentTarget.classList.remove("over"),
      ondrop: (event) => { event.preventDefault(); move(+event.dataTransfer.getData("text/plain"), i); } },
    element("button", { class: "title", type: "button", "data-key": `t${i}`, "aria-pressed": chosen,
      onclick: () => { state.selected = Math.max(i - first, 0); refresh(false); $("history").querySelector(`[data-key=t${i}]`).focus(); } }, title),
    small("l", "Move earlier:", "◂", () => move(i, i - 1), i ? {} : { disabled: "" }),
    small("r", "Move later:", "▸", () => move(i, i + 1), i < state.history.length - 1 ? {} : { disabled: "" }),
    small("m", masked ? "Unmask" : "Mask", masked ? "◌" : "●", () => change((h) => { h[i].masked = !masked; }), { "aria-pressed": masked }),
    small("x", "Remove", "✕", () => change((h) => h.splice(i, 1))));
  }));
}

// Search: every typed word must begin a word of the title; titles that begin with it come first
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const searched = about.titles.map((title) => plain(title));
function search(text) {
  const typed = plain(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (!typed.length) return [];
  const hits = [];
  searched.forEach((title, item) => {
    const words = title.split(/[^\p{L}\p{N}]+/u);
    if (item && typed.every((part) => words.some((word) => word.startsWith(part)))) {
      hits.push({ item, late: title.startsWith(typed[0]) ? 0 : 1 });
    }
  });
  return hits.sort((a, b) => a.late - b.late || searched[a.item].localeCompare(searched[b.item])).slice(0, 12);
}

function showFound() {
  const { found, active } = state, box = $("search");
  $("found").hidden = !found.length;
  box.setAttribute("aria-expanded", found.length > 0);
  if (active < 0) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", `found-${active}`);
  $("found").replaceChildren(...found.map(({ item }, i) => element("li", { role: "option", id: `found-${i}`,
    "aria-selected": i === active, onmousedown: (event) => { event.preventDefault(); take(i); } }, about.titles[item])));
  if (active >= 0) $(`found-${active}`).scrollIntoView({ block: "nearest" });
}

function take(i) {
  const { item } = state.found[i];
  $("search").value = "";
  Object.assign(state, { found: [], active: -1 });
  showFound();
  change((history) => history.push({ item, masked: false }));
}

function listen() {
  const box = $("search");
  box.addEventListener("input", () => {
    state.found = search(box.value);
    state.active = state.found.length ? 0 : -1;
    showFound();
  });
  box.addEventListener("keydown", (event) => {
    const count = state.found.length, by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && count) state.active = (state.active + by + count) % count;
    else if (event.key === "Enter" && state.active >= 0) return take(state.active);
    else if (event.key === "Escape") Object.assign(state, { found: [], active: -1 });
    else return;
    event.preventDefault();
    showFound();
  });
  box.addEventListener("blur", () => { state.found = []; state.active = -1; showFound(); });
  for (const id of ["block", "head", "arcs"]) $(id).addEventListener("change", () => showPosition(think()));
  $("who").addEventListener("change", () => {
    state.user = +$("who").value;
    showVector($("vector"), user(), about.users[state.user]);
    refresh(true);
  });
}

function start() {
  unpack();
  document.querySelectorAll("[data-model]").forEach((box) => box.append(about.model));
  document.querySelectorAll("[data-item]").forEach((box) => box.append(about.item));
  $("holds").textContent = about.holds;
  const options = (count) => Array.from({ length: count }, (_, i) => element("option", { value: i }, `${i + 1}`));
  $("block").append(...options(about.config.num_blocks));
  $("head").append(...options(about.config.attention_num_heads));
  $("block").value = Math.max(about.config.num_blocks - 1, 0);
  $("try").append(...about.tasks.map((task) => element("li", {}, task)));
  if (users.length) {
    $("person").hidden = false;
    $("who").append(...about.users.map((name, i) => element("option", { value: i }, name)));
    showVector($("vector"), user(), about.users[0]);
  }
  listen();
  refresh(false);
}

requestAnimationFrame(() => setTimeout(start, 0)); // the page is painted first, then thinks
