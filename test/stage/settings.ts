/**
 * Settings for tests: what a test wants to be different, as options or as limits that no option sets; all else is as in
 * real life. Times are in milliseconds.
 */

import { defaults, type Options } from "../../src/config/options";
import { settingsOf } from "../../src/config/rules";
import { parseServers } from "../../src/config/servers";
import type { Limits, ServerAddress, Settings } from "../../src/config/settings";

export interface Wishes extends Partial<Omit<Options, "defaultServers" | "servers">> {
  /** The default server, or several; null: there is none. */
  readonly server?: ServerAddress | readonly ServerAddress[] | null;
  /** As in -s. */
  readonly servers?: string;
  readonly limits?: Partial<Limits>;
}

export function settingsFor({ server, servers, limits, ...options }: Wishes): Settings {
  const settings = settingsOf({
    ...defaults,
    ...options,
    ...(server && { defaultServers: [server].flat() }),
    ...(servers !== undefined && { servers: parseServers(servers) }),
  });
  const [service] = settings.services;
  return { ...settings, services: [{ ...service, limits: { ...service.limits, ...limits } }] };
}
