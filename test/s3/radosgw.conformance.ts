// The contract of S3 on a real server of another make: where the two agree, the contract is no invention of ours.

import { serverFromEnvironment } from "./_server.ts";
import { describeS3 } from "./suite.ts";

/** What radosgw 16.2 (Debian 12) does otherwise, by case. AWS has been seen to do it as the case says. */
const DIFFERENCES = {
  "what is no range is ignored": "it answers 200 with a Content-Range",
  "a range that ends before it begins is ignored": "it answers 416",
  "several ranges are answered with the whole object": "it answers with the first",
  "the last no bytes are 416": "it answers 206 with an empty body",
  "an error about a range says the object's size": "its errors name the bucket and nothing else",
  "a delete marker cannot be read": "it answers NoSuchKey",
  "a version that is gone is NoSuchVersion": "it answers NoSuchKey",
  "a version id that no server gave is refused": "it answers NoSuchKey",
  "a max-keys below 0 is refused": "it takes any number",
  "a continuation token of somebody else is refused": "its tokens are keys",
  "encoding-type=url encodes keys, with a space as a plus and slashes left alone": "it writes %20 and %2F",
  "an encoding-type there is not is refused": "it ignores it",
  "the answer to a completed upload has the ETag": "it is empty",
  "partNumber reads one part": "it ignores partNumber",
  "HEAD with partNumber is about one part": "it ignores partNumber",
  "a part there is not is 416": "it ignores partNumber",
  "uploads are listed below a delimiter": "its common prefixes are where the SDK does not find them",
  "parts have to be in order": "it sorts them",
  "a header x-amz-* that is not signed is refused": "it only looks at those that are signed",
  "a signature of another service is refused": "it takes any service",
  "a key above 1,024 bytes is refused": "it answers InvalidObjectName",
  "a PUT has to say how long it is": "it answers MissingContentLength",
};

describeS3("radosgw", async () => serverFromEnvironment(), DIFFERENCES);
