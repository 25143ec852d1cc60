// AWS's partitions: what differs between them in ARNs and in the names of hosts, told by a region's name.
// Source: the partitions of AWS's SDKs (@aws-sdk/core, util-endpoints/lib/aws/partitions.js).

/** How its regions begin, its name, how its hosts end; any other region is one of `aws`. */
const PARTITIONS = [
  ["cn-", "aws-cn", "amazonaws.com.cn"],
  ["us-gov-", "aws-us-gov", "amazonaws.com"],
  ["eusc-", "aws-eusc", "amazonaws.eu"],
  ["us-iso-", "aws-iso", "c2s.ic.gov"],
  ["us-isob-", "aws-iso-b", "sc2s.sgov.gov"],
  ["eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"],
  ["us-isof-", "aws-iso-f", "csp.hci.ic.gov"],
] as const;

const factsOf = (region: string): readonly string[] =>
  PARTITIONS.find(([prefix]) => region.startsWith(prefix)) ?? ["", "aws", "amazonaws.com"];

/** The second part of an ARN. */
export const partitionOf = (region: string): string => factsOf(region)[1] as string;

/** The end of a host's name: `amazonaws.com`. */
export const domainOf = (region: string): string => factsOf(region)[2] as string;
