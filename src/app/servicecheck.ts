/** The parts of --check that concern one service and none of its servers. */

import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { isAddress } from "../base/address";
import { reasonOf } from "../base/faults";
import { clamd } from "../config/places";
import type { Service } from "../config/settings";
import type { Gateway } from "../gateway/gateway";
import { plain } from "../log/destination";
import { spoolFolder } from "../scan/spool";
import { systemResolve } from "../upstream/lookup";

/** The longest text of clamd that is shown, in characters. */
const LINE_BOUND = 512;

/** Tries to listen on each interface, on any port: the port itself may be in use by the daemon with these settings. */
export async function listeners({ listen }: Service): Promise<string[]> {
  for (const { host } of listen) {
    if (host !== null) await triedListener(host);
  }
  return [];
}

/** Listens on an interface, on any port, for a moment. @throws the system's error */
export async function triedListener(host: string): Promise<void> {
  const server = createServer();
  const address = isAddress(host) ? host : ((await systemResolve(host))[0] as string);
  await once(server.listen(0, address), "listening");
  server.close();
}

/** Looks up the names of the list that have no wildcards. */
export async function listedNames({ access }: Service): Promise<string[]> {
  const names = (access.selection?.servers ?? []).filter(({ wild, pattern }) => !wild && !pattern.startsWith("["));
  const unknown = names.map(async ({ pattern }) => {
    if (isAddress(pattern)) return [];
    return systemResolve(pattern).then(
      () => [],
      (thrown: Error) => [`warning: -s ${pattern}: ${reasonOf(thrown)}`],
    );
  });
  return (await Promise.all(unknown)).flat();
}

/** Tries to write the client log. */
export function clientLog({ access: { clientLog: folder } }: Service): string[] {
  if (folder === undefined) return [];
  accessSync(folder, constants.W_OK | constants.X_OK);
  return [`client log in ${folder}`];
}

/** Asks clamd, and tries the folders for mails. @param gateway null: its files have failed the check before */
export async function scanner(gateway: Gateway | null): Promise<string[]> {
  const { scan } = gateway?.service ?? {};
  if (!gateway?.scanner || !scan) return [];
  for (const folder of [spoolFolder(), ...(scan.quarantine === undefined ? [] : [scan.quarantine])]) {
    accessSync(folder, constants.W_OK | constants.X_OK);
  }
  await gateway.scanner.ready();
  return [`virus scanner at ${clamd.show(scan.clamd)}: ${plain(await gateway.scanner.version(), LINE_BOUND)}`];
}
