import { Readable } from "node:stream";
import fastify from "fastify";
import { answer, listening, pieces } from "./server-work.mjs";

const app = fastify();
app.post("/predict", (request, reply) => reply.send(answer(request.body)));
app.post("/stream", (request, reply) =>
  reply.type("text/plain; charset=utf-8").send(Readable.from(pieces(request.body))),
);
await app.listen({ port: 0, host: "127.0.0.1" });
listening(app.server.address());
