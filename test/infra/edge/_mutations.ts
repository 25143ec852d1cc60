// Broken copies of the edge's template: one thing is otherwise than it has to be, and something has to see it.

/** What is broken, how, and what is said of it. */
export const MUTATIONS: readonly (readonly [
  why: string,
  from: string | RegExp,
  to: string,
  found: RegExp,
])[] = [
  [
    "one permission dropped",
    /\n {2}FunctionPermission:[^]*?\n(?=\nOutputs)/,
    "\n",
    /InvokeFunction with|no permission/,
  ],
  [
    "the other one dropped",
    /\n {2}UrlPermission:[^]*?\n(?=\n {2}FunctionPermission)/,
    "\n",
    /InvokeFunctionUrl is missing|no permission/,
  ],
  [
    "a SourceArn of any distribution",
    /distribution\/\$\{Distribution\}/,
    "distribution/*",
    /no permission is/,
  ],
  [
    "a SourceArn in a region",
    "cloudfront::${AWS::AccountId}",
    "cloudfront:eu-west-1:${AWS::AccountId}",
    /no permission is/,
  ],
  ["no SourceArn", / {6}SourceArn: .*\n/, "", /no permission is/],
  ["any principal", "Principal: cloudfront.amazonaws.com", 'Principal: "*"', /same principal|no permission/],
  [
    "a permission without InvokedViaFunctionUrl",
    / {6}InvokedViaFunctionUrl: true\n/,
    "",
    /403|no permission/,
  ],
  [
    "FunctionUrlAuthType NONE",
    "FunctionUrlAuthType: AWS_IAM",
    "FunctionUrlAuthType: NONE",
    /no permission is/,
  ],
  [
    "the function and not its alias",
    "FunctionName: !Ref AliasArn",
    "FunctionName: sample-model",
    /same alias|no permission/,
  ],
  ["compression", "Compress: false", "Compress: true", /compressed/],
  ["no word of compression", / {10}Compress: false\n/, "", /compressed/],
  [
    "caching",
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "658327ea-f89d-4fab-a63d-7e88639e58f6",
    /CachePolicyId/,
  ],
  [
    "the host of the caller",
    "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "216adef6-5c7f-47e4-b989-5492eafa07d3",
    /OriginRequestPolicyId/,
  ],
  ["signing when the caller did not", "SigningBehavior: always", "SigningBehavior: no-override", /signed/],
  ["origin access control of S3", "OriginType: lambda", "OriginType: s3", /not of lambda/],
  ["no origin access control", / {12}OriginAccessControlId: .*\n/, "", /not signed/],
  [
    "a redirect",
    "ViewerProtocolPolicy: https-only",
    "ViewerProtocolPolicy: redirect-to-https",
    /in the clear/,
  ],
  [
    "plain HTTP to the function",
    "OriginProtocolPolicy: https-only",
    "OriginProtocolPolicy: match-viewer",
    /plain HTTP/,
  ],
  [
    "a 503 that is kept",
    "ErrorCode: 503, ErrorCachingMinTTL: 0",
    "ErrorCode: 503, ErrorCachingMinTTL: 10",
    /keeps a 503/,
  ],
  ["an unknown key", "OriginReadTimeout:", "ReadTimeout:", /ReadTimeout/],
  ["a name that another stack may have", /- !Select \[ 0, .*StackId.*\n/, "- edge\n", /another stack's/],
  ["a bad value", "HttpVersion: http2and3", "HttpVersion: http4", /http4/],
  [
    "another part of the URL",
    '!Select [ 2, !Split [ "/", !Ref FunctionUrl ] ]',
    '!Select [0, !Split ["/", !Ref FunctionUrl]]',
    /function's host/,
  ],
];
