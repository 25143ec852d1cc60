// What the threads of weights-directory.test.ts run, as a deployment's weights-thread.cjs does.

import { runThread } from "../../adapter/runtime/weights-thread.ts";

runThread({
  s3: () => import("../../adapter/runtime/weights/s3.ts"),
  file: () => import("../../adapter/runtime/weights/file.ts"),
});
