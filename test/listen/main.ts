/**
 * The gateway with less patience, since nobody tests for a minute: `main.js --idle milliseconds host:port`.
 * It takes what a superserver hands over, and gives a listening socket back when there was no session for so long.
 */

import { safeStandardStreams } from "../../src/process/descriptor";

const stderrIsClient = safeStandardStreams();

import { parseHostPort } from "../../src/base/address";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { Listener } from "../../src/listen/listener";
import { passedDescriptors, Superserver } from "../../src/listen/superserver";
import { openLog } from "../../src/log/open";
import { dropPrivileges, isRoot } from "../../src/process/privileges";
import { settingsFor } from "../stage/settings";

async function main([, idle = "", server = ""]: readonly string[]): Promise<void> {
  const handed = passedDescriptors();
  if (isRoot()) dropPrivileges("nobody");
  const settings = settingsFor({ server: parseHostPort(server), foreground: true, drain: 1000 });
  const { emit, close } = openLog(settings.log, { foreground: true, stderrIsClient });
  const memory = new Memory();
  const listener = new Listener([new Gateway(settings.services[0], memory, emit)], settings.process.drain);
  const door = new Superserver(listener, handed, Number(idle));
  const end = () => void door.close();
  process.on("SIGTERM", end);
  await door.serve();
  await memory.close();
  await close();
  // No exit(): were anything left open, the process would not end.
  process.off("SIGTERM", end);
}

void main(process.argv.slice(2));
