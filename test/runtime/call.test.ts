import assert from "node:assert/strict";
import { test } from "node:test";
import { Cancellation } from "../../adapter/runtime/call.ts";
import { makeCancellation, sleep } from "./_call.ts";

test("the first reason stays, and each listener hears it once", () => {
  const cancellation = makeCancellation();
  const heard: string[] = [];
  cancellation.onCancel((reason) => heard.push(`early ${reason.message}`));
  cancellation.cancel(new Error("first"));
  cancellation.cancel(new Error("second"));
  cancellation.onCancel((reason) => heard.push(`late ${reason.message}`));
  assert.deepEqual(heard, ["early first", "late first"]);
  assert.equal(cancellation.reason?.message, "first");
});

test("a signal that is asked for late is aborted already", () => {
  const cancellation = makeCancellation();
  const reason = new Error("gone");
  cancellation.cancel(reason);
  assert.equal(cancellation.signal.aborted, true);
  assert.equal(cancellation.signal.reason, reason);
  assert.equal(cancellation.signal, cancellation.signal);
});

test("time cancels, with the reason that time has", async () => {
  const cancellation = makeCancellation(10);
  const reason = await new Promise<Error>((resolve) => cancellation.onCancel(resolve));
  assert.equal(reason.message, "too late");
});

test("an invocation that is over is not cancelled by time", async () => {
  const cancellation = new Cancellation(Date.now() + 10, () => new Error("too late"));
  cancellation.signal.addEventListener("abort", () => assert.fail("aborted after the end"));
  cancellation.end();
  await sleep(25);
  assert.equal(cancellation.reason, undefined);
});

test("an invocation whose time was up before anybody listened is cancelled all the same", async () => {
  const cancellation = makeCancellation(-5);
  await new Promise((resolve) => cancellation.onCancel(resolve));
});

test("a signal that is asked for after the end starts no timer", async () => {
  const cancellation = new Cancellation(Date.now() + 10, () => new Error("too late"));
  cancellation.end();
  assert.equal(cancellation.signal.aborted, false);
  await sleep(25);
  assert.equal(cancellation.signal.aborted, false);
});

test("without a deadline time cancels nothing", async () => {
  const cancellation = new Cancellation();
  cancellation.onCancel(() => assert.fail("cancelled"));
  await sleep(2);
});
