// Runs rows of cases on both clients: each answer is what a caller depends on, the next invocation is answered by the same
// process with the same model, and both clients put the same bytes on the wire.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Client } from "../../adapter/local/local-lambda.ts";
import {
  type Answer,
  CLIENTS,
  type Handler,
  type Identity,
  type RunningFunction,
  startFunction,
} from "./_function.ts";
import { type Wire, wireOf } from "./_wire.ts";
import type { Case, Expected } from "./cases.ts";

/** A case that wedges its process fails after this, and the platform replaces the process. */
const TIMEOUT_SECONDS = 6;

interface Player {
  readonly client: Client;
  readonly fn: RunningFunction;
  identity: Identity;
}

/** Every row with every handler it is for. */
export function runCases(cases: readonly Case[]): void {
  for (const handler of ["stream", "buffered"] as const) {
    const groups = new Map<string, Case[]>();
    for (const row of cases.filter((candidate) => (candidate.handler ?? handler) === handler)) {
      const limit = row.timeoutSeconds === undefined ? "" : ` with a timeout of ${row.timeoutSeconds} s`;
      const group = `${row.model}, index.${handler}${limit}`;
      groups.set(group, [...(groups.get(group) ?? []), row]);
    }
    for (const [group, rows] of groups) runGroup(group, handler, rows);
  }
}

/** One process on each client for all rows. */
function runGroup(group: string, handler: Handler, rows: readonly Case[]): void {
  describe(group, () => {
    let players: Promise<Player[]> | undefined;
    after(async () => {
      for (const { fn } of (await players) ?? []) await fn.close();
    });
    for (const [index, row] of rows.entries()) {
      test(row.name, { concurrency: true, timeout: 30_000 }, async (t) => {
        players ??= Promise.all(CLIENTS.map((client) => startPlayer(client, handler, row)));
        const wires = new Map<Client, readonly Wire[]>();
        await Promise.all(
          (await players).map((player) =>
            t.test(player.client, async () => {
              try {
                wires.set(player.client, await play(player, handler, row, `case-${index}`));
              } catch (error) {
                // Whatever this case did to the process, the next one is not to be blamed for it.
                await player.fn.lambda.kill();
                player.identity = await player.fn.who();
                throw error;
              }
            }),
          ),
        );
        await t.test("the same bytes", () => {
          const [ours, theirs] = CLIENTS.map((client) => wires.get(client));
          assert.ok(ours !== undefined && theirs !== undefined, "one of the two failed");
          assert.notEqual(ours.length, 0);
          assert.deepEqual(ours, theirs);
        });
      });
    }
  });
}

async function startPlayer(client: Client, handler: Handler, row: Case): Promise<Player> {
  const { model, timeoutSeconds = TIMEOUT_SECONDS } = row;
  const fn = await startFunction(client, { model, handler, timeoutSeconds });
  return { client, fn, identity: await fn.who() };
}

async function play(player: Player, handler: Handler, row: Case, id: string): Promise<readonly Wire[]> {
  const { fn, identity: before } = player;
  const from = fn.lines.length;
  const answer = await fn.ask(row.event ?? row.payload, id);
  const after = await fn.who();
  const exchanges = fn.exchanges(id);
  const expected = handler === "buffered" ? (row.buffered ?? row.expect) : row.expect;
  assertAnswer(answer, expected, id, row.event !== undefined);
  const { secret, log } = expected;
  if (log !== undefined) await fn.logged(log, from);
  if (secret !== undefined) {
    await fn.logged(new RegExp(secret), from);
    const told = exchanges
      .map(({ chunks, rawHeaders }) => `${rawHeaders}${Buffer.concat([...chunks])}`)
      .join();
    assert.ok(
      !told.includes(secret) && !JSON.stringify(answer.error ?? "").includes(secret),
      "a secret was told",
    );
  }
  assert.equal(after.pid, before.pid, "another process answers");
  assert.equal(after.load, before.load, "another model answers");
  return exchanges.map(wireOf);
}

function assertAnswer(answer: Answer, expected: Expected, id: string, isHttp: boolean): void {
  const text = answer.body.toString();
  const context = `${JSON.stringify(answer.head)} ${text.slice(0, 500)} ${JSON.stringify(answer.error)?.slice(0, 500)}`;
  assert.equal(answer.error?.errorType, expected.error, context);
  assert.equal(answer.head?.statusCode, isHttp ? expected.status : undefined, context);
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    assert.equal(answer.head?.headers?.[name], value?.replace("{id}", id), name);
  }
  assert.deepEqual(answer.head?.cookies, expected.cookies);
  if (typeof expected.body === "string") assert.equal(text, expected.body.replace("{id}", id));
  else if (expected.body !== undefined) assert.deepEqual(answer.body, Buffer.from(expected.body));
  if ("json" in expected) assert.deepEqual(JSON.parse(text), expected.json);
  if (expected.code !== undefined) {
    const { error } = JSON.parse(text) as { error: { code: string; request_id: string } };
    assert.deepEqual([error.code, error.request_id], [expected.code, id], context);
    assert.equal(answer.head?.headers?.["x-request-id"], id);
  }
  const problem = expected.check?.(answer);
  assert.ok(problem === undefined || problem === true, String(problem));
}
