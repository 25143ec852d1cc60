#!/usr/bin/env node
// The coldframe command: its subcommands, one file each, and the one place where a command's end becomes an exit status.

import { Command } from "commander";
import { coldframeVersion } from "../build/runtime-files.ts";
import { buildCommand } from "./build.ts";
import { devCommand } from "./dev.ts";
import { doctorCommand } from "./doctor.ts";
import { initCommand } from "./init.ts";
import { invokeCommand } from "./invoke.ts";
import { pushWeightsCommand } from "./push-weights.ts";
import { reportEnd } from "./refusal.ts";

const program = new Command("coldframe")
  .description("Turns a TypeScript model into a serverless function.")
  .version(coldframeVersion())
  .exitOverride()
  // What commander has to say becomes a refusal like every other.
  .configureOutput({ outputError: () => {} })
  .showSuggestionAfterError()
  .addHelpText("after", '\nExample:\n  $ coldframe invoke my-model --data \'{"prompt":"hello"}\'');

for (const command of [
  initCommand(),
  buildCommand(),
  devCommand(),
  doctorCommand(),
  invokeCommand(),
  pushWeightsCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

// `coldframe invoke | head` is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportEnd(error, process.argv.includes("--json"));
}
