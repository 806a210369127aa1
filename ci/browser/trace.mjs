// Opens pages of `tidemill trace --format html` in headless Chromium, clicks, types and looks. Leaves screenshots.
// node trace.mjs FOLDER   (FOLDER holds failed.html, faults.html, large.html and shared.html)
import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const folder = process.argv[2];
const { chromium } = createRequire(join(folder, "package.json"))("playwright-core");
const switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: switches });

async function open(file, scheme = "light") {
  const page = await browser.newPage({ viewport: { width: 1400, height: 760 }, colorScheme: scheme });
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (line) => line.type() === "error" && wrong.push(line.text()));
  page.on("request", (request) => request.url().startsWith("file:") || wrong.push(`asked for ${request.url()}`));
  await page.goto(`file://${join(folder, file)}`);
  await frame(page);
  return { page, wrong };
}
const frame = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
const chosen = (page) => page.evaluate(() => window.trace.state.chosen);
const span = (page) => page.evaluate(() => window.trace.state.to - window.trace.state.from);
const shot = async (page, name) => { await frame(page); await page.screenshot({ path: join(folder, `${name}.png`) }); };
/** Points of the timeline that have a colour of the style sheet. */
const points = (page, name) => page.evaluate((name) => {
  const wanted = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  const view = document.getElementById("view"), all = view.getContext("2d").getImageData(0, 0, view.width, view.height).data;
  let count = 0;
  for (let at = 0; at < all.length; at += 4) if (Math.abs(all[at] - r) + Math.abs(all[at + 1] - g) + Math.abs(all[at + 2] - b) < 12) count++;
  return count;
}, name);

/** Whether one of the points around a place of the timeline has about a colour of the style sheet. */
const tinted = (page, name, { x, y }) => page.evaluate(([name, x, y]) => {
  const wanted = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const rgb = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  const near = document.getElementById("view").getContext("2d").getImageData(Math.round(x) - 2, Math.round(y) - 2, 5, 5).data;
  for (let at = 0; at < near.length; at += 4) if (rgb.every((part, of) => Math.abs(near[at + of] - part) < 24)) return true;
  return false;
}, [name, x, y]);
/** The page's run, changed. */
function changed(file, into, change) {
  const [head, rest] = readFileSync(join(folder, file), "utf8").split(/(?<=type="application\/json">)/);
  const end = rest.indexOf("</script>"), run = JSON.parse(rest.slice(0, end));
  change(run);
  writeFileSync(join(folder, into), head + JSON.stringify(run).replaceAll("<", "\\u003c") + rest.slice(end));
}

async function clicking() {
  const { page, wrong } = await open("failed.html");
  assert.match(await page.textContent("#verdict"), /failed/);
  assert.ok(await points(page, "message") > 300, "messages are drawn");
  assert.ok(await points(page, "fault") > 50, "faults are drawn");
  assert.equal(await points(page, "past"), 0);
  await shot(page, "failed-1-opened");
  // Zoom until single events can be told apart, then click one that has a past.
  await page.focus("#view");
  for (let times = 0; times < 11; times++) await page.keyboard.press("+");
  await page.keyboard.press("f");
  const event = await page.evaluate(() => { const { run } = window.trace; return run.k.findIndex((kind, at) => run.kinds[kind] === "datagram" && at > 40); });
  await page.keyboard.press("Home");
  for (let times = 0; times < 6; times++) await page.keyboard.press("+");
  for (let times = 0; times < event; times++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Escape");
  await frame(page);
  assert.equal(await chosen(page), -1);
  const at = await page.evaluate((event) => window.trace.at(event), event);
  const box = await page.locator("#view").boundingBox();
  await page.mouse.click(box.x + at.x, box.y + at.y);
  await frame(page);
  assert.equal(await chosen(page), event, "the click finds the event under it");
  assert.match(await page.textContent("#event h3"), new RegExp(`datagram #${event}`));
  assert.match(await page.textContent("#pasthead"), /Causal past: \d+ of/);
  assert.ok(await points(page, "past") > 30, "the causal past is drawn");
  await shot(page, "failed-2-clicked");
  const cause = await page.evaluate((event) => window.trace.run.c[event], event);
  await page.keyboard.press("c");
  assert.equal(await chosen(page), cause, "C goes to the cause");
  await page.click("#next");
  assert.equal(await chosen(page), cause + 1);
  await page.click("#back");
  assert.equal(await chosen(page), cause);
  await page.click("#past li:last-child button");
  assert.ok(await chosen(page) <= cause, "an event of the past can be chosen from the list");
  const before = await span(page);
  await page.click("#in");
  assert.ok(await span(page) < before, "zoom in");
  await page.mouse.move(box.x + 600, box.y + 200);
  const close = await span(page), left = await page.evaluate(() => window.trace.state.from);
  await page.mouse.down(); await page.mouse.move(box.x + 450, box.y + 200, { steps: 4 }); await page.mouse.up();
  assert.ok(await page.evaluate(() => window.trace.state.from) > left, "dragging pans");
  assert.ok(Math.abs(await span(page) - close) / close < 1e-6, "and does not zoom");
  await page.keyboard.press("/");
  await page.keyboard.type("dropped");
  const drops = await page.evaluate(() => { const { run } = window.trace; return run.k.filter((kind) => run.kinds[kind] === "dropped").length; });
  assert.equal(await page.textContent("#hits"), `${drops} found`);
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => { const { run, state } = window.trace; return run.kinds[run.k[state.chosen]]; }), "dropped");
  await shot(page, "failed-3-searched");
  assert.deepEqual(wrong, []);
  await page.close();
}

async function faults() {
  for (const scheme of ["light", "dark"]) {
    const { page, wrong } = await open("faults.html", scheme);
    const marks = await page.evaluate(() => { const { run } = window.trace; return [run.notes.length, ...["kill", "pause", "resume", "dropped"].map((name) => run.k.filter((kind) => run.kinds[kind] === name).length)]; });
    assert.ok(marks.every((count) => count > 0), `the run has every fault that the page marks: ${marks}`);
    await page.keyboard.press("o");
    await page.focus("#view"); await page.keyboard.press("/"); await page.keyboard.type("kill"); await page.keyboard.press("Enter");
    await shot(page, `faults-${scheme}`);
    assert.ok(await points(page, "fault") > 20);
    assert.deepEqual(wrong, []);
    await page.close();
  }
}

async function large() {
  const { page, wrong } = await open("large.html");
  const count = await page.evaluate(() => window.trace.run.t.length);
  assert.ok(count >= 50_000, `${count} events`);
  assert.ok(await points(page, "message") > 1_000, "they are drawn");
  await page.focus("#view");
  await page.keyboard.press("End");
  await frame(page);
  assert.equal(await chosen(page), count - 1);
  for (let times = 0; times < 25; times++) await page.keyboard.press("+");
  await shot(page, "large");
  assert.ok(await points(page, "past") > 0);
  assert.deepEqual(wrong, []);
  await page.close();
  return count;
}

/** Chooses an event with a few dozen others in sight, by a click on it. */
async function look(page, event) {
  await page.focus("#view");
  if (await page.evaluate(() => window.trace.state.byTime)) await page.keyboard.press("o");
  while (await span(page) > 40) await page.keyboard.press("+");
  await page.keyboard.press("Home");
  await page.keyboard.press("/");
  await page.keyboard.type(`#${event}`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await frame(page);
  assert.equal(await chosen(page), -1);
  const at = await page.evaluate((event) => window.trace.at(event), event);
  const box = await page.locator("#view").boundingBox();
  await page.mouse.click(box.x + at.x, box.y + at.y);
  await page.mouse.move(box.x + 2, box.y + 2);
  await frame(page);
  assert.equal(await chosen(page), event, "the click finds the event under it");
}
const knows = (page, event) => page.evaluate((event) => window.trace.state.past.has(event), event);

/** What a process found in shared memory ties it to who stored it: an arrow, a line of facts, and the whole past behind it. */
async function shared() {
  const { page, wrong } = await open("shared.html");
  const pairs = await page.evaluate(() => {
    const { run } = window.trace, process = (event) => run.l[event] >= 0 && !run.lanes[run.l[event]].whole;
    return Object.entries(run.s).flatMap(([event, stores]) => stores.map((store) => [Number(event), store]))
      .filter(([event, store]) => process(event) && process(store) && run.l[event] !== run.l[store]);
  });
  assert.ok(pairs.length >= 10, `${pairs.length} stores were found by another process`);
  const middle = (page, ends) => page.evaluate((ends) => {
    const [a, b] = ends.map((end) => window.trace.at(end));
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }, ends);
  // The same run without what was seen: a store and an event that nothing ties there, and no line where their arrow would be.
  changed("shared.html", "blind.html", (run) => { run.s = {}; });
  const blind = (await open("blind.html")).page;
  let tie;
  for (const pair of pairs.filter(([event, store]) => event > 60 && event - store > 2 && event - store < 15).slice(0, 20)) {
    await look(blind, pair[0]);
    if (await knows(blind, pair[1]) || await tinted(blind, "past", await middle(blind, pair))) continue;
    tie = pair;
    break;
  }
  assert.ok(tie, "without what was seen some pair has nothing to do with each other");
  await blind.close();
  const [event, store] = tie;
  await look(page, event);
  assert.ok(await knows(page, store), "the store is in the past");
  assert.ok(await tinted(page, "past", await middle(page, tie)), "an arrow leads from the store to who saw it");
  assert.match(await page.textContent("#event"), new RegExp(`saw#${store} `));
  await shot(page, "shared-1-saw");
  await page.click(`#event dd button:text-matches("^#${store} ")`);
  assert.equal(await chosen(page), store, "the store can be gone to");
  await shot(page, "shared-2-stored");
  assert.deepEqual(wrong, []);
  await page.close();
  return pairs.length;
}

async function hostile() {
  const evil = "</script><img src=x onerror='window.taken=1'><svg/onload=window.taken=1>${window.taken=1}";
  changed("failed.html", "hostile.html", (run) => {
    run.story = run.failure = evil;
    run.lanes.forEach((lane) => { lane.name = evil; });
    run.d = run.d.map(() => evil);
  });
  const { page, wrong } = await open("hostile.html");
  await page.focus("#view");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("End");
  await frame(page);
  assert.ok((await page.textContent("#event")).includes(evil), "it is shown as the text that it is");
  assert.equal(await page.evaluate(() => window.taken), undefined, "and it is nothing else");
  assert.equal(await page.locator("img, svg").count(), 0);
  assert.deepEqual(wrong, []);
  await page.close();
}

await clicking();
await faults();
const events = await large();
const sights = await shared();
await hostile();
await browser.close();
console.log(`the page holds: clicks, keys, search, faults, ${events} events, ${sights} stores seen by others, hostile names`);
