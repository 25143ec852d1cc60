import assert from "node:assert/strict";
import { test } from "node:test";
import { toInvocation } from "../../adapter/runtime/invocation.ts";
import * as late from "../../adapter/runtime/late.ts";
import { makeCall, makeCancellation, makeOrigin } from "./_call.ts";
import { logged } from "./_log.ts";

const invocationOf = (call: Parameters<typeof makeCall>[0]) => {
  const made = makeCall(call);
  return toInvocation(made.origin, { call: made, late: () => late });
};

test("the request is what the caller sent", async () => {
  const request = invocationOf({
    path: "/predict",
    query: "a=1&a=%C3%A9",
    headers: { host: "model.example", "content-type": "application/json", cookie: "a=1; b=2" },
    body: '{"x":1}',
  }).request;
  assert.equal(request?.method, "POST");
  assert.equal(request?.url, "https://model.example/predict?a=1&a=%C3%A9");
  assert.equal(request?.headers.get("cookie"), "a=1; b=2");
  assert.deepEqual(await request?.json(), { x: 1 });
});

test("bytes stay bytes, and a GET has no body", async () => {
  const bytes = Uint8Array.from([0, 255, 128]);
  const { request } = invocationOf({ body: bytes });
  assert.deepEqual(new Uint8Array((await request?.arrayBuffer()) ?? []), bytes);
  assert.equal(invocationOf({ method: "GET", body: "x" }).request?.body, null);
});

test("the request is built once, and its signal is the invocation's", () => {
  const cancellation = makeCancellation();
  const invocation = invocationOf({ cancellation });
  assert.equal(invocation.request, invocation.request);
  assert.equal(invocation.request?.signal.aborted, false);
  const reason = new Error("gone");
  cancellation.cancel(reason);
  assert.equal(invocation.signal.reason, reason);
  assert.equal(invocation.request?.signal.aborted, true);
});

test("a path cannot become the host", () => {
  assert.equal(
    invocationOf({ path: "//evil.example/x", headers: { host: "a.example" } }).request?.url,
    "https://a.example//evil.example/x",
  );
});

for (const host of ["a b", "a.example/x?", "user:pass@evil.example", "a, b", "", "[", "a.example:99999"]) {
  test(`a hostile host "${host}" does not fail the model`, () => {
    const { request } = invocationOf({ path: "/predict", headers: { host } });
    assert.equal(new URL(request?.url ?? "").pathname, "/predict");
    assert.equal(new URL(request?.url ?? "").username, "");
  });
}

test("a header that HTTP cannot carry does not fail the model", () => {
  const { request } = invocationOf({ headers: { "x-name": "日本", "x-good": "yes" } });
  assert.equal(request?.headers.get("x-good"), "yes");
});

test("a record of a source that is not HTTP has its own event, no request and no headers", () => {
  const invocation = toInvocation(makeOrigin(), { event: { record: 1 }, late: () => late });
  assert.equal(invocation.request, undefined);
  assert.deepEqual(invocation.headers, {});
  assert.deepEqual(invocation.event, { record: 1 });
});

test("what it says of itself", () => {
  const origin = { ...makeOrigin(), tenantId: "tenant-7" };
  const invocation = toInvocation(origin, { event: undefined, late: () => late });
  assert.equal(invocation.id, "request-1");
  assert.equal(invocation.source, "function-url");
  assert.equal(invocation.tenantId, "tenant-7");
  assert.equal(invocation.deadline, origin.deadline);
  assert.equal(invocation.event, origin.event);
});

test("its log lines carry the request id", async () => {
  const { lines } = await logged(() =>
    toInvocation(makeOrigin(), { event: undefined, late: () => late }).log.info("hello", { n: 1 }),
  );
  assert.equal(lines[0]?.["requestId"], "request-1");
});

test("a signal that is asked for late is aborted already", () => {
  const cancellation = makeCancellation();
  const first = new Error("first");
  cancellation.cancel(first);
  cancellation.cancel(new Error("second"));
  assert.equal(cancellation.signal.aborted, true);
  assert.equal(cancellation.signal.reason, first);
  const heard: Error[] = [];
  cancellation.onCancel((reason) => heard.push(reason));
  assert.deepEqual(heard, [first]);
});
