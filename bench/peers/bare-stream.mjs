// The floor of streaming: AWS's own two calls and a loop.
import { pieces } from "./answer.mjs";

export const stream = awslambda.streamifyResponse(async (event, responseStream) => {
  const out = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
  for await (const piece of pieces(JSON.parse(event.body))) out.write(piece);
  out.end();
});
