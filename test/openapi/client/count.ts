// A user's program against the fixture `count`: compiled with the types that its document gave, then run.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

export async function run(baseUrl: string) {
  const client = createClient<paths>({ baseUrl });

  // As events, while they come.
  const events = await client.POST("/predict", {
    body: { to: 2 },
    headers: { accept: "text/event-stream" },
    parseAs: "stream",
  });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of events.data as ReadableStream<Uint8Array>)
    text += decoder.decode(chunk, { stream: true });

  // All at once; an item is what the schema of the output says.
  const gathered = await client.POST("/predict", {
    body: { from: 3, to: 4 },
    headers: { accept: "application/json" },
  });
  const items = gathered.data as readonly components["schemas"]["Output"][];
  const squares: (number | null)[] = items.map(({ square }) => square);

  // @ts-expect-error: `to` is a number.
  const wrong = await client.POST("/invocations", { body: { to: "three" } });
  const place: string | undefined = wrong.error?.error.issues?.[0]?.path;

  const chat = await client.POST("/v1/chat/completions", {
    body: { messages: [{ role: "user", content: "count" }] },
  });
  const models = await client.GET("/v1/models");
  const ids: string[] | undefined = models.data?.data.map(({ id }) => id);

  return {
    text,
    squares,
    place,
    status: wrong.response.status,
    code: wrong.error?.error.code,
    chat: chat.data,
    ids,
  };
}
