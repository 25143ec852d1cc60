// Bytes as text: in the charset that a byte order mark shows, that was declared, or UTF-8.
// Source: WHATWG Encoding Standard, "decode".

import { ColdframeError } from "../errors.ts";

const BYTE_ORDER_MARK = /^\ufeff/;

/**
 * Text without its byte order mark. What arrived as text was decoded by the transport.
 * @param type the content type as it was sent, for messages
 * @throws INPUT_INVALID for bytes that are not in the charset, INPUT_UNSUPPORTED for a charset that nobody knows
 */
export function decodeText(content: string | Uint8Array, charset: string | null, type: string): string {
  if (typeof content === "string") return content.replace(BYTE_ORDER_MARK, "");
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(marked(content) ?? (charset || "utf-8"), { fatal: true });
  } catch {
    throw new ColdframeError(
      "INPUT_UNSUPPORTED",
      `${type} is not supported, only a charset such as utf-8, utf-16, iso-8859-1 or shift_jis.`,
    );
  }
  try {
    return decoder.decode(content);
  } catch (cause) {
    throw new ColdframeError(
      "INPUT_INVALID",
      `the body (${type}) is not valid text: its bytes are not ${decoder.encoding}.`,
      { cause },
    );
  }
}

function marked([first, second]: Uint8Array): string | undefined {
  if (first === 0xfe && second === 0xff) return "utf-16be";
  return first === 0xff && second === 0xfe ? "utf-16le" : undefined;
}
