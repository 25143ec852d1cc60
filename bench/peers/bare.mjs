// The floor: a handler with no adapter at all.
import { answer } from "./answer.mjs";

export async function buffered(event) {
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(answer(JSON.parse(event.body))),
  };
}
