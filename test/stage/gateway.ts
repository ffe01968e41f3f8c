/**
 * A gateway inside the test's process, on free ports of 127.0.0.1. What tests of whole gateways need of src/ is here.
 */

import type { TestContext } from "node:test";
import { readUserMap } from "../../src/access/mapfile";
import type { UserMap } from "../../src/access/usermap";
import { readOauthFile } from "../../src/config/oauthfile";
import type { Settings } from "../../src/config/settings";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { Daemon } from "../../src/listen/daemon";
import { Listener } from "../../src/listen/listener";
import { type Emit, EVENTS, given } from "../../src/log/events";
import { line } from "../../src/log/line";
import type { Counters } from "../../src/metrics/counters";
import type { Resolve } from "../../src/upstream/lookup";
import { type Accepting, startAccepting } from "./accepting";
import { atEnd } from "./ending";
import { CERT_FILE, KEY_FILE } from "./localhost";
import { type Ending, Running } from "./running";
import { settingsFor, type Wishes } from "./settings";

export type { Entry } from "./running";
export type { Wishes } from "./settings";
export type { Resolve };

/** Limits that are quick enough for tests; all else is as in real life. */
export const BRISK = { refusal: 20, refusalMost: 20, stall: 0 };

export interface StartOptions extends Ending {
  /** How names are looked up. */
  readonly resolve?: Resolve;
  /** What counts what it does; absent: nothing does. */
  readonly counters?: Counters;
}

export class TestGateway extends Running {
  readonly memory: Memory;
  readonly #daemon: Daemon;
  #served: Promise<void> | null = null;

  /** @param maps the user maps of the services, in their order */
  constructor(
    { services, log, process: own }: Settings,
    { resolve, counters }: StartOptions = {},
    maps: readonly (UserMap | null)[] = [],
  ) {
    super();
    this.memory = new Memory(resolve);
    this.memory.counters = counters ?? null;
    const keep: Emit = (name, told, origin) => {
      const { level, event } = EVENTS[name];
      const fields = given(told);
      this.log.push({
        level,
        event,
        fields: { ...origin, ...fields },
        line: `- ${level} ${line(name, fields, origin)}\n`,
      });
    };
    const emit = counters?.hearing(keep) ?? keep;
    const [first, ...others] = services.map((service, index) => {
      return new Gateway(service, this.memory, emit, log.debug, {
        map: maps[index] ?? null,
        oauth: service.access.oauth === undefined ? null : readOauthFile(service.access.oauth, false),
      });
    });
    // As run.ts does.
    for (const gateway of [first as Gateway, ...others]) {
      for (const warning of gateway.warnings) gateway.emit("warning", warning);
    }
    this.#daemon = new Daemon(new Listener([first as Gateway, ...others], own.drain));
  }

  override get ports(): readonly number[] {
    return this.#daemon.ports;
  }

  override readonly said = (): string => this.log.map((entry) => entry.line ?? "").join("");

  async open(): Promise<void> {
    await this.#daemon.open();
    this.#served = this.#daemon.serve();
  }

  /** Ends it as a signal would: called again, it waits for no session. */
  readonly close = async (): Promise<void> => {
    await this.#daemon.close();
    await this.#served;
    await this.memory.close();
  };
}

/** @param server the port of the server on 127.0.0.1 */
export function startGateway(server: number, wishes: Wishes = {}, options: StartOptions = {}): Promise<TestGateway> {
  const settings = settingsFor({
    listen: [{ host: "127.0.0.1", port: 0 }],
    server: { host: "127.0.0.1", port: server },
    drain: 0,
    ...wishes,
    limits: { ...BRISK, ...wishes.limits },
  });
  return startWith(settings, options);
}

/** Starts a gateway between clients and a server whose connections the test takes one by one. */
export async function startBetween(
  t: TestContext,
  wishes: Wishes = {},
): Promise<[gateway: TestGateway, accepting: Accepting]> {
  const accepting = await startAccepting(t);
  return [await startGateway(accepting.port, wishes, { t }), accepting];
}

/** Starts a gateway with exactly these settings. */
export async function startWith(settings: Settings, options: StartOptions = {}): Promise<TestGateway> {
  const read = settings.services.map(async ({ access: { map } }) => (map === undefined ? null : readUserMap(map)));
  const gateway = new TestGateway(settings, options, await Promise.all(read));
  await gateway.open();
  if (options.t) atEnd(options.t, gateway.close);
  return gateway;
}

/** Wishes for TLS on these legs, with the certificate for localhost. */
export function underTls({ client, server }: { readonly client: boolean; readonly server: boolean }): Wishes {
  return {
    ...(server && { serverTls: "tls", serverCa: CERT_FILE }),
    ...(client && {
      listen: [{ host: "127.0.0.1", port: 0, tls: "tls" }],
      tlsCerts: [CERT_FILE],
      tlsKeys: [KEY_FILE],
    }),
  };
}
