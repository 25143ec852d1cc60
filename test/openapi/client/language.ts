// A user's program against examples/language: compiled with the types that its document gave, then run.

import createClient from "openapi-fetch";
import type { paths } from "./api.d.ts";

const DUTCH = "Ik wil graag een kopje koffie bestellen";

export async function run(baseUrl: string) {
  const client = createClient<paths, "application/json">({ baseUrl });

  const answer = await client.POST("/predict", { body: { text: DUTCH } });
  const language: string | undefined = answer.data?.language;
  const candidates: number | undefined = answer.data?.candidates.length;
  // @ts-expect-error: the model gives no such thing.
  const nothing: undefined = answer.data?.translation;

  const alias = await client.POST("/v1/models/{name}:predict", {
    params: { path: { name: "language" } },
    body: { text: DUTCH, top: 1 },
  });

  // @ts-expect-error: a text is needed.
  const refused = await client.POST("/predict", { body: { top: 51 } });
  const code: "INPUT_INVALID" | string | undefined = refused.error?.error.code;
  const places: string[] | undefined = refused.error?.error.issues?.map(({ path }) => path);
  // @ts-expect-error: no error has this code.
  const impossible: boolean = refused.error?.error.code === "NO_SUCH_CODE";

  const ready = await client.GET("/health/ready");
  const status: "ready" | undefined = ready.data?.status;
  const head = await client.HEAD("/schema");
  const schema = await client.GET("/v1/models/{name}/schema", { params: { path: { name: "any" } } });

  return {
    language,
    candidates,
    nothing,
    alias: alias.data?.candidates.map((candidate) => candidate.language),
    refused: { status: refused.response.status, code, places, impossible },
    status,
    head: head.response.status,
    streams: schema.data?.supports_streaming,
  };
}
