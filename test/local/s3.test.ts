// The local S3 held to the contract that a real server is held to as well (npm run test:s3).

import { localServer } from "../s3/_server.ts";
import { describeS3 } from "../s3/suite.ts";

describeS3("the local S3", () => localServer());
