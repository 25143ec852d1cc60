// What one invocation decides: the table of cases.ts.

import { runCases } from "./_run-cases.ts";
import { CASES } from "./cases.ts";

runCases(CASES);
