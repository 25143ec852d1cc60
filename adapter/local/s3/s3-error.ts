// The errors of S3: code, status, sentence and the elements that name what was found, as its own XML has them.
// Sources: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; sentences as recorded from AWS by LocalStack's
// validated snapshots (localstack/localstack, tests/aws/services/s3).

/** Status and sentence of the codes that always have the same. */
const KNOWN = {
  AccessDenied: [403, "Access Denied"],
  BucketAlreadyOwnedByYou: [
    409,
    "Your previous request to create the named bucket succeeded and you already own it.",
  ],
  BucketNotEmpty: [409, "The bucket you tried to delete is not empty"],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed size"],
  ExpiredToken: [400, "The provided token has expired."],
  IllegalLocationConstraintException: [400, ""],
  IllegalVersioningConfigurationException: [400, "The Versioning element must be specified"],
  IncompleteBody: [
    400,
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
  ],
  InternalError: [500, "We encountered an internal error. Please try again."],
  InvalidAccessKeyId: [403, "The AWS Access Key Id you provided does not exist in our records."],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidDigest: [400, "The Content-MD5 you specified was invalid."],
  InvalidObjectState: [403, "The operation is not valid for the object's storage class"],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  ],
  InvalidPartNumber: [416, "The requested partnumber is not satisfiable"],
  InvalidPartOrder: [
    400,
    "The list of parts was not in ascending order. Parts must be ordered by part number.",
  ],
  InvalidRange: [416, "The requested range is not satisfiable"],
  InvalidStorageClass: [400, "The storage class you specified is not valid"],
  InvalidToken: [400, "The provided token is malformed or otherwise invalid."],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  KeyTooLongError: [400, "Your key is too long"],
  MalformedTrailerError: [
    400,
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
  ],
  MalformedXML: [
    400,
    "The XML you provided was not well-formed or did not validate against our published schema",
  ],
  MetadataTooLarge: [400, "Your metadata headers exceed the maximum allowed metadata size"],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  NoSuchBucket: [404, "The specified bucket does not exist"],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchUpload: [
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
  ],
  NoSuchVersion: [404, "The specified version does not exist."],
  NotImplemented: [501, "A header you provided implies functionality that is not implemented"],
  NotModified: [304, "Not Modified"],
  PermanentRedirect: [
    301,
    "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
  ],
  PreconditionFailed: [412, "At least one of the pre-conditions you specified did not hold"],
  RequestTimeTooSkewed: [403, "The difference between the request time and the current time is too large."],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  ],
  SlowDown: [503, "Please reduce your request rate."],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
  // One code, a sentence for each case.
  AuthorizationHeaderMalformed: [400, ""],
  AuthorizationQueryParametersError: [400, ""],
  BadDigest: [400, ""],
  InvalidArgument: [400, ""],
  InvalidRequest: [400, ""],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type S3ErrorCode = keyof typeof KNOWN;

export interface S3ErrorOptions {
  /** Instead of the sentence of the code. */
  readonly message?: string;
  /** Elements of the XML after Message, in order; one that is `undefined` is left out. */
  readonly elements?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What an operation throws; the server makes the answer of it. */
export class S3Error extends Error {
  readonly code: string;
  readonly status: number;
  readonly elements: NonNullable<S3ErrorOptions["elements"]>;
  readonly headers: NonNullable<S3ErrorOptions["headers"]>;

  constructor(code: S3ErrorCode, options: S3ErrorOptions = {}) {
    super(options.message ?? KNOWN[code][1]);
    this.name = code;
    this.code = code;
    this.status = KNOWN[code][0];
    this.elements = options.elements ?? {};
    this.headers = options.headers ?? {};
  }
}

/** A parameter with a value that S3 refuses. */
export function invalidArgument(message: string, name: string, value: string | undefined): S3Error {
  return new S3Error("InvalidArgument", {
    message,
    elements: { ArgumentName: name, ArgumentValue: value },
  });
}

export function invalidRequest(message: string): S3Error {
  return new S3Error("InvalidRequest", { message });
}

/** The sentence of a code a test injects; a code of its own choosing says itself. */
export function sentenceOf(code: string): string {
  return (KNOWN as Readonly<Record<string, readonly [number, string]>>)[code]?.[1] || code;
}
