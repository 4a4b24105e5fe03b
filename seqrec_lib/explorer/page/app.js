// The page: a history, what the model makes of it, and what changes when you change it.
"use strict";

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const beginning = about.history.map((item) => ({ item, masked: false }));
const state = { history: beginning, past: [], selected: beginning.length - 1, user: 0, thought: null,
  before: null, run: 0, found: [], active: -1 };
let model, users, lengths; // lengths: of the items' vectors

function unpack() {
  const bytes = Uint8Array.from(atob($("weights").textContent), (letter) => letter.charCodeAt(0));
  const weights = {};
  for (const { name, start, length } of about.arrays) {
    weights[name] = new Float32Array(bytes.buffer, 4 * start, length);
  }
  model = new Recommender(about.config, weights);
  const width = about.config.hidden_width - about.config.item_width;
  users = about.users.map((_, i) => weights.users.subarray(i * width, (i + 1) * width));
  lengths = about.titles.map((_, item) => Math.sqrt(together(item, item)) || 1);
}

// What the model reads: up to the last one that isn't masked, of this the last n
const ended = (history) => history.slice(0, history.findLastIndex(({ masked }) => !masked) + 1);
const windowed = (history = state.history) => ended(history).slice(-model.n);
const skipped = () => ended(state.history).length - windowed().length; // how many come before that
const user = () => (users.length ? users[state.user] : null);
const titlesOf = (history) => history.map(({ item }) => about.titles[item]);

// From scores to a probability for each item; what is in `without` may not be recommended
function probabilities(scores, without) {
  for (const item of without) scores[item] = -Infinity;
  return softmax(Float64Array.from(scores));
}

function best(shares, count) {
  const there = [...shares.keys()].filter((item) => shares[item] > 0);
  return there.sort((a, b) => shares[b] - shares[a]).slice(0, count);
}

const rankOf = (item, shares) => 1 + shares.reduce((sum, share) => sum + (share > shares[item]), 0);

function think(history) {
  const films = windowed(history).map(({ item, masked }) => (masked ? 0 : item));
  const { states, maps, T } = model.encode(films, user());
  const seen = history.map(({ item }) => item);
  return { states, maps, T, shares: probabilities(model.scores(states, T, T - 1, user()), seen) };
}

// The answer first; the other views follow when it is on the screen
function refresh(before) {
  const { shares } = (state.thought = think(state.history)), ten = best(shares, 10);
  state.before = before;
  showHistory();
  showRecommended($("recommended"), { ten, shares, before, about, watch });
  showStayed($("stayed"), ten, before ? best(before, 10) : [], shares, about);
  $("status").textContent = before ? `First: ${about.titles[ten[0]]}. ${$("stayed").textContent}` : "";
  const run = ++state.run;
  setTimeout(() => {
    if (run !== state.run) return; // something has changed again
    scrollHistory();
    showPosition();
    measureInfluence(run, ten[0]);
  }, 0);
}

// What depends on the selected position
function showPosition() {
  const history = windowed(), chosen = state.history[state.selected], t = state.selected - skipped();
  if (chosen) showNear($("near"), about.titles[chosen.item], neighbours(chosen.item, 6), about, watch);
  else $("near").replaceChildren(`Add a ${about.item} first.`);
  const read = chosen && !chosen.masked && t >= 0;
  if (read) showExpectation(history, t);
  else $("expected").replaceChildren(!chosen ? `Add a ${about.item} first.` : chosen.masked
    ? "It sees nothing here: this one is masked. Select another." : `The model reads the last ${model.n} only.`);
  showAttention(history, read ? t : history.length - 1); // of the last one that it reads
}

function showExpectation(history, t) {
  const { states, T } = state.thought, titles = titlesOf(history);
  const came = history[t + 1]?.item, earlier = history.slice(0, t + 1).map(({ item }) => item);
  const shares = probabilities(model.scores(states, T, t, user()), earlier.filter((item) => item !== came));
  showExpected($("expected"), { title: titles[t], first: best(shares, 3), shares, came, about, watch });
}

function showAttention(history, t) {
  const titles = titlesOf(history), { maps } = state.thought;
  const map = maps[+$("block").value]?.[+$("head").value];
  showLooks(map?.[t]);
  if (!map) $("attention").replaceChildren("This model has no blocks, and so no attention.");
  else if (t < 0) $("attention").replaceChildren(`Add a ${about.item} first.`);
  else if ($("arcs").checked) showArcs($("attention"), map, titles, t);
  else showMap($("attention"), map, titles, history.map(({ masked }) => masked), t, (place) => select(place + skipped()));
}

// The blue line under a film of the history: how much the selected one looks at it
function showLooks(row) {
  const first = skipped(), most = row ? Math.max(...row) || 1 : 1;
  Array.from($("history").children, (chip, i) =>
    chip.style.setProperty("--looked", row && i >= first ? row[i - first] / most : 0));
}

const together = (one, other) => dot(model.table, one * model.itemWidth, model.table, other * model.itemWidth, model.itemWidth);

// The items whose vectors point in nearly the same direction
function neighbours(of, count) {
  const near = [];
  for (let item = 1; item < about.titles.length; item++) {
    if (item !== of) near.push({ item, cosine: together(of, item) / (lengths[of] * lengths[item]) });
  }
  return near.sort((a, b) => b.cosine - a.cosine).slice(0, count);
}

// One film away at a time, in slices that leave the page awake; a newer change ends an older run
function measureInfluence(run, target) {
  const history = windowed(), { maps, T, shares } = state.thought, tables = maps.flat();
  if (!history.length) return $("influence").replaceChildren(`Add a ${about.item} first.`);
  const looked = history.map((_, s) => // by the last position, the mean over blocks and heads
    tables.reduce((sum, map) => sum + map[T - 1][s], 0) / Math.max(tables.length, 1));
  const fill = showInfluence($("influence"), titlesOf(history), looked, about.titles[target]);
  let t = history.length; // the most recent one first
  const step = () => {
    const until = performance.now() + 12;
    while (t > 0 && run === state.run && performance.now() < until) {
      t--;
      const rest = history.filter((_, other) => other !== t);
      fill(t, shares[target] / think(rest).shares[target]);
    }
    if (t > 0 && run === state.run) setTimeout(step, 0);
  };
  setTimeout(step, 0);
}

// Every change makes a new history and keeps the old one. selected: the index that is looked at then
function change(history, selected) {
  state.past.push({ history: state.history, selected: state.selected });
  const { shares } = state.thought;
  Object.assign(state, { history, selected: Math.min(Math.max(selected, 0), history.length - 1) });
  refresh(shares);
}

function watch(item) {
  change([...state.history, { item, masked: false }], state.history.length);
}

function move(from, to) {
  if (from === to || to < 0 || to >= state.history.length) return;
  const history = state.history.toSpliced(from, 1);
  change(history.toSpliced(to, 0, state.history[from]), to);
}

const remove = (i) => change(state.history.toSpliced(i, 1), i < state.selected ? state.selected - 1 : state.selected);
const mask = (i) => change(state.history.with(i, { ...state.history[i], masked: !state.history[i].masked }), i);

function undo() {
  const { shares } = state.thought;
  Object.assign(state, state.past.pop());
  refresh(shares);
}

function select(i) {
  state.selected = i;
  showHistory();
  scrollHistory();
  showPosition();
}

// What the keys do on a film of the history
function keyed(event) {
  const i = placeOf(event.target), last = state.history.length - 1, by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && event.shiftKey) move(i, i + by);
  else if (by) select(Math.min(Math.max(i + by, 0), last));
  else if (event.key === "Home" || event.key === "End") select(event.key === "Home" ? 0 : last);
  else if (event.key === "Delete" || event.key === "Backspace") remove(i);
  else if (event.key.toLowerCase() === "m" && !event.ctrlKey && !event.metaKey) mask(i);
  else return;
  event.preventDefault();
  (chipOf(state.selected)?.querySelector(".title") ?? $("search")).focus();
}

const chipOf = (i) => $("history").children[i];
const placeOf = (node) => Array.from($("history").children).indexOf(node.closest("#history > li"));

// A film of the history as something to hold. It is made once for each entry, and then moved about
function chip({ item, masked }) {
  const title = about.titles[item];
  return element("li", { draggable: "true", class: masked && "masked" },
    element("button", { class: "title", type: "button", "aria-label": masked && `${title}, masked` }, title),
    element("button", { class: "away", type: "button", tabindex: -1, "aria-label": `Remove ${title}` }, "✕"));
}

const chips = new WeakMap(); // entry of the history → its chip
function showHistory() {
  const list = $("history"), { history, selected } = state, first = skipped();
  const wanted = history.map((entry) => chips.get(entry) ?? chips.set(entry, chip(entry)).get(entry));
  const focused = list.contains(document.activeElement) && document.activeElement.className === "title";
  wanted.forEach((made, i) => { // what is where it belongs is left alone: 200 films are many
    if (list.children[i] === made) return;
    if (list.children[i + 1] === made) list.children[i].remove();
    else list.insertBefore(made, list.children[i] ?? null);
  });
  while (list.children.length > wanted.length) list.lastChild.remove();
  wanted.forEach((made, i) => {
    made.classList.toggle("selected", i === selected);
    made.classList.toggle("forgotten", i < first);
    Object.assign(made.firstChild, { tabIndex: i === selected ? 0 : -1, ariaPressed: `${i === selected}` });
  });
  if (focused) wanted[selected]?.firstChild.focus();
  showTools();
}

function showTools() {
  const { history, selected } = state, there = selected >= 0;
  $("chosen").textContent = there ? about.titles[history[selected].item] : "nothing";
  $("mask").textContent = there && history[selected].masked ? "unmask" : "mask";
  for (const id of ["mask", "remove"]) $(id).disabled = !there;
  $("earlier").disabled = selected < 1;
  $("later").disabled = !there || selected === history.length - 1;
  $("undo").disabled = !state.past.length;
}

// The list keeps the selected one in sight
function scrollHistory() {
  const list = $("history"), made = chipOf(state.selected);
  if (!made) return;
  list.scrollTop = Math.min(Math.max(list.scrollTop, made.offsetTop + made.offsetHeight - list.clientHeight), made.offsetTop);
}

function listenToHistory(list) {
  list.addEventListener("click", (event) => {
    const { className } = event.target, i = placeOf(event.target);
    if (className === "away") remove(i);
    else if (i >= 0) {
      select(i);
      chipOf(i).firstChild.focus();
    }
  });
  list.addEventListener("keydown", (event) => { if (event.target.className === "title") keyed(event); });
  list.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("text/plain", placeOf(event.target));
    event.dataTransfer.effectAllowed = "move";
  });
  const over = (event, there) => event.target.closest("#history > li")?.classList.toggle("over", there);
  list.addEventListener("dragover", (event) => { event.preventDefault(); over(event, true); });
  list.addEventListener("dragleave", (event) => over(event, false));
  list.addEventListener("drop", (event) => {
    event.preventDefault();
    over(event, false);
    const to = placeOf(event.target);
    move(+event.dataTransfer.getData("text/plain"), to < 0 ? state.history.length - 1 : to);
  });
}

// Search: every typed word must begin a word of the title; titles that begin with it come first
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text) => plain(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
const searched = about.titles.map(wordsOf);

function search(text) {
  const typed = wordsOf(text);
  if (!typed.length) return [];
  const hits = [...searched.keys()].filter((item) =>
    item && typed.every((part) => searched[item].some((word) => word.startsWith(part))));
  const late = (item) => (searched[item][0].startsWith(typed[0]) ? 0 : 1);
  return hits.sort((a, b) => late(a) - late(b) || about.titles[a].localeCompare(about.titles[b])).slice(0, 12);
}

function showFound(found, active) {
  Object.assign(state, { found, active });
  const box = $("search");
  $("found").hidden = !found.length;
  box.setAttribute("aria-expanded", `${found.length > 0}`);
  if (active < 0) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", `found-${active}`);
  $("found").replaceChildren(...found.map((item, i) => element("li", { role: "option", id: `found-${i}`,
    "aria-selected": `${i === active}`, onmousedown: (event) => { event.preventDefault(); take(i); } },
  about.titles[item], element("span", { class: "genres" }, about.genres[item]))));
  if (active >= 0) $(`found-${active}`).scrollIntoView({ block: "nearest" });
}

function take(i) {
  const item = state.found[i];
  $("search").value = "";
  showFound([], -1);
  watch(item);
}

function listen() {
  const box = $("search");
  listenToHistory($("history"));
  box.addEventListener("input", () => {
    const found = search(box.value);
    showFound(found, found.length ? 0 : -1);
  });
  box.addEventListener("keydown", (event) => {
    const { found, active } = state, by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && found.length) showFound(found, (active + by + found.length) % found.length);
    else if (event.key === "Enter" && active >= 0) take(active);
    else if (event.key === "Escape") showFound([], -1);
    else return;
    event.preventDefault();
  });
  box.addEventListener("blur", () => showFound([], -1));
  const act = { earlier: () => move(state.selected, state.selected - 1), later: () => move(state.selected, state.selected + 1),
    mask: () => mask(state.selected), remove: () => remove(state.selected), undo, restart: () => change(beginning, beginning.length - 1) };
  for (const [id, action] of Object.entries(act)) $(id).addEventListener("click", action);
  for (const id of ["block", "head", "arcs", "table"]) $(id).addEventListener("change", showPosition);
  $("who").addEventListener("change", () => {
    state.user = +$("who").value;
    showVector($("vector"), user(), about.users[state.user]);
    refresh(state.thought.shares);
  });
  for (const [target, event] of [[window, "resize"], [matchMedia("(prefers-color-scheme: dark)"), "change"]]) {
    target.addEventListener(event, () => requestAnimationFrame(showPosition)); // the canvas has sizes and colours of its own
  }
}

function start() {
  unpack();
  document.querySelectorAll("[data-model]").forEach((box) => box.append(about.model));
  document.querySelectorAll("[data-item]").forEach((box) => box.append(about.item));
  $("holds").textContent = about.holds;
  $("try").append(...about.tasks.map((task) => element("li", {}, task)));
  const options = (names) => names.map((name, i) => element("option", { value: i }, name));
  const count = (length) => Array.from({ length }, (_, i) => `${i + 1}`);
  const { num_blocks: blocks, attention_num_heads: heads } = about.config;
  $("block").append(...options(count(blocks)));
  $("block").value = Math.max(blocks - 1, 0);
  $("head").append(...options(count(heads)));
  $("head").parentElement.hidden = heads < 2;
  if (users.length) {
    $("person").hidden = false;
    $("who").append(...options(about.users));
    showVector($("vector"), user(), about.users[0]);
  }
  listen();
  refresh(null);
}

requestAnimationFrame(() => setTimeout(start, 0)); // the page is painted first, then thinks
