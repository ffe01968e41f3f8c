/** Makes the gateways of all services, with what is in the files that several of them may name. */

import { readUserMap } from "../access/mapfile";
import type { UserMap } from "../access/usermap";
import { readOauthFile } from "../config/oauthfile";
import type { Service } from "../config/settings";
import type { Emit } from "../log/events";
import { Gateway } from "./gateway";
import type { Memory } from "./memory";

/**
 * Makes a gateway for each service. A user map that several services have is read once. Sessions have their turns while
 * maps are read.
 *
 * @param trace whether the dialogue is traced
 * @param byRoot whether root has started the gateway: then the file of --oauth must be root's, at a reload, too
 * @throws Error in one line, with the file, if a file can't be read or used
 */
export async function makeGateways(
  services: readonly [Service, ...Service[]],
  memory: Memory,
  emit: Emit,
  trace: boolean,
  byRoot: boolean,
): Promise<readonly [Gateway, ...Gateway[]]> {
  const maps = new Map<string, UserMap>();
  for (const { access } of services) {
    if (access.map !== undefined && !maps.has(access.map)) maps.set(access.map, await readUserMap(access.map));
  }
  const make = (service: Service) => {
    const { map, oauth } = service.access;
    const named = {
      map: maps.get(map ?? "") ?? null,
      oauth: oauth === undefined ? null : readOauthFile(oauth, byRoot),
    };
    return new Gateway(service, memory, emit, trace, named);
  };
  const [first, ...others] = services;
  return [make(first), ...others.map(make)];
}
