import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startLocalLambda } from "../adapter/local/local-lambda.ts";
import { bundlePeer, buildOurs, scratchFolder, writeProject } from "./_peers.ts";
import { runtimeClient } from "../test/conformance/_ric.ts";
import { median, rotate } from "./_statistics.ts";
const folder = scratchFolder();
const answers = JSON.stringify(join(import.meta.dirname, "peers", "answer.mjs"));
const ours = await buildOurs(writeProject(join(folder, "ours"), `import { answer } from ${answers};\nexport default class Model { predict(input) { return answer(input); } }\n`));
const variants: Record<string, (s: string) => string> = {
  same: s => s,
  notimer: s => s.replace(/(\w+)=setTimeout\(\(\)=>(\w+)\.cancel\((\w+)\((\w+)\)\),(\w+)\)/, "$1=0"),
};
const all: any[] = [];
const peer = async (n: string) => ({ name: n, lambda: await startLocalLambda({ artifact: await bundlePeer(join(import.meta.dirname, "peers", n + ".mjs"), join(folder, n)), handler: "index.buffered", ...runtimeClient(), freeze: false, onLog: () => {} }), medians: [] });
all.push(await peer("bare"), await peer("hono"));
for (const [name, edit] of Object.entries(variants)) {
  const to = join(folder, "v-" + name); cpSync(ours, to, { recursive: true });
  const src = readFileSync(join(to, "bundle.cjs"), "utf8"); const out = edit(src); if (name !== "same" && out === src) console.log("NOT CHANGED", name);
  if (out !== src) { writeFileSync(join(to, "bundle.cjs"), out); (await import("node:fs")).rmSync(join(to, "bundle.cjs.cache")); }
  all.push({ name, lambda: await startLocalLambda({ artifact: to, handler: "index.buffered", ...runtimeClient(), freeze: false, onLog: () => {} }), medians: [] });
}
const { functionUrlEvent } = await import("./overhead.ts") as any;
const event = functionUrlEvent("/predict");
const call = async (c: any, n: number) => { const t: number[] = []; for (let i = 0; i < n; i++) { const a = performance.now(); await c.lambda.invoke(event); t.push(performance.now() - a); } return t; };
for (const c of all) await call(c, 500);
for (let i = 0; i < 40; i++) for (const c of rotate(all, i)) c.medians.push(median(await call(c, 100)));
const bare = all[0].medians;
for (const c of all) console.log(c.name, (median(c.medians.map((v: number, i: number) => v - bare[i])) * 1000).toFixed(1));
process.exit(0);
