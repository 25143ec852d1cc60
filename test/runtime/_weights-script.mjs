// A thread that fetches nothing and says what it is told to: `script.json` of the artifact maps each start ("0", "1")
// to messages it sends at once, by "begin", and to those it sends when a file is asked for, by path. "end" ends it.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const { folder } = workerData;
const log = `${folder}/log`;
const starts = existsSync(log)
  ? readFileSync(log, "utf8")
      .split("\n")
      .filter((line) => line === "start").length
  : 0;
appendFileSync(log, "start\n");
const script = JSON.parse(readFileSync(`${folder}/script.json`, "utf8"))[starts] ?? {};

/** @param {object[]} [messages] */
function say(messages = []) {
  for (const message of messages) {
    if (/** @type {any} */ (message).kind === "end") parentPort?.close();
    else parentPort?.postMessage(message);
  }
}

parentPort?.on("message", ({ kind, path = "", value }) => {
  appendFileSync(log, `${kind} ${path}${value ?? ""}\n`);
  say(script[path]);
});
say(script.begin);
