// Every combination of the switches that decides what the templates make, as parameters of SAM.

import type { Parameters } from "../cfn/_parameters.ts";

type Choices = Readonly<Record<string, readonly string[]>>;

const ROLE = "arn:aws:iam::123456789012:role/caller";
const KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";
const TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms";

/** Of all templates. */
const SWITCHES: Choices = {
  FunctionUrl: ["true", "false"],
  UrlAuth: ["AWS_IAM", "NONE"],
  Invoker: ["", ROLE],
  Queue: ["true", "false"],
  WeightsBucket: ["existing", "create"],
  WeightsKeyArn: ["", KEY],
  Environment: ["", "production"],
  Alarms: ["true", "false"],
  AlarmTopicArn: ["", TOPIC],
};

/** Of those on Lambda's own machines. */
const CONCURRENCY: Choices = {
  ReservedConcurrency: ["0", "20"],
  ProvisionedConcurrency: ["0", "2"],
};

/** Of those on managed instances. */
const INSTANCES: Choices = { InstanceTypes: ["", "g6.xlarge,g6.2xlarge"] };

/** All of them: 2048 for a function on Lambda's own machines, 1024 on managed instances. */
export function combinations(isManaged: boolean): Parameters[] {
  return product({ ...SWITCHES, ...(isManaged ? INSTANCES : CONCURRENCY) });
}

/**
 * Few of them in which each pair of values of two switches occurs, for what is too slow to be asked 2048 times:
 * the first one that has most of the pairs that are left, again and again.
 */
export function pairwise(all: readonly Parameters[]): Parameters[] {
  const missing = new Set(all.flatMap(pairsOf));
  const chosen: Parameters[] = [];
  while (missing.size > 0) {
    const gain = (one: Parameters) => pairsOf(one).filter((pair) => missing.has(pair)).length;
    const best = all.reduce<readonly [Parameters, number]>(
      (so, one) => {
        const own = gain(one);
        return own > so[1] ? [one, own] : so;
      },
      [{}, 0],
    )[0];
    for (const pair of pairsOf(best)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

function pairsOf(one: Parameters): string[] {
  const values = Object.entries(one).map(([name, value]) => `${name}=${value}`);
  return values.flatMap((a, i) => values.slice(i + 1).map((b) => `${a}&${b}`));
}

function product(choices: Choices): Parameters[] {
  return Object.entries(choices).reduce<Parameters[]>(
    (so, [name, values]) => so.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}
