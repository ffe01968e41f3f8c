/**
 * The command, as the last step of the build (pack.ts) puts it in the place of main.js: it does the same, but takes the
 * program in one script with V8's code cache. Under inetd, where each session is a process, the greeting is there after
 * 37 ms with it, 50 without, and after 30 ms if a script of Node does nothing else (bench:start). A build by tsc alone
 * puts main.js back, so that no pack outlives what it was made from.
 *
 * pack.ts bundles this file with its imports, since each file that Node loads costs a part of a millisecond.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { safeStandardStreams } from "../process/descriptor";
import { type Program, readPack, runPack } from "./script";

// As in main.ts. In the bundle __dirname is the folder of main.js.
const stderrIsClient = safeStandardStreams();
process.on("SIGUSR1", () => {});
process.env.UV_THREADPOOL_SIZE ??= "64";
program().main(process.argv.slice(2), stderrIsClient);

/**
 * The packed program; if the pack can't be read, or is damaged, the program's files.
 *
 * @throws what is wrong with the pack where there are no such files, as in an installed package
 */
function program(): Program {
  try {
    return runPack(readPack(__dirname), __dirname);
  } catch (thrown) {
    const file = join(__dirname, "app", "program.js");
    if (!existsSync(file)) throw thrown;
    return require(file) as Program;
  }
}
