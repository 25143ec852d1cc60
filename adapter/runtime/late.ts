// What bundle.cjs leaves to a file of its own, late.cjs: code of the adapter that some calls need and no cold start
// does. The stub reads it, synchronously, when it is first asked for; a server has it in its bundle. It shares
// errors.ts with the bundle, so that `instanceof` holds, and nothing else.

export { compressReply } from "./bodies/compress.ts";
export { msgpackFraming } from "./bodies/msgpack-framing.ts";
export { readBody } from "./bodies/read-body.ts";
export { toRequest } from "./request.ts";
export { responseReply } from "./response-reply.ts";
export { documentReply } from "./document.ts";
export { failedError, failedReply, platformError } from "./failure.ts";
export { readyReply } from "./health.ts";
export { withHeartbeat } from "./heartbeat.ts";
export { logAnything, logOf } from "./observe/log-anything.ts";
export { readStack, report, reportStray } from "./report.ts";
export { missingMember } from "./vendor/_members.ts";
export { vendorRoute } from "./vendor/route.ts";
export { warmUp } from "./warm-up.ts";
export { notShipped } from "./weights/files/shipped.ts";

/** The exports of this file. */
export type Late = typeof import("./late.ts");
