/**
 * A gateway inside the test's process: a Daemon on a free loopback port, whose log is kept.
 */

import assert from "node:assert/strict";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { Daemon } from "../../src/listen/daemon";
import { Listener } from "../../src/listen/listener";
import { type Emit, EVENTS, type Level, type Value } from "../../src/log/events";
import type { Resolve } from "../../src/upstream/lookup";
import { settingsFor, type Wishes } from "./settings";

export interface Entry {
  readonly level: Level;
  readonly event: string;
  readonly fields: Readonly<Record<string, Value | undefined>>;
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
const BRISK = { refusal: 20, refusalMost: 20, stall: 0 };

/** An `emit` that keeps entries. */
export function keeping(log: Entry[]): Emit {
  return (name, fields, origin) => {
    const { level, event } = EVENTS[name];
    log.push({ level, event, fields: { ...origin, ...fields } });
  };
}

/**
 * @param server the port of the server on 127.0.0.1
 * @param resolve how names are looked up
 */
export async function startGateway(server: number, wishes: Wishes = {}, resolve?: Resolve): Promise<TestGateway> {
  const log: Entry[] = [];
  const settings = settingsFor({
    listen: [{ host: "127.0.0.1", port: 0 }],
    server: { host: "127.0.0.1", port: server },
    drain: 0,
    ...wishes,
    limits: { ...BRISK, ...wishes.limits },
  });
  const memory = new Memory(resolve);
  const gateway = new Gateway(settings.service, memory, keeping(log), settings.log.debug);
  const daemon = new Daemon(new Listener(gateway, settings.process.drain));
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
      memory.close();
    },
  };
}
