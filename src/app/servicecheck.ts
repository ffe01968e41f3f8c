/** The parts of --check that concern one service and none of its servers. */

import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { isAddress } from "../base/address";
import { reasonOf } from "../base/faults";
import { clamd } from "../config/places";
import type { ServerSettings, Service } from "../config/settings";
import type { Gateway } from "../gateway/gateway";
import { spoolFolder } from "../scan/spool";
import { systemResolve } from "../upstream/lookup";
import { shownLine } from "./shownline";

/** The most servers of a user map that are looked up. */
const MAPPED = 100;

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
export async function listedNames({ access, servers }: Service): Promise<string[]> {
  const names = (access.selection?.servers ?? []).filter(({ wild, pattern }) => !wild && !pattern.startsWith("["));
  if (isFar(servers)) return [];
  return (await Promise.all(names.map(({ pattern }) => unknownName(pattern, `-s ${pattern}`)))).flat();
}

/** Looks up the servers of the user map. @param gateway null: its files have failed the check before */
export async function mappedNames(gateway: Gateway | null): Promise<string[]> {
  const { map, service } = gateway ?? {};
  if (!map || !service || isFar(service.servers)) return [];
  const names = [...map.hosts];
  const found = names.slice(0, MAPPED).map(([host, line]) => unknownName(host, `${map.file}, line ${line}: ${host}`));
  const rest = names.length > MAPPED ? [`${map.file}: ${MAPPED} of its ${names.length} servers were looked up`] : [];
  return [...(await Promise.all(found)).flat(), ...rest];
}

/** Whether the far side looks names up. */
function isFar({ via, ssh }: ServerSettings): boolean {
  return via !== undefined || ssh !== undefined;
}

/** A warning if a server's name has no address. @param about where it is named */
async function unknownName(host: string, about: string): Promise<string[]> {
  if (isAddress(host)) return [];
  return systemResolve(host).then(
    () => [],
    (thrown: Error) => [`warning: ${about}: ${reasonOf(thrown)}`],
  );
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
  return [`virus scanner at ${clamd.show(scan.clamd)}: ${shownLine(await gateway.scanner.version())}`];
}
