// POST /invocations, which SageMaker passes on whatever its media type is: what has no meaning here is bytes to the
// model, which reads in `invocation.headers` what they are. Everywhere else such a body is refused.
// Source: docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.

import { isMsgpack } from "../../bodies/msgpack-type.ts";
import { isJson } from "../../bodies/multipart.ts";
import { readInput } from "../../body.ts";
import { BYTES_TYPE } from "../../frames.ts";
import { toInvocation } from "../../invocation.ts";
import { outputReply } from "../../reply.ts";
import type { Answer, Environment } from "../../routes.ts";
import { calledModel } from "./called-model.ts";

const KNOWN =
  /^((text|image|audio|video)\/|(application\/(octet-stream|pdf|x-www-form-urlencoded)|multipart\/form-data)$)/;

/** Answers bodies of other types, and leaves those that have a meaning to `predict`. */
export function invocations(predict: Answer, environment: Environment): Answer {
  return async (call) => {
    const { headers, origin } = call;
    const [type = ""] = (headers["content-type"] ?? "application/json").split(";", 1);
    const essence = type.trim().toLowerCase();
    if (KNOWN.test(essence) || isJson(essence) || isMsgpack(essence)) return predict(call);
    const { late } = environment.artifact;
    const { run } = await calledModel(call, environment);
    const input = readInput({ ...call, headers: { ...headers, "content-type": BYTES_TYPE } }, { late });
    const output = await run("predict", input, toInvocation(origin, { call, late }), origin);
    return outputReply(output, headers, origin.id, late);
  };
}
