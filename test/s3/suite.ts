// The contract of S3 as far as Coldframe needs it, for any server: each case is a test with a name. What a server does
// otherwise is in a table by that name; its case is run all the same and has to fail, so that the table stays true.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { S3Client } from "@aws-sdk/client-s3";
import { type S3Server, newBucketName } from "./_server.ts";
import { errorCases } from "./suite-errors.ts";
import { listCases } from "./suite-list.ts";
import { objectCases } from "./suite-objects.ts";
import { signatureCases } from "./suite-signatures.ts";
import { uploadCases } from "./suite-uploads.ts";

/** What a case gets. */
export interface Contract {
  readonly server: S3Server;
  readonly s3: S3Client;
  /** Empty at first, and the suite's own; keys of different cases do not meet. */
  readonly bucket: string;
}

/** Name of the case -> what it checks. */
export type Cases = Readonly<Record<string, (contract: Contract) => Promise<void>>>;

const CASES: Cases = {
  ...objectCases,
  ...listCases,
  ...uploadCases,
  ...signatureCases,
  ...errorCases,
};

/** @param differences name of a case -> why this server does not do it */
export function describeS3(
  name: string,
  start: () => Promise<S3Server>,
  differences: Readonly<Record<string, string>> = {},
): void {
  describe(name, () => {
    let contract: Contract;
    before(async () => {
      const server = await start();
      const bucket = newBucketName("contract");
      await server.createBucket(bucket);
      contract = { server, s3: server.client(), bucket };
    });
    after(() => contract.server.close());

    for (const [title, run] of Object.entries(CASES)) {
      const reason = differences[title];
      if (reason === undefined) test(title, () => run(contract));
      else {
        test(`${title} [differs: ${reason}]`, async () => {
          await assert.rejects(run(contract), () => true, "it does now: take it off the table");
        });
      }
    }
    test("every difference is of a case that there is", () => {
      assert.deepEqual(
        Object.keys(differences).filter((title) => !(title in CASES)),
        [],
      );
    });
  });
}
