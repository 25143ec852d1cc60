// AWS's own 403, which says little: what it means for a function URL, and what to do. It comes before any function runs.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-auth.html, and what function URLs answer (awsdocs/
// aws-lambda-developer-guide issue 494; "Signature expired: ..." as in aws/aws-cli issue 4600).

import { parseObject, type WholeAnswer } from "./client-error.ts";

/** How the request was sent. */
export interface SentRequest {
  /** Where it was signed for; `undefined`: it was not signed. */
  readonly region: string | undefined;
  readonly isFunctionUrl: boolean;
}

export interface Explanation {
  readonly message: string;
  readonly fix: string;
}

const BOTH = "lambda:InvokeFunctionUrl and lambda:InvokeFunction (with lambda:InvokedViaFunctionUrl), both,";

/** The words of AWS, where a browser does not show the header that names the error. */
const AWS_WORDS =
  /^Forbidden(\.|$)|^Signature (expired|not yet current)|^The (request signature we|security token included)|^Credential should be scoped/i;

/** What AWS means by this answer; `undefined` when it is not AWS's. */
export function explainForbidden(answer: WholeAnswer, sent: SentRequest): Explanation | undefined {
  if (answer.status !== 403) return undefined;
  const words = wordsOf(answer);
  const type = /^(?:[^#]*#)?(\w+)/.exec(answer.header("x-amzn-errortype") ?? "")?.[1];
  if (type === undefined && !AWS_WORDS.test(words)) return undefined;
  const said = `AWS refused the ${sent.region === undefined ? "" : "signed "}request (${type ?? "403"}: ${words})`;

  if (/^Signature (expired|not yet current)/i.test(words)) {
    const { message, fix } = wrongTime(answer);
    return { message: `${said}: ${message}.`, fix };
  }
  if (/security token|UnrecognizedClient|InvalidClientTokenId|ExpiredToken/i.test(`${type} ${words}`)) {
    return {
      message: `${said}: the credentials have expired, or AWS does not know them.`,
      fix: "Get new ones, for example with `aws sso login`, and send the session token with temporary ones.",
    };
  }
  if (/Credential should be scoped/i.test(words)) {
    return {
      message: `${said}: it was signed for ${sent.region}, which is not where the URL is.`,
      fix: "Give the region of the URL's host.",
    };
  }
  if (/signature/i.test(`${type} ${words}`)) return { message: `${said}.`, fix: wrongSignature(sent) };
  return { message: `${said}.`, fix: missingPermission(sent) };
}

/** AWS's clock, as a refusal tells it: in milliseconds since 1970, NaN when it does not. */
export function clockOf(answer: WholeAnswer): number {
  // In browsers the Date header is hidden. "(20171018T224007Z - 5 min.)" is what is compared with.
  const [, date, hours, minutes, seconds] =
    /\((\d{8})T(\d\d)(\d\d)(\d\d)Z [-+] \d+ min/.exec(wordsOf(answer)) ?? [];
  if (date === undefined) return Date.parse(answer.header("date") ?? "");
  return Date.parse(`${date.replace(/(....)(..)(..)/, "$1-$2-$3")}T${hours}:${minutes}:${seconds}Z`);
}

function wrongTime(answer: WholeAnswer): Explanation {
  const minutes = Math.round((clockOf(answer) - Date.now()) / 60_000);
  const apart = Number.isNaN(minutes) || minutes === 0 ? "" : `, about ${Math.abs(minutes)} minutes`;
  return {
    message: `this machine's clock and AWS's are too far apart${apart}`,
    fix: "Set this machine's clock: AWS allows five minutes.",
  };
}

function wrongSignature({ region }: SentRequest): string {
  return region === undefined
    ? "Whoever signs, such as CloudFront, signs the hash in x-amz-content-sha256: send that of the body (`hashBody: true`), and let nothing on the way change the body."
    : "Check that the secret access key belongs to the access key id, and that no proxy changes host, path, query, content-type or body.";
}

function missingPermission({ region, isFunctionUrl }: SentRequest): string {
  if (region !== undefined) {
    const where = isFunctionUrl ? "" : ` Check the region, too: it was signed for ${region}.`;
    return `Who signs needs ${BOTH} on the function or alias that the URL belongs to; from another account the function's own policy has to allow them too.${where}`;
  }
  if (isFunctionUrl) {
    return `A URL with AuthType AWS_IAM needs signed requests: give \`credentials\`. One with AuthType NONE needs a policy of the function that allows ${BOTH} to everybody.`;
  }
  return `Behind CloudFront, origin access control has to sign, and the function's policy has to allow ${BOTH} to cloudfront.amazonaws.com with the distribution as its source.`;
}

function wordsOf({ text }: WholeAnswer): string {
  const { Message, message } = parseObject(text) ?? {};
  return String(Message ?? message ?? "").replace(/\s*\n[\s\S]*/, "");
}
