import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Model from "../model/model.ts";

test("runs the network, row by row", async () => {
  const model = new Model();
  await model.load({ dataDir: join(import.meta.dirname, "../data") });
  const rows = [
    [1, 0, 0, 0],
    [0, 0, 0, 2],
  ];
  const together = await model.predict({ rows });
  const alone = await Promise.all(rows.map((row) => model.predict({ rows: [row] })));
  assert.deepEqual(
    together.rows,
    alone.flatMap((answer) => answer.rows),
  );
  assert.equal(together.rows.length, 2);
});
