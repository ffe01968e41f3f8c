/**
 * The pack: the whole program in one script, with V8's code cache of it. pack.ts makes both, launcher.ts runs them.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";

/** What the module app/program exports. */
export type Program = typeof import("../app/program.js");

/** The script's file. @param folder where tsc has left the program */
export function scriptFile(folder: string): string {
  return join(folder, "packed.js");
}

/** The file of the thread that answers HTTP for --metrics, with the packages that it needs. @param folder as for `scriptFile` */
export function workerFile(folder: string): string {
  return join(folder, "metricsworker.js");
}

/** The file of V8's code cache of the script. @param folder as for `scriptFile` */
export function cacheFile(folder: string): string {
  return join(folder, "packed.cache");
}

/**
 * Reads the script; a code cache that V8 does not take, of another version say, only makes the start slower.
 *
 * @param folder as for `scriptFile`
 * @throws the system's error if there is no script, SyntaxError if it is damaged
 */
export function readPack(folder: string): Script {
  // One octet a character: the script is ASCII. The name is what stacks show, wherever the program is installed.
  return new Script(readFileSync(scriptFile(folder), "latin1"), { filename: "pop3.proxy", ...readCache(folder) });
}

function readCache(folder: string): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(cacheFile(folder)) };
  } catch {
    return {};
  }
}

/**
 * Runs the script, which is a function of what Node gives a module.
 *
 * @param folder as for `scriptFile`
 * @returns what the module app/program exports
 */
export function runPack(script: Script, folder: string): Program {
  const module = { exports: {} as Program };
  script.runInThisContext()(module, module.exports, require, scriptFile(folder), folder);
  return module.exports;
}
