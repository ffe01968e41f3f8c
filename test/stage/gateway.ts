/**
 * A gateway inside the test's process: a Daemon on a free loopback port, whose log is kept.
 */

import assert from "node:assert/strict";
import { type Config, defaults } from "../../src/config/settings";
import { Gateway } from "../../src/gateway/gateway";
import { Daemon } from "../../src/listen/daemon";
import type { Fields, Level } from "../../src/log/line";
import type { Resolve } from "../../src/upstream/lookup";

export interface Entry {
  readonly level: Level;
  readonly event: string;
  readonly fields: Fields;
}

export interface TestGateway {
  readonly port: number;
  readonly log: Entry[];
  readonly gateway: Gateway;
  /** Resolves when an entry of this event is in the log, also one that is there already. @throws after 5 s */
  logged(event: string, count?: number): Promise<Entry>;
  close(): Promise<void>;
}

/** Quick enough for tests, else as in real life. */
const brisk: Partial<Config> = { refusalDelay: 0.02, refusalDelayLimit: 0.02, drainTimeout: 0, stallTimeout: 0 };

/**
 * @param server the port of the server on 127.0.0.1
 * @param resolve how names are looked up
 */
export async function startGateway(
  server: number,
  settings: Partial<Config> = {},
  resolve?: Resolve,
): Promise<TestGateway> {
  const log: Entry[] = [];
  const listen = [{ host: "127.0.0.1", port: 0 }];
  const config = { ...defaults, ...brisk, listen, server: { host: "127.0.0.1", port: server }, ...settings };
  const gateway = new Gateway(config, (level, event, fields) => log.push({ level, event, fields }), resolve);
  const daemon = new Daemon(gateway);
  await daemon.open();
  const served = daemon.serve();
  return {
    port: daemon.ports[0] as number,
    log,
    gateway,
    async logged(event, count = 1) {
      for (let tries = 0; tries < 1000; tries++) {
        const entries = log.filter((entry) => entry.event === event);
        if (entries.length >= count) return entries[count - 1] as Entry;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return assert.fail(`no ${event} in the log: ${JSON.stringify(log)}`);
    },
    async close() {
      await daemon.close();
      await served;
      gateway.close();
    },
  };
}
