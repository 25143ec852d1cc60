import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arnOf,
  endpointOf,
  needsSdk,
  readS3Source,
  toRequest,
} from "../../../adapter/runtime/weights/sources/s3-address.ts";
import { makeEntry } from "./_source-server.ts";

const at = (
  source: string,
  more: { endpoint?: string; pathStyle?: boolean; dualStack?: boolean; region?: string } = {},
  environment: Record<string, string> = {},
): string => {
  const { region = "eu-west-1", ...entry } = more;
  const { bucket, key } = readS3Source(source);
  const endpoint = endpointOf(makeEntry({ source, ...entry }), environment);
  return toRequest("GetObject", { Bucket: bucket, Key: key }, endpoint, region).url.href;
};

test("a source is a bucket and a key, exactly as they are written", () => {
  const of = (source: string) => {
    const { bucket, key, kind } = readS3Source(source);
    return [bucket, key, kind];
  };
  assert.deepEqual(of("s3://models/llama/v 3/"), ["models", "llama/v 3/", "bucket"]);
  assert.deepEqual(of("s3://models"), ["models", "", "bucket"]);
  assert.deepEqual(of("s3://models/"), ["models", "", "bucket"]);
  assert.deepEqual(of("s3://models//a%20b?#"), ["models", "/a%20b?#", "bucket"]);
  const ap = "arn:aws:s3:us-east-1:123456789012:accesspoint/readers";
  assert.deepEqual(of(`s3://${ap}/a/b`), [ap, "a/b", "access point"]);
  assert.deepEqual(of(`s3://${ap}`), [ap, "", "access point"]);
  const mrap = "arn:aws:s3::123456789012:accesspoint/abc.mrap";
  assert.deepEqual(of(`s3://${mrap}/a`), [mrap, "a", "multi-region access point"]);
  const lambda = "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/ol";
  assert.deepEqual(of(`s3://${lambda}/a`), [lambda, "a", "object lambda"]);
  const outpost = "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/ap";
  assert.deepEqual(of(`s3://${outpost}/a/b`), [outpost, "a/b", "access point"]);
  assert.deepEqual(of("s3://b--usw2-az1--x-s3/a"), ["b--usw2-az1--x-s3", "a", "directory bucket"]);
  for (const bad of ["s3://", "s3:///key", "s3://a b/key", "s3://b?x/key", "s3://arn:aws:s3:::bucket/key"]) {
    assert.throws(() => readS3Source(bad), { code: "WEIGHTS_INVALID" }, bad);
  }
});

test("AWS's hosts: the bucket as a host name where it can be one", () => {
  assert.equal(at("s3://models/a/b"), "https://models.s3.eu-west-1.amazonaws.com/a/b");
  assert.equal(at("s3://my.models/a"), "https://s3.eu-west-1.amazonaws.com/my.models/a");
  assert.equal(at("s3://Models/a"), "https://s3.eu-west-1.amazonaws.com/Models/a");
  assert.equal(at("s3://models/a", { pathStyle: true }), "https://s3.eu-west-1.amazonaws.com/models/a");
  assert.equal(
    at("s3://models/a", { dualStack: true }),
    "https://models.s3.dualstack.eu-west-1.amazonaws.com/a",
  );
  assert.equal(
    at("s3://models/a", {}, { AWS_USE_DUALSTACK_ENDPOINT: "true" }),
    "https://models.s3.dualstack.eu-west-1.amazonaws.com/a",
  );
  assert.equal(
    at("s3://models/a", { region: "cn-north-1" }),
    "https://models.s3.cn-north-1.amazonaws.com.cn/a",
  );
});

test("keys are encoded as signatures have them, and keep their slashes", () => {
  assert.equal(
    at("s3://models/a b/+%//ü'(!)*~/🦜"),
    "https://models.s3.eu-west-1.amazonaws.com/a%20b/%2B%25//%C3%BC%27%28%21%29%2A~/%F0%9F%A6%9C",
  );
});

test("endpoints: the entry's, then the environment's for S3, then for all of AWS", () => {
  const environment = { AWS_ENDPOINT_URL_S3: "https://s3.example", AWS_ENDPOINT_URL: "https://all.example" };
  assert.equal(at("s3://models/a", {}, environment), "https://models.s3.example/a");
  assert.equal(
    at("s3://models/a", {}, { AWS_ENDPOINT_URL: "https://all.example" }),
    "https://models.all.example/a",
  );
  assert.equal(
    at("s3://models/a", { endpoint: "https://own.example/" }, environment),
    "https://models.own.example/a",
  );
  assert.equal(
    at("s3://models/a", {}, { ...environment, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" }),
    "https://models.s3.eu-west-1.amazonaws.com/a",
  );
  assert.throws(() => at("s3://m/a", { endpoint: "ftp://own.example" }), { code: "WEIGHTS_INVALID" });
});

test("endpoints that have no subdomains are asked in path style", () => {
  for (const host of [
    "http://127.0.0.1:9000",
    "http://[::1]:9000",
    "http://localhost:9000",
    "http://minio:9000",
  ]) {
    assert.equal(at("s3://models/a", { endpoint: host }), `${host}/models/a`);
  }
  // An address never has; of a name, whoever runs it knows better.
  const virtual = { pathStyle: false };
  assert.equal(at("s3://models/a", { endpoint: "http://10.0.0.1", ...virtual }), "http://10.0.0.1/models/a");
  assert.equal(
    at("s3://models/a", { endpoint: "http://localhost", ...virtual }),
    "http://models.localhost/a",
  );
  const environment = { AWS_S3_FORCE_PATH_STYLE: "true" };
  assert.equal(
    at("s3://models/a", { endpoint: "https://s3.example/x" }, environment),
    "https://s3.example/x/models/a",
  );
});

test("only the SDK knows access points, directory buckets, FIPS and isolated partitions", () => {
  const needs = (source: string, region = "us-east-1", environment = {}, endpoint?: string) =>
    needsSdk(
      readS3Source(source),
      endpointOf(makeEntry({ source, ...(endpoint && { endpoint }) }), environment),
      region,
    );
  assert.equal(needs("s3://models/a"), false);
  assert.equal(needs("s3://readers-abc-s3alias/a"), false);
  assert.equal(needs("s3://arn:aws:s3:us-east-1:1:accesspoint/readers/a"), true);
  assert.equal(needs("s3://b--usw2-az1--x-s3/a"), true);
  assert.equal(needs("s3://models/a", "us-iso-east-1"), true);
  assert.equal(needs("s3://models/a", "us-east-1", { AWS_USE_FIPS_ENDPOINT: "true" }), true);
  assert.equal(
    needs("s3://models/a", "us-east-1", { AWS_USE_FIPS_ENDPOINT: "true" }, "http://localhost:1"),
    false,
  );
});

test("the ARN a policy has to name", () => {
  assert.equal(arnOf(readS3Source("s3://models/a"), "us-east-1"), "arn:aws:s3:::models");
  assert.equal(arnOf(readS3Source("s3://models/a"), "cn-north-1", "a/b"), "arn:aws-cn:s3:::models/a/b");
  const ap = "arn:aws:s3:us-east-1:1:accesspoint/readers";
  assert.equal(arnOf(readS3Source(`s3://${ap}/a`), "us-east-1", "a"), `${ap}/object/a`);
});
