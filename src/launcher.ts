#!/usr/bin/env node
/**
 * What the last step of the build (pack.ts) puts in the place of main.js: it does the same, but takes the program in one
 * script with V8's code cache. Under inetd, where each session is a process, the greeting is there after 37 ms with it,
 * 50 without, and after 30 ms if a script of Node does nothing else (bench:start). A build by tsc alone puts main.js
 * back, so that no pack outlives what it was made from.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import { safeStandardStreams } from "./door/descriptor";

type Program = typeof import("./program.js");

/** The program in one script, and V8's code cache of it. */
export const PACKED = join(__dirname, "packed.js");
export const CACHE = join(__dirname, "packed.cache");

if (require.main === module) {
  // As in main.ts.
  const stderrIsClient = safeStandardStreams();
  process.env.UV_THREADPOOL_SIZE ??= "64";
  program().main(process.argv.slice(2), stderrIsClient);
}

/** A pack that can't be read, or is damaged, is no reason not to start. */
function program(): Program {
  try {
    return evaluate(packed());
  } catch {
    return require("./program") as Program;
  }
}

/** The script; with a cache that V8 does not take, of another version say, it only starts later. */
export function packed(): Script {
  // One octet a character: what is packed is ASCII. The name is what stacks show, wherever it is installed.
  return new Script(readFileSync(PACKED, "latin1"), { filename: "pop3.proxy", ...cached() });
}

function cached(): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(CACHE) };
  } catch {
    return {};
  }
}

/** Loads the program, which is a function of what Node gives a module. */
export function evaluate(script: Script): Program {
  const module = { exports: {} as Program };
  script.runInThisContext()(module, module.exports, require, PACKED, __dirname);
  return module.exports;
}
