// The floor: node:http, JSON in and out, and nothing else.
import { createServer } from "node:http";
import { answer, listening, pieces } from "./server-work.mjs";

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const input = JSON.parse(Buffer.concat(chunks).toString());
    if (request.url === "/stream") {
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
      for await (const piece of pieces(input)) response.write(piece);
      response.end();
      return;
    }
    const body = JSON.stringify(answer(input));
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => listening(server.address()));
