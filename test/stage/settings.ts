/**
 * Settings for tests: what a test wants to be different, as options or as limits that no option sets; all else is as in
 * real life. Times are in milliseconds.
 */

import type { HostPort } from "../../src/base/address";
import { defaults, type Options } from "../../src/config/options";
import { settingsOf } from "../../src/config/rules";
import { parseServers } from "../../src/config/servers";
import type { Limits, Settings } from "../../src/config/settings";

export interface Wishes extends Partial<Omit<Options, "defaultServers" | "servers">> {
  /** The default server, or several; null: there is none. */
  readonly server?: HostPort | readonly HostPort[] | null;
  /** As in -s. */
  readonly servers?: string;
  readonly limits?: Partial<Limits>;
  /** How long sessions may go on after the gateway was told to end. */
  readonly drain?: number;
}

export function settingsFor({ server, servers, limits, drain, ...options }: Wishes): Settings {
  const settings = settingsOf({
    ...defaults,
    ...options,
    ...(server && { defaultServers: [server].flat() }),
    ...(servers !== undefined && { servers: parseServers(servers) }),
  });
  const { service, process: own } = settings;
  return {
    ...settings,
    service: { ...service, limits: { ...service.limits, ...limits } },
    process: { ...own, drain: drain ?? own.drain },
  };
}
