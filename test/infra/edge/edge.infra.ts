// CloudFront in front of a function URL: through the validators, by every combination of its switches, and with real
// requests through a stand-in that does what the template says.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { createClient } from "../../../infra/clients/index.ts";
import { evaluate } from "../cfn/_evaluate.ts";
import { nagFindings } from "../cfn/_nag.ts";
import type { Parameters } from "../cfn/_parameters.ts";
import { parseTemplate } from "../cfn/_parse.ts";
import { type Acknowledgement, assertAccepted, findingsOf, unexpected } from "../cfn/_validate.ts";
import { DEPLOYMENT, distributionOf, HOST, problems, REQUIRED, rendered } from "./_edge.ts";
import { MUTATIONS } from "./_mutations.ts";
import { startEdge } from "./_stand-in.ts";

const TEXT = rendered();
const TEMPLATE = parseTemplate(TEXT);

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  DomainName: ["", "models.example.com"],
  CertificateArn: ["", "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"],
  WebAclArn: ["", "arn:aws:wafv2:us-east-1:123456789012:global/webacl/models/11111111-2222"],
  LogBucket: ["", "logs.s3.amazonaws.com"],
  ReadTimeout: ["60", "120"],
};

const combinations: readonly Parameters[] = Object.entries(CHOICES).reduce<Parameters[]>(
  (so, [name, values]) => so.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
  [REQUIRED],
);

const NAG: readonly Acknowledgement[] = [
  { id: "AwsSolutions-CFR1", reason: "a model is not of one country; who wants it adds GeoRestriction" },
  { id: "AwsSolutions-CFR4", reason: "CloudFront's own domain allows no other setting: DomainName" },
];

test("AWS's validator and our rules have nothing against it", () => {
  assertAccepted(TEXT);
  assertAccepted(TEXT, [], { parameters: combinations.at(-1) as Parameters });
});

test("cdk-nag has nothing against it that is not acknowledged", () => {
  assert.deepEqual(unexpected(nagFindings(TEMPLATE), NAG), []);
});

test(`${combinations.length} combinations of its switches`, () => {
  for (const given of combinations) {
    const about = JSON.stringify(given);
    const made = evaluate(TEMPLATE, given);
    const { DomainName: domain, CertificateArn: certificate, WebAclArn, LogBucket, ReadTimeout } = given;
    assert.deepEqual(problems(TEMPLATE, given), [], about);
    const { Aliases, ViewerCertificate, WebACLId, Logging, Origins } = distributionOf(made);
    assert.equal(made.refusals.length, (domain === "") === (certificate === "") ? 0 : 1, about);
    assert.deepEqual(Aliases, domain === "" ? undefined : [domain], about);
    const own = {
      AcmCertificateArn: certificate,
      SslSupportMethod: "sni-only",
      MinimumProtocolVersion: "TLSv1.2_2021",
    };
    assert.deepEqual(ViewerCertificate, domain === "" ? undefined : own, about);
    assert.equal(WebACLId, WebAclArn === "" ? undefined : WebAclArn, about);
    const logs = { Bucket: LogBucket, Prefix: `${DEPLOYMENT.name}/`, IncludeCookies: false };
    assert.deepEqual(Logging, LogBucket === "" ? undefined : logs, about);
    assert.equal(Origins[0]?.CustomOriginConfig["OriginReadTimeout"], Number(ReadTimeout), about);
    assert.equal(made.outputs["Url"], `https://${domain === "" ? "<Distribution.DomainName>" : domain}/`);
  }
});

test("what is no function URL, no alias, or not in CloudFront's region is refused", () => {
  const refused: Parameters[] = [
    { FunctionUrl: HOST },
    { FunctionUrl: "https://models.example.com/" },
    { AliasArn: "arn:aws:lambda:eu-west-1:123456789012:function:sample-model" },
    { CertificateArn: "arn:aws:acm:eu-west-1:123456789012:certificate/1" },
    { WebAclArn: "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/models/1" },
    { ReadTimeout: "121" },
  ];
  for (const given of refused) {
    assert.throws(
      () => evaluate(TEMPLATE, { ...REQUIRED, ...given }),
      new RegExp(Object.keys(given)[0] ?? ""),
    );
  }
});

test("who deploys it reads how long a call may take, and how the URL answers", () => {
  const { FunctionUrl, ReadTimeout } = TEMPLATE.Parameters ?? {};
  assert.match(FunctionUrl?.Description ?? "", new RegExp(DEPLOYMENT.function_url.invoke_mode));
  assert.match(ReadTimeout?.Description ?? "", new RegExp(`\\b${DEPLOYMENT.timeout_seconds} s\\b`));
});

describe("through it", () => {
  const text = JSON.stringify({ prompt: "ü" });
  const hash = createHash("sha256").update(text).digest("hex");

  async function answers(t: TestContext, change: (template: string) => string = (all) => all) {
    const made = evaluate(parseTemplate(change(TEXT)), REQUIRED);
    const { url } = await startEdge(t, made, ({ body }, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ bytes: body.length }));
    });
    const post = async (headers: Record<string, string>) => {
      const answer = await fetch(`${url}/predict`, { method: "POST", body: text, headers });
      await answer.arrayBuffer();
      return answer.status;
    };
    const get = async () => {
      const answer = await fetch(`${url}/health/ready`);
      await answer.arrayBuffer();
      return answer.status;
    };
    return { url, post, get };
  }

  test("a POST needs the hash of its body, and a GET needs nothing", async (t) => {
    const { post, get } = await answers(t);
    assert.equal(await get(), 200);
    assert.equal(await post({}), 403);
    assert.equal(await post({ "x-amz-content-sha256": hash.replace(/^./, "z") }), 403);
    assert.equal(await post({ "x-amz-content-sha256": hash }), 200);
  });

  test("coldframe/client sends it, by itself to whatever is https", async (t) => {
    const { url } = await answers(t);
    const viaHttp = createClient({ url, hashBody: true });
    assert.deepEqual(await viaHttp.predict({ prompt: "ü" }), { bytes: Buffer.byteLength(text) });
    const sent: Headers[] = [];
    const remember: typeof fetch = async (_input, init) => {
      sent.push(new Headers(init?.headers));
      return Response.json({});
    };
    await createClient({ url: "https://models.example.com", fetch: remember }).predict({ prompt: "ü" });
    assert.equal(sent[0]?.get("x-amz-content-sha256"), hash);
  });

  const broken: readonly (readonly [why: string, from: string, to: string])[] = [
    ["requests are not signed", "SigningBehavior: always", "SigningBehavior: never"],
    [
      "the caller's host goes to the function",
      "b689b0a8-53d0-40ab-baf2-68738e2966ac",
      "216adef6-5c7f-47e4-b989-5492eafa07d3",
    ],
    ["POST is not among the methods", "GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE", "GET, HEAD, OPTIONS"],
  ];
  for (const [why, from, to] of broken) {
    test(`a POST is a 403 when ${why}`, async (t) => {
      assert.ok(TEXT.includes(from), from);
      const { post } = await answers(t, (all) => all.replace(from, to));
      assert.equal(await post({ "x-amz-content-sha256": hash }), 403);
    });
  }
});

describe("a broken copy is found:", () => {
  for (const [why, from, to, found] of MUTATIONS) {
    test(why, () => {
      const text = TEXT.replace(from, to);
      assert.ok(text !== TEXT, "nothing was broken");
      const seen = problems(parseTemplate(text)).join("\n");
      // The validator takes its time: it is asked where our own rules see nothing.
      if (!found.test(seen)) assert.match(unexpected(findingsOf(text)).join("\n"), found);
    });
  }
});
