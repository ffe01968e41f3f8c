/** How many open files the limits of sessions may need. */

import { AT_ONCE, PIPES } from "../access/programs";
import { REQUESTS_AT_ONCE } from "../access/requests";
import type { Warning } from "../base/warning";
import type { Service } from "../config/settings";
import { descriptorBound } from "../process/descriptor";

/**
 * The descriptors of a session: to its client and to its server, and of the mail that is scanned. As many connections as
 * sessions may wait for their PROXY header. The spare ones are those of the process itself, of clients that are turned
 * away or displaced, and of the scans that run.
 */
const DESCRIPTORS = 2;
const SCAN_DESCRIPTORS = 1;
const HEADER_DESCRIPTORS = 1;
const SPARE_DESCRIPTORS = 250;

/**
 * What is to be warned of if the limit of open files is too low for the limit of sessions; null: nothing. libuv closes
 * new connections without an error when no descriptor is free.
 */
export function descriptorWarning(services: readonly [Service, ...Service[]]): Warning | null {
  const [{ limits }] = services;
  const some = (has: (service: Service) => unknown, count: number) => (services.some(has) ? count : 0);
  const each =
    DESCRIPTORS +
    some(({ scan }) => scan, SCAN_DESCRIPTORS) +
    some(({ clients, listen }) => clients.proxy || listen.some(({ proxy }) => proxy), HEADER_DESCRIPTORS);
  const asking =
    some(({ access }) => access.acp, AT_ONCE * PIPES) + some(({ access }) => access.authHttp, REQUESTS_AT_ONCE);
  const needed = limits.sessions * each + SPARE_DESCRIPTORS + asking;
  const bound = descriptorBound();
  if (bound === null || bound >= needed) return null;
  const reason = `${bound} open files are too few for ${limits.sessions} sessions: they may need ${needed}`;
  return { code: "open-files", reason };
}
