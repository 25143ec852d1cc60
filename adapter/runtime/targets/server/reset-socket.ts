// A connection that ends in a way no reader can take for a good one.

import type { Socket } from "node:net";

/**
 * Reset a connection. While its `end()` is on its way, libuv refuses a reset, and Node would lose the socket: it stays
 * open, and the process never ends (24.21, uv_tcp_close_reset's EINVAL in TCPWrap::Reset). Then the reset comes after it.
 * @param over what is written to, where that is TLS over the socket
 */
export function resetSocket(socket: Socket, over: Socket = socket): void {
  const isEnding = over.writableEnded && !over.writableFinished && over.writableLength === 0;
  if (isEnding) over.once("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}
