// What can be said of an address without asking it.

import { ColdframeError } from "../../errors.ts";

/** Whether the path of a URL can name this: a URL loses the segments "." and "..", however they are encoded. */
export const isAddressable = (path: string): boolean => !/(^|\/)\.{1,2}(\/|$)/.test(path);

/** @throws WEIGHTS_INVALID for plain http to another machine, where nobody vouches for the bytes or hides a token */
export function checkEncrypted(url: URL, fix = "Use https://."): void {
  if (url.protocol === "https:" || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) return;
  throw new ColdframeError("WEIGHTS_INVALID", `${url.origin}${url.pathname} is not encrypted.`, { fix });
}
