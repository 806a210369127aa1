"use strict";
(() => {
const run = JSON.parse(document.getElementById("run").textContent);
const $ = (id) => document.getElementById(id);
const view = $("view"), map = $("map"), stage = $("stage");
const all = run.t.length;
const shown = run.shown ?? Array.from({ length: all }, (_, at) => at);
const order = new Int32Array(all).fill(-1);
shown.forEach((event, at) => { order[event] = at; });

const HEAD = 30, LEFT = 190;
/** Height of a lane: few lanes share the stage, many scroll. */
let ROW = 34;
const state = { from: 0, to: 1, top: 0, byTime: true, chosen: -1, past: null, hits: null, hover: -1 };

// ── scales ──────────────────────────────────────────────────────────────────────────────────────────────────────────
const position = (event) => state.byTime ? run.t[event] : order[event];
const first = () => shown.length ? position(shown[0]) : 0;
const last = () => shown.length ? position(shown[shown.length - 1]) : 1;
const wide = () => Math.max(view.clientWidth - LEFT - 16, 10);
const x = (at) => LEFT + (at - state.from) / (state.to - state.from) * wide();
const unx = (px) => state.from + (px - LEFT) / wide() * (state.to - state.from);
const y = (lane) => HEAD + lane * ROW + ROW / 2 - state.top;

function fit() {
  const room = Math.max((last() - first()) * 0.02, state.byTime ? 1 : 0.5);
  [state.from, state.to] = [first() - room, last() + room];
}
function zoom(factor, at) {
  const least = state.byTime ? 20 : 4;
  const most = Math.max((last() - first()) * 1.2, least);
  const span = Math.min(Math.max((state.to - state.from) * factor, least), most);
  const part = (at - state.from) / (state.to - state.from);
  [state.from, state.to] = [at - span * part, at + span * (1 - part)];
  keep();
}
function pan(by) { state.from += by; state.to += by; keep(); }
function keep() {
  const span = state.to - state.from, low = first() - span * 0.5, high = last() + span * 0.5;
  if (state.from < low) [state.from, state.to] = [low, low + span];
  if (state.to > high) [state.from, state.to] = [high - span, high];
}
/** The first place in `shown` whose event is at `at` or later. */
function seek(at) {
  let low = 0, high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (position(shown[middle]) < at) low = middle + 1; else high = middle;
  }
  return low;
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────
function clock(ns) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${trim(ns / 1e3, 3)} µs`;
  if (ns < 1e9) return `${trim(ns / 1e6, 6)} ms`;
  return `${trim(ns / 1e9, 9)} s`;
}
const trim = (value, digits) => value.toFixed(digits).replace(/\.?0+$/, "");
const count = (n) => n.toLocaleString("en-US");
const kind = (event) => run.kinds[run.k[event]];
const place = (event) => run.l[event] < 0 ? "world" : run.lanes[run.l[event]].name;
const isFault = (event) => run.faults[run.k[event]];

let paint = {};
function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ground", "panel", "ink", "soft", "line", "band", "message", "timer", "start", "action", "fault",
    "notified", "chosen", "past", "dead", "paused"];
  paint = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
function colour(event) {
  if (isFault(event)) return paint.fault;
  return { datagram: paint.message, timer: paint.timer, start: paint.start, action: paint.action,
    notified: paint.notified, held: paint.notified }[kind(event)] ?? paint.message;
}

// ── what happened to processes and links, as spans ──────────────────────────────────────────────────────────────────
const spans = [];
{
  const open = new Map();
  const close = (key, at) => { const span = open.get(key); if (span) { span.to = at; open.delete(key); } };
  const begin = (key, lane, at, what) => {
    close(key, at);
    const span = { lane, from: at, to: Infinity, what };
    open.set(key, span); spans.push(span);
  };
  for (let event = 0; event < all; event++) {
    const lane = run.l[event];
    switch (kind(event)) {
      case "kill": close(lane, event); begin(lane, lane, event, "dead"); break;
      case "pause": begin(lane, lane, event, "paused"); break;
      case "start": case "resume": close(lane, event); break;
    }
  }
  const cut = new Map();
  for (const [at, after, what, from, to] of run.notes) {
    const key = `${from}>${to}`;
    if (what === "heal") { const span = cut.get(key); if (span) { span.to = after; span.toNs = at; cut.delete(key); } }
    else if (what === "partition") {
      const span = { lane: from, from: after, to: Infinity, fromNs: at, what: "dead" };
      cut.set(key, span); spans.push(span);
    }
  }
}
/** Where between the shown events something stands that happened before event `after`. */
function between(after) {
  let low = 0, high = shown.length;
  while (low < high) { const middle = (low + high) >> 1; if (shown[middle] < after) low = middle + 1; else high = middle; }
  return low - 0.5;
}
const edge = (event, ns) => state.byTime ? (ns ?? run.t[event]) : between(event);

/** How many places an arrow may reach back, so that arrows which end beyond the right edge are drawn too. */
let reach = 0;
for (const event of shown) {
  const cause = run.c[event];
  if (arrow(event) && cause >= 0 && order[cause] >= 0) reach = Math.max(reach, order[event] - order[cause]);
}
function arrow(event) { return run.x[event] >= 0; }
/** What an event follows: its cause, the one before it in its process, the clock, and the stores that it saw. */
const ties = (event) => [run.c[event], run.p[event], run.m[event], ...(run.s[event] ?? [])];

// ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
let pen, asked = false;
function draw() { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; render(); }); } }
function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
function render() {
  pen = sharp(view);
  const width = view.clientWidth, height = view.clientHeight;
  ROW = Math.min(Math.max(Math.floor((height - HEAD - 8) / Math.max(run.lanes.length, 1)), 34), 120);
  state.top = Math.min(Math.max(state.top, 0), Math.max(HEAD + run.lanes.length * ROW - height + 8, 0));
  bands(width);
  pen.save();
  pen.beginPath(); pen.rect(LEFT, HEAD, width - LEFT, height - HEAD); pen.clip();
  shade();
  const low = seek(state.from), high = seek(state.to);
  const dense = high - low > 4000;
  if (!dense) arrows(Math.max(low, 0), Math.min(high + reach, shown.length), low, high);
  dots(low, high, dense);
  notes();
  if (state.past) pastLines();
  marks(low, high);
  pen.restore();
  ruler(width);
  labels(height);
  if (!shown.length) { pen.fillStyle = paint.soft; pen.font = "14px system-ui, sans-serif"; pen.fillText("No event fits.", LEFT + 20, HEAD + 40); }
  minimap();
}
function bands(width) {
  for (let lane = 0; lane < run.lanes.length; lane++) {
    const at = y(lane);
    if (lane % 2) { pen.fillStyle = paint.band; pen.fillRect(0, at - ROW / 2, width, ROW); }
    pen.strokeStyle = paint.line; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(LEFT, at + 0.5); pen.lineTo(width, at + 0.5); pen.stroke();
  }
}
function shade() {
  for (const span of spans) {
    const from = Math.max(x(edge(span.from, span.fromNs)), LEFT);
    const to = span.to === Infinity ? view.clientWidth : Math.min(x(edge(span.to, span.toNs)), view.clientWidth);
    if (to <= from) continue;
    pen.fillStyle = paint[span.what];
    pen.fillRect(from, y(span.lane) - 14, to - from, 28);
  }
}
function arrows(low, high, seenLow, seenHigh) {
  const faint = state.past !== null || state.hits !== null;
  for (let at = low; at < high; at++) {
    const event = shown[at];
    if (!arrow(event)) continue;
    const cause = run.c[event];
    if (at >= seenHigh && (cause < 0 || order[cause] < 0 || order[cause] >= seenHigh)) continue;
    const inPast = state.past?.has(event) && cause >= 0 && state.past.has(cause);
    if (!inPast) message(event, cause, faint ? 0.18 : 0.62);
  }
}
function message(event, cause, alpha) {
  const lost = kind(event) === "dropped";
  const toX = x(position(event)), toY = y(run.x[event]);
  const sent = cause >= 0 && order[cause] >= 0 && run.l[cause] >= 0;
  let fromX = sent ? x(position(cause)) : toX - 14;
  const fromY = sent ? y(run.l[cause]) : toY - 10;
  let endX = toX, endY = toY;
  if (lost && run.l[event] !== run.x[event]) {
    // Lost on the way: the arrow ends where nobody sees it any more.
    endX = fromX + Math.max((toX - fromX) * 0.5, 12); endY = fromY + (toY - fromY) * 0.45;
  }
  pen.globalAlpha = alpha;
  pen.strokeStyle = pen.fillStyle = lost ? paint.fault : paint.message;
  pen.lineWidth = lost ? 1.4 : 1.1;
  pen.setLineDash(lost ? [4, 3] : []);
  pen.beginPath(); pen.moveTo(fromX, fromY);
  if (fromY === endY) pen.quadraticCurveTo((fromX + endX) / 2, fromY - 13, endX, endY); else pen.lineTo(endX, endY);
  pen.stroke();
  pen.setLineDash([]);
  if (lost) cross(endX, endY, 4); else tip(fromX, fromY, endX, endY);
  pen.globalAlpha = 1;
}
function tip(fromX, fromY, toX, toY) {
  const angle = Math.atan2(toY - fromY, toX - fromX), long = 7;
  const [atX, atY] = [toX - 5 * Math.cos(angle), toY - 5 * Math.sin(angle)];
  pen.beginPath(); pen.moveTo(atX, atY);
  pen.lineTo(atX - long * Math.cos(angle - 0.4), atY - long * Math.sin(angle - 0.4));
  pen.lineTo(atX - long * Math.cos(angle + 0.4), atY - long * Math.sin(angle + 0.4));
  pen.closePath(); pen.fill();
}
function cross(atX, atY, size) {
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(atX - size, atY - size); pen.lineTo(atX + size, atY + size);
  pen.moveTo(atX - size, atY + size); pen.lineTo(atX + size, atY - size);
  pen.stroke();
}
function dots(low, high, dense) {
  const faint = state.past !== null;
  const seen = new Map();
  for (let at = low; at < high; at++) {
    const event = shown[at], lane = run.l[event];
    if (lane < 0) continue;
    const atX = x(position(event)), fault = isFault(event);
    if (dense && !fault) {
      // One mark a pixel and lane: the eye sees no more, and fifty thousand events are drawn in a blink.
      if (seen.get(lane) === Math.round(atX)) continue;
      seen.set(lane, Math.round(atX));
    }
    pen.globalAlpha = faint && !state.past.has(event) ? 0.22 : state.hits && !state.hits.has(event) ? 0.25 : 1;
    glyph(event, atX, y(lane), dense);
  }
  pen.globalAlpha = 1;
}
function glyph(event, atX, atY, dense) {
  pen.fillStyle = pen.strokeStyle = colour(event);
  if (dense && !isFault(event)) { pen.fillRect(atX - 0.5, atY - 6, 1, 12); return; }
  switch (kind(event)) {
    case "dropped": cross(atX, atY, 3.5); break;
    case "kill": cross(atX, atY, 6); break;
    case "pause": pen.fillRect(atX - 4, atY - 6, 3, 12); pen.fillRect(atX + 1, atY - 6, 3, 12); break;
    case "resume": case "start":
      pen.beginPath(); pen.moveTo(atX - 4, atY - 6); pen.lineTo(atX + 6, atY); pen.lineTo(atX - 4, atY + 6); pen.closePath(); pen.fill(); break;
    case "timer": pen.lineWidth = 1.5; pen.beginPath(); pen.arc(atX, atY, 3.6, 0, 7); pen.stroke(); break;
    case "action": case "clock": pen.beginPath(); pen.moveTo(atX, atY - 6); pen.lineTo(atX + 5, atY); pen.lineTo(atX, atY + 6); pen.lineTo(atX - 5, atY); pen.closePath(); pen.fill(); break;
    default: pen.beginPath(); pen.arc(atX, atY, 4.2, 0, 7); pen.fill();
  }
}
function notes() {
  pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "alphabetic";
  let freeX = -Infinity;
  for (const [at, after, what, from, to] of run.notes) {
    const atX = x(state.byTime ? at : between(after));
    if (atX < LEFT || atX > view.clientWidth) continue;
    pen.strokeStyle = pen.fillStyle = what === "heal" ? paint.start : paint.fault;
    pen.lineWidth = 1.4; pen.setLineDash([2, 3]);
    pen.beginPath(); pen.moveTo(atX, y(from)); pen.lineTo(atX, y(to)); pen.stroke(); pen.setLineDash([]);
    if (atX > freeX) { pen.fillText(what, atX + 4, Math.min(y(from), y(to)) - 6); freeX = atX + 56; }
  }
}
function pastLines() {
  pen.strokeStyle = paint.past; pen.fillStyle = paint.past; pen.lineWidth = 2.2;
  const low = state.from, high = state.to;
  let drawn = 0;
  for (const event of state.past) {
    if (order[event] < 0 || drawn > 6000) continue;
    for (const before of ties(event)) {
      if (before < 0 || order[before] < 0 || run.l[before] < 0 || run.l[event] < 0) continue;
      if (position(event) < low || position(before) > high) continue;
      const [fromX, fromY, toX, toY] = [x(position(before)), y(run.l[before]), x(position(event)), y(run.l[event])];
      pen.globalAlpha = run.l[before] === run.l[event] ? 0.5 : 0.95;
      pen.beginPath(); pen.moveTo(fromX, fromY); pen.lineTo(toX, toY); pen.stroke();
      if (fromY !== toY) tip(fromX, fromY, toX, toY);
      drawn++;
    }
  }
  pen.globalAlpha = 1;
}
function ring(event, stroke, size, width) {
  if (event < 0 || order[event] < 0 || run.l[event] < 0) return;
  pen.strokeStyle = stroke; pen.lineWidth = width;
  pen.beginPath(); pen.arc(x(position(event)), y(run.l[event]), size, 0, 7); pen.stroke();
}
function marks(low, high) {
  if (state.hits && high - low <= 4000) for (let at = low; at < high; at++) if (state.hits.has(shown[at])) ring(shown[at], paint.ink, 7.5, 1.4);
  ring(run.broken, paint.fault, 11, 2);
  ring(state.hover, paint.soft, 8, 1.5);
  ring(state.chosen, paint.chosen, 9, 3);
}
function ruler(width) {
  pen.fillStyle = paint.ground; pen.fillRect(0, 0, width, HEAD);
  pen.strokeStyle = paint.line; pen.beginPath(); pen.moveTo(0, HEAD - 0.5); pen.lineTo(width, HEAD - 0.5); pen.stroke();
  const step = nice((state.to - state.from) / wide() * 120);
  pen.fillStyle = paint.soft; pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "middle";
  for (let at = Math.ceil(state.from / step) * step; at <= state.to; at += step) {
    if (at < 0 || (!state.byTime && at >= shown.length)) continue;
    const atX = x(at);
    if (atX < LEFT) continue;
    pen.fillRect(atX, HEAD - 6, 1, 5);
    const text = state.byTime ? clock(Math.round(at)) : `#${shown[Math.min(Math.round(at), shown.length - 1)] ?? ""}`;
    if (atX + pen.measureText(text).width + 6 < width) pen.fillText(text, atX + 4, HEAD / 2);
  }
}
function nice(least) {
  if (!state.byTime && least < 1) return 1;
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? least;
}
function labels(height) {
  pen.fillStyle = paint.ground; pen.fillRect(0, HEAD, LEFT - 1, height - HEAD);
  pen.save(); pen.beginPath(); pen.rect(0, HEAD, LEFT - 8, height - HEAD); pen.clip();
  pen.textBaseline = "middle";
  run.lanes.forEach((lane, at) => {
    const chosen = state.chosen >= 0 && run.l[state.chosen] === at;
    pen.fillStyle = lane.whole ? paint.soft : paint.ink;
    pen.font = `${chosen ? "600 " : ""}${lane.whole ? "italic " : ""}13px system-ui, sans-serif`;
    pen.fillText(lane.name, 16, y(at));
  });
  pen.restore();
  pen.strokeStyle = paint.line; pen.beginPath(); pen.moveTo(LEFT - 0.5, 0); pen.lineTo(LEFT - 0.5, height); pen.stroke();
}
function minimap() {
  const at = sharp(map), width = map.clientWidth - LEFT - 16, height = map.clientHeight;
  if (width < 10 || !shown.length) return;
  const bars = new Uint32Array(width + 1), faults = new Uint8Array(width + 1), span = Math.max(last() - first(), 1);
  const column = (event) => Math.round((position(event) - first()) / span * width);
  for (const event of shown) { bars[column(event)]++; if (isFault(event)) faults[column(event)] = 1; }
  const most = bars.reduce((a, b) => Math.max(a, b), 1);
  bars.forEach((bar, px) => {
    if (!bar) return;
    at.fillStyle = paint.message; at.globalAlpha = 0.55;
    const tall = Math.max(Math.sqrt(bar / most) * (height - 14), 1);
    at.fillRect(LEFT + px, height - tall, 1, tall);
    at.globalAlpha = 1;
    if (faults[px]) { at.fillStyle = paint.fault; at.fillRect(LEFT + px, 2, 1.5, 6); }
  });
  const from = LEFT + (state.from - first()) / span * width, to = LEFT + (state.to - first()) / span * width;
  const [left, right] = [Math.max(from, LEFT - 1), Math.min(to, LEFT + width + 1)];
  at.strokeStyle = paint.chosen; at.lineWidth = 2; at.strokeRect(left, 1, Math.max(right - left, 3), height - 2);
  at.fillStyle = paint.soft; at.font = "11px system-ui, sans-serif"; at.textBaseline = "middle";
  at.fillText("whole run", 16, height / 2);
}

// ── choosing ────────────────────────────────────────────────────────────────────────────────────────────────────────
function past(event) {
  const found = new Set([event]), open = [event];
  while (open.length) {
    const at = open.pop();
    for (const before of ties(at)) {
      if (before >= 0 && !found.has(before)) { found.add(before); open.push(before); }
    }
  }
  return new Set([...found].sort((a, b) => a - b));
}
function choose(event) {
  state.chosen = event;
  state.past = event >= 0 ? past(event) : null;
  if (event >= 0) bring(event);
  describe();
  location.replace(event >= 0 ? `#${event}` : "#");
  draw();
}
function bring(event) {
  const at = position(event), span = state.to - state.from;
  if (order[event] >= 0 && (at < state.from + span * 0.05 || at > state.to - span * 0.05)) {
    [state.from, state.to] = [at - span / 2, at + span / 2]; keep();
  }
  const tall = view.clientHeight, row = HEAD + run.l[event] * ROW;
  if (row - state.top < HEAD) state.top = row - HEAD;
  if (row + ROW - state.top > tall) state.top = row + ROW - tall;
}
function step(by) {
  const list = state.hits ? shown.filter((event) => state.hits.has(event)) : shown;
  if (!list.length) return;
  const at = list.findIndex((event) => event >= state.chosen);
  let to = by > 0 ? (at < 0 ? 0 : list[at] === state.chosen ? at + 1 : at) : (at < 0 ? list.length : at) - 1;
  if (state.chosen < 0) to = by > 0 ? 0 : list.length - 1;
  choose(list[Math.min(Math.max(to, 0), list.length - 1)]);
}
/** The neighbour in the same lane. */
function along(by) {
  if (state.chosen < 0) return step(by);
  for (let event = state.chosen + by; event >= 0 && event < all; event += by) {
    if (run.l[event] === run.l[state.chosen] && order[event] >= 0) return choose(event);
  }
}
function node(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}
function jump(event, text) {
  const button = node("button", text);
  button.addEventListener("click", () => { choose(event); view.focus(); });
  return button;
}
function describe() {
  const box = $("event"), list = $("past"), event = state.chosen;
  box.replaceChildren(); list.replaceChildren();
  if (event < 0) {
    $("pasthead").textContent = "";
    box.append(node("p", "Choose an event: click it, or press →. Its causal past is then drawn in orange."));
    return;
  }
  const head = node("h3"), dot = node("span", undefined, "dot");
  dot.style.background = colour(event);
  head.append(dot, node("span", `${kind(event)} #${event}`));
  const facts = node("dl");
  const fact = (name, value) => {
    const cell = node("dd");
    cell.append(value);
    facts.append(node("dt", name), cell);
  };
  fact("time", clock(run.t[event]));
  fact("place", place(event));
  if (run.d[event]) fact("detail", run.d[event]);
  const cause = run.c[event];
  fact("because of", cause < 0 ? "the set-up" : jump(cause, `#${cause} ${kind(cause)} at ${place(cause)}`));
  for (const store of run.s[event] ?? []) fact("saw", jump(store, `#${store} ${kind(store)} at ${place(store)}`));
  if (run.p[event] >= 0) fact("after", jump(run.p[event], `#${run.p[event]} ${kind(run.p[event])}`));
  if (event === run.broken) fact("failure", run.failure ?? "");
  box.append(head, facts);
  const before = [...state.past];
  $("pasthead").textContent = `Causal past: ${count(before.length)} of ${count(event + 1)} events`;
  for (const earlier of before.slice(-300).reverse()) {
    const row = node("li"), button = jump(earlier, "");
    button.append(node("b", `#${earlier}`), ` ${kind(earlier)} · ${place(earlier)} ${run.d[earlier]}`);
    row.append(button); list.append(row);
  }
  if (before.length > 300) list.append(node("li", `… and ${count(before.length - 300)} before`));
}

// ── searching ───────────────────────────────────────────────────────────────────────────────────────────────────────
function search(text) {
  const wanted = text.trim().toLowerCase(), number = /^#(\d+)$/.exec(wanted);
  if (!wanted) { state.hits = null; $("hits").textContent = ""; return draw(); }
  const fits = number ? (event) => event === Number(number[1])
    : (event) => `${kind(event)} ${place(event)} ${run.d[event]}`.toLowerCase().includes(wanted);
  state.hits = new Set(shown.filter(fits));
  $("hits").textContent = `${count(state.hits.size)} found`;
  draw();
}

// ── hands ───────────────────────────────────────────────────────────────────────────────────────────────────────────
function nearest(px, py) {
  const lane = Math.floor((py - HEAD + state.top) / ROW), reachPx = 9;
  let best = -1, least = reachPx;
  for (let at = seek(unx(px - reachPx)); at < shown.length; at++) {
    const far = Math.abs(x(position(shown[at])) - px);
    if (x(position(shown[at])) > px + reachPx) break;
    if (run.l[shown[at]] === lane && far < least) [best, least] = [shown[at], far];
  }
  return best;
}
let drag = null;
view.addEventListener("pointerdown", (event) => {
  drag = { px: event.offsetX, py: event.offsetY, from: state.from, to: state.to, top: state.top, moved: false };
  view.setPointerCapture(event.pointerId);
});
view.addEventListener("pointermove", (event) => {
  if (!drag) {
    const found = nearest(event.offsetX, event.offsetY);
    if (found !== state.hover) {
      state.hover = found;
      view.title = found < 0 ? "" : `#${found} ${kind(found)} ${place(found)}\n${clock(run.t[found])} ${run.d[found]}`;
      draw();
    }
    return;
  }
  const [byX, byY] = [event.offsetX - drag.px, event.offsetY - drag.py];
  if (Math.abs(byX) + Math.abs(byY) > 4) { drag.moved = true; view.classList.add("panning"); }
  if (drag.moved) {
    const by = byX / wide() * (drag.to - drag.from);
    [state.from, state.to, state.top] = [drag.from - by, drag.to - by, drag.top - byY];
    keep(); draw();
  }
});
view.addEventListener("pointerup", (event) => {
  if (drag && !drag.moved) choose(nearest(event.offsetX, event.offsetY));
  drag = null; view.classList.remove("panning"); view.focus();
});
view.addEventListener("pointercancel", () => { drag = null; view.classList.remove("panning"); });
view.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.ctrlKey || event.metaKey || (!event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX) && run.lanes.length * ROW + HEAD <= view.clientHeight)) {
    zoom(Math.exp(event.deltaY * 0.0018), unx(event.offsetX));
  } else {
    pan((event.deltaX + (event.shiftKey ? event.deltaY : 0)) / wide() * (state.to - state.from));
    if (!event.shiftKey) state.top += event.deltaY;
  }
  draw();
}, { passive: false });
const glide = (event) => {
  if (event.buttons !== 1) return;
  const part = (event.offsetX - LEFT) / (map.clientWidth - LEFT - 16), span = state.to - state.from;
  const at = first() + part * (last() - first());
  [state.from, state.to] = [at - span / 2, at + span / 2]; keep(); draw();
};
map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); glide(event); });
map.addEventListener("pointermove", glide);

const middle = () => state.chosen >= 0 && order[state.chosen] >= 0 ? position(state.chosen) : (state.from + state.to) / 2;
const acts = {
  ArrowRight: ["→", "next event", () => step(1)], ArrowLeft: ["←", "previous event", () => step(-1)],
  ArrowDown: ["↓", "next in this lane", () => along(1)], ArrowUp: ["↑", "previous in this lane", () => along(-1)],
  c: ["C", "to the cause", () => state.chosen >= 0 && run.c[state.chosen] >= 0 && choose(run.c[state.chosen])],
  b: ["B", "to where it broke", () => run.broken >= 0 && choose(run.broken)],
  "+": ["+", "zoom in", () => zoom(0.6, middle())], "-": ["−", "zoom out", () => zoom(1 / 0.6, middle())],
  "[": ["[", "pan left", () => pan((state.from - state.to) * 0.3)], "]": ["]", "pan right", () => pan((state.to - state.from) * 0.3)],
  f: ["F", "show all", fit], o: ["O", "by time or by order", swap],
  Home: ["Home", "first event", () => shown.length && choose(shown[0])],
  End: ["End", "last event", () => shown.length && choose(shown[shown.length - 1])],
  "/": ["/", "search", () => $("search").focus()], Escape: ["Esc", "let go", () => choose(-1)],
};
function swap() {
  const at = middle(), event = shown[Math.min(seek(at), shown.length - 1)];
  state.byTime = !state.byTime;
  $("scale").textContent = state.byTime ? "By time" : "By order";
  $("scale").setAttribute("aria-pressed", String(!state.byTime));
  fit();
  if (event !== undefined && !state.byTime && shown.length > 400) zoom(200 / shown.length, position(event));
}
document.addEventListener("keydown", (event) => {
  if (event.target === $("search")) {
    if (event.key === "Escape") { $("search").value = ""; search(""); view.focus(); }
    if (event.key === "Enter") { step(event.shiftKey ? -1 : 1); event.preventDefault(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = acts[event.key === "=" ? "+" : event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  act[2](); event.preventDefault(); draw();
});
const press = (id, act) => $(id).addEventListener("click", () => { act(); draw(); });
press("back", () => step(-1)); press("next", () => step(1));
press("in", () => zoom(0.6, middle())); press("out", () => zoom(1 / 0.6, middle()));
press("fit", fit); press("scale", swap);
$("search").addEventListener("input", (event) => search(event.target.value));

// ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────
colours();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours(); describe(); legend(); draw(); });
document.title = `${run.story || "trace"} · seed ${run.seed}`;
$("title").textContent = `${run.story || "trace"} · seed ${run.seed}`;
const verdict = $("verdict");
verdict.textContent = run.failure ? "failed" : "passed";
if (run.failure) {
  verdict.classList.add("failed"); verdict.title = run.failure;
  verdict.addEventListener("click", () => run.broken >= 0 && choose(run.broken));
}
const some = shown.length === all ? `${count(all)} events` : `${count(shown.length)} of ${count(all)} events`;
$("facts").textContent = `${some} · ${run.lanes.length} lanes · ${clock(all ? run.t[all - 1] : 0)} · hash ${run.hash}`
  + (run.failure ? ` · ${run.failure}` : "");
function legend() {
  const rows = [["message", "datagram"], ["timer", "timer"], ["start", "start, heal"], ["action", "action"],
    ["notified", "notified, held"], ["fault", "fault"], ["past", "causal past"], ["chosen", "chosen"], ["dead", "dead, cut"], ["paused", "paused"]];
  $("legend").replaceChildren(...rows.map(([name, text]) => {
    const row = node("li"), dot = node("span", undefined, "dot");
    dot.style.background = paint[name]; row.append(dot, text);
    return row;
  }));
}
legend();
$("keys").append(...Object.values(acts).flatMap(([key, text]) => { const term = node("dt"); term.append(node("kbd", key)); return [term, node("dd", text)]; }));
new ResizeObserver(draw).observe(stage);
fit();
describe();
const linked = Number(location.hash.slice(1));
if (location.hash.length > 1 && linked >= 0 && linked < all) choose(linked);
draw();
// What a test may ask for: where an event stands on the screen.
window.trace = { at: (event) => ({ x: x(position(event)), y: y(run.l[event]) }), state, run };
})();
