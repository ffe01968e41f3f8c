/**
 * The gateway with less patience, since nobody tests for a minute: `main.js --idle milliseconds host:port`.
 * It takes what a superserver hands over, and gives a listening socket back when there was no session for so long.
 */

import { safeStandardStreams } from "../../src/process/descriptor";

const stderrIsClient = safeStandardStreams();

import { parseHostPort } from "../../src/base/address";
import { defaults } from "../../src/config/settings";
import { Gateway } from "../../src/gateway/gateway";
import { passedDescriptors, Superserver } from "../../src/listen/superserver";
import { openLog } from "../../src/log/open";
import { dropPrivileges, isRoot } from "../../src/process/privileges";

async function main([, idle = "", server = ""]: readonly string[]): Promise<void> {
  const handed = passedDescriptors();
  if (isRoot()) dropPrivileges("nobody");
  const config = { ...defaults, server: parseHostPort(server), foreground: true, drainTimeout: 1 };
  const { log, close } = openLog({ ...config, stderrIsClient });
  const gateway = new Gateway(config, log);
  const door = new Superserver(gateway, handed, Number(idle));
  const end = () => void door.close();
  process.on("SIGTERM", end);
  await door.serve();
  gateway.close();
  await close();
  // No exit(): were anything left open, the process would not end.
  process.off("SIGTERM", end);
}

void main(process.argv.slice(2));
