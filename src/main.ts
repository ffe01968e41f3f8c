#!/usr/bin/env node
/**
 * The command, as tsc compiles it: makes the standard streams safe, then runs the program from its files. The last step
 * of the build replaces it by launcher.ts, which does the same with the program in one script.
 */

import { safeStandardStreams } from "./process/descriptor";

// This is first, since under a superserver stderr is the client: no later fault may be written there.
const stderrIsClient = safeStandardStreams();

// From now on SIGUSR1 does not open Node's debugger (process/debugger.ts).
process.on("SIGUSR1", () => {});

// Lookups run in libuv's threads, by default four: four names whose name servers do not answer would stop every login.
process.env.UV_THREADPOOL_SIZE ??= "64";

(require("./app/program") as typeof import("./app/program.js")).main(process.argv.slice(2), stderrIsClient);
