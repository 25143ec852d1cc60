// Which members of a model are called at which paths, and what a caller is told of one that the model lacks.

import { ColdframeError } from "../errors.ts";
import type { Model, VendorMember } from "../model.ts";
import { VENDOR_MEMBERS } from "../model-class.ts";

/** Where a member is called: `chatCompletions` at /v1/chat/completions. */
export const vendorPath = (member: VendorMember): string => `/v1/${member.replace("C", "/c")}`;

/** What the caller of a member that the model lacks is told: where else to go. */
export function missingMember(instance: Model, member: "predict" | VendorMember): ColdframeError {
  const paths = VENDOR_MEMBERS.filter((name) => instance[name]).map(vendorPath);
  if (instance.predict) paths.unshift("/predict");
  return new ColdframeError("ROUTE_NOT_FOUND", `the model has no ${member}: call POST ${paths.join(", ")}.`);
}
