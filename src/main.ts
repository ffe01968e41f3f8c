#!/usr/bin/env node
/**
 * The command, as tsc leaves it: makes the standard streams safe, then runs the program, file by file. The last step of
 * the build puts launcher.ts in its place, which does the same with the program in one piece.
 */

import { safeStandardStreams } from "./process/descriptor";

// The first act: under a superserver stderr is the client, whatever may go wrong from here on.
const stderrIsClient = safeStandardStreams();

// From now on SIGUSR1 does not open Node's debugger (process/debugger.ts).
process.on("SIGUSR1", () => {});

// Lookups run in libuv's threads: with the four of its default, four names of a dead zone would stop every login.
process.env.UV_THREADPOOL_SIZE ??= "64";

(require("./app/program") as typeof import("./app/program.js")).main(process.argv.slice(2), stderrIsClient);
