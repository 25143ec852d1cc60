// What a further thread of an engine runs in tests.

import { workerData } from "node:worker_threads";
import { runLane } from "../../../adapter/runtime/weights/download/run-lane.ts";

if (workerData?.coldframe === "lane") runLane();
