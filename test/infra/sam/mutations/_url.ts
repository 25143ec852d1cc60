// What may be broken of a function URL and its permissions: infra/policy/function-url.guard.

import { mutation, type Mutation, of, set, without } from "./_mutation.ts";

/** Of documents whose switches are decided: everything on, and the URL public. */
export const URL_MUTATIONS: readonly Mutation[] = [
  mutation(
    "url_streams_what_the_handler_streams",
    "a URL that buffers a stream",
    set("ModelFunctionUrl", "InvokeMode", "BUFFERED"),
  ),
  mutation(
    "url_streams_what_the_handler_streams",
    "the same by its default",
    set("ModelFunctionUrl", "InvokeMode", undefined),
  ),
  mutation(
    "url_streams_what_the_handler_streams",
    "the same of an image",
    set("ModelFunctionUrl", "InvokeMode", "BUFFERED"),
    "template-image",
  ),
  mutation(
    "url_buffers_what_the_handler_returns",
    "a URL that streams what is no stream",
    set("ModelFunction", "Handler", "index.buffered"),
  ),
  mutation("url_says_who_may_call", "a URL without AuthType", set("ModelFunctionUrl", "AuthType", undefined)),
  mutation(
    "url_is_of_an_alias",
    "a URL of $LATEST",
    set("ModelFunctionUrl", "TargetFunctionArn", "<ModelFunction.Arn>"),
  ),
  mutation(
    "public_url_has_a_permission",
    "a public URL that nobody may call",
    without("UrlInvokePermission", "UrlFunctionPermission"),
  ),
  mutation("url_has_both_permissions", "lambda:InvokeFunction is missing", without("UrlFunctionPermission")),
  mutation(
    "url_has_both_permissions_reversed",
    "lambda:InvokeFunctionUrl is missing",
    without("UrlInvokePermission"),
  ),
  mutation(
    "url_has_both_permissions",
    "one permission on another alias",
    set("UrlFunctionPermission", "FunctionName", "<Other>"),
  ),
  mutation(
    "url_has_both_permissions_reversed",
    "the other permission on another alias",
    set("UrlInvokePermission", "FunctionName", "<Other>"),
  ),
  mutation(
    "url_has_both_permissions",
    "permissions for different principals",
    set("UrlFunctionPermission", "Principal", "123456789012"),
  ),
  mutation(
    "url_has_both_permissions_reversed",
    "a permission that is not through the URL",
    set("UrlFunctionPermission", "InvokedViaFunctionUrl", false),
  ),
  mutation(
    "public_permission_is_through_the_url_alone",
    "a function that every account may invoke",
    set("UrlFunctionPermission", "InvokedViaFunctionUrl", undefined),
  ),
  mutation(
    "url_permissions_are_on_what_the_url_targets",
    "permissions on the function, a URL on the alias",
    (draft) => {
      of(draft, "UrlInvokePermission").FunctionName = "<ModelFunction>";
      of(draft, "UrlFunctionPermission").FunctionName = "<ModelFunction>";
    },
  ),
  mutation(
    "url_auth_type_is_on_the_url_permission_alone",
    "FunctionUrlAuthType on lambda:InvokeFunction",
    set("UrlFunctionPermission", "FunctionUrlAuthType", "NONE"),
  ),
  mutation(
    "url_auth_type_is_on_the_url_permission",
    "no FunctionUrlAuthType",
    set("UrlInvokePermission", "FunctionUrlAuthType", undefined),
  ),
  mutation(
    "public_url_has_a_ceiling",
    "a public URL without a ceiling",
    set("ModelFunction", "ReservedConcurrentExecutions", undefined),
  ),
  mutation(
    "public_url_has_a_ceiling",
    "the same of an image",
    set("ModelFunction", "ReservedConcurrentExecutions", undefined),
    "template-image",
  ),
];
