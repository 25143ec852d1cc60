// What a model says through the console when its class does not look as if it did: a file or a package that it uses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buildServer, startServer } from "../_server.ts";

test("the lines of a model whose helpers talk have the ids of their calls, once one was heard", async (t) => {
  const artifact = await buildServer({
    "config.yaml": "runtime:\n  predict_concurrency: 2\n",
    "model/said.ts": "export const say = (text: string) => console.log(text);\n",
    "model/model.ts": `import { say } from "./said.ts";
      export default class Model {
        async predict({ name }: { name: string }) {
          say("began " + name);
          await new Promise((resolve) => setTimeout(resolve, 20));
          say("ended " + name);
          return name;
        }
      }\n`,
  });
  const server = await startServer(t, artifact);
  const call = (name: string) => server.post({ name }, { headers: { "x-request-id": `id-${name}` } });
  await call("first");
  await Promise.all([call("a"), call("b")]);
  await server.logged("ended b");
  for (const name of ["a", "b"]) {
    for (const what of ["began", "ended"]) {
      const line = server.log().find(({ message }) => message === `${what} ${name}`);
      assert.equal(line?.["requestId"], `id-${name}`);
    }
  }
});
