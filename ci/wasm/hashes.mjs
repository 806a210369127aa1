// Runs every story of the WebAssembly module over some seeds, and reports as `tidemill run --json` does.
// node hashes.mjs MODULE SEEDS
import { readFileSync } from "node:fs";

const [module, seeds] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module), {});
const { memory, stories, name_at, name_len, runs_here, run, hash } = instance.exports;
const word = (at) => BigInt.asUintN(64, hash(at)).toString(16).padStart(16, "0");
const report = [];
for (let story = 0; story < stories(); story++) {
  const name = Buffer.from(memory.buffer, name_at(story), name_len(story)).toString();
  if (!runs_here(story)) {
    report.push({ story: name, left_out: "it needs unwinding", runs: [] });
    continue;
  }
  const runs = [];
  for (let seed = 0; seed < Number(seeds); seed++) {
    run(story, BigInt(seed));
    runs.push({ seed, hash: word(1) + word(0), failure: null });
  }
  report.push({ story: name, runs });
}
console.log(JSON.stringify({ stories: report }));
