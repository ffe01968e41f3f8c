/**
 * Node's debugger, which would run anybody's code in this process. SIGUSR1 opens it, on a port of this machine, until a
 * program handles that signal itself. main.ts does so first of all; a signal that has come before has opened the
 * debugger already, or will within a few turns of the event loop: Node asks for it in several ways at once, so that
 * one that was closed can open once more.
 */

import { close, url } from "node:inspector";
import { setImmediate as turn } from "node:timers/promises";

/** How many turns of the event loop without a debugger are enough. */
const TURNS = 3;

/** How long after the start it is looked for once more, in milliseconds: Node's own thread may have been slow. */
const LATER = 1000;

/** Options of Node that ask for the debugger. */
const ASKED = /(?:^| )--inspect(?:-brk|-wait)?(?:=| |$)/;

/** Closes the debugger, unless an option of Node asks for it. */
export async function closeDebugger(): Promise<void> {
  if (ASKED.test([...process.execArgv, process.env.NODE_OPTIONS ?? ""].join(" "))) return;
  for (let quiet = 0; quiet < TURNS; quiet++) {
    await turn();
    if (url() === undefined) continue;
    close();
    quiet = 0;
  }
}

/** Closes the debugger a while after the start. */
export function closeDebuggerLater(): void {
  setTimeout(() => void closeDebugger(), LATER).unref();
}
