/**
 * The gateway as a superserver starts it, with the few options that the tests of its doors need:
 *
 *     main.js [-u user] [--idle milliseconds] [--pidfile file] host:port
 *
 * Only --idle is not an option of the real one.
 */

import { safeStandardStreams } from "../../src/door/descriptor";

const stderrIsClient = safeStandardStreams();

main(process.argv.slice(2)).catch((thrown: Error) => {
  process.stderr.write(`pop3.proxy: ${thrown.message}\n`);
  process.exit(64);
});

async function main(argv: readonly string[]): Promise<void> {
  const { accountOf, dropPrivileges, isRoot } = require("../../src/door/privileges") as Privileges;
  const { handedOver, Superserver } = require("../../src/door/superserver") as SuperserverFile;
  const { House } = require("../../src/gateway") as GatewayFile;
  const { defaults } = require("../../src/config") as typeof import("../../src/config.js");
  const { parseHostPort } = require("../../src/address") as typeof import("../../src/address.js");
  const { stderrLog } = require("../../src/log") as typeof import("../../src/log.js");
  const option = (name: string) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);
  const server = parseHostPort(argv.at(-1) ?? "");
  const idle = option("--idle");
  const path = option("--pidfile");
  const handed = handedOver();
  const user = option("-u") ?? "nobody";
  const pidfile = path === undefined ? null : new (require("../../src/door/pidfile") as PidfileFile).Pidfile(path);
  if (isRoot() && accountOf(user).uid !== 0) dropPrivileges(user);
  pidfile?.write();
  const log = stderrIsClient ? () => {} : stderrLog(false);
  const house = new House({ ...defaults, server, drainTimeout: 1 }, log);
  const door = new Superserver(house, handed, ...(idle === undefined ? [] : [Number(idle)]));
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => void door.close());
  await door.serve();
  house.close();
  pidfile?.remove();
  // No exit(): what is left open shows as a process that does not end.
  for (const signal of ["SIGTERM", "SIGINT"]) process.removeAllListeners(signal);
}

type Privileges = typeof import("../../src/door/privileges.js");
type SuperserverFile = typeof import("../../src/door/superserver.js");
type GatewayFile = typeof import("../../src/gateway.js");
type PidfileFile = typeof import("../../src/door/pidfile.js");
