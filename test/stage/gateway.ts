/**
 * A gateway inside the test's process, on free ports of 127.0.0.1. What tests of whole gateways need of src/ is here.
 */

import { type Config, defaults } from "../../src/config/settings";
import { Gateway } from "../../src/gateway/gateway";
import { Daemon } from "../../src/listen/daemon";
import { line } from "../../src/log/line";
import type { Resolve } from "../../src/upstream/lookup";
import { atEnd } from "./ending";
import { CERT_FILE, KEY_FILE } from "./localhost";
import { type Ending, Running } from "./running";

export type { Entry } from "./running";
export type { Resolve };
export type Settings = Partial<Config>;

/** Quick enough for tests, else as in real life. */
const brisk: Settings = { refusalDelay: 0.02, refusalDelayLimit: 0.02, drainTimeout: 0, stallTimeout: 0 };

export interface StartOptions extends Ending {
  /** How names are looked up. */
  readonly resolve?: Resolve;
}

export class TestGateway extends Running {
  readonly #gateway: Gateway;
  readonly #daemon: Daemon;
  #served: Promise<void> | null = null;

  constructor(config: Config, resolve?: Resolve) {
    super();
    this.#gateway = new Gateway(config, (level, event, fields) => this.log.push({ level, event, fields }), resolve);
    this.#daemon = new Daemon(this.#gateway);
  }

  override get ports(): readonly number[] {
    return this.#daemon.ports;
  }

  override readonly said = (): string =>
    this.log.map(({ level, event, fields }) => `- ${level} ${line(event, fields)}\n`).join("");

  async open(): Promise<void> {
    await this.#daemon.open();
    this.#served = this.#daemon.serve();
  }

  /** Ends it as a signal would: called again, it waits for no session. */
  readonly close = async (): Promise<void> => {
    await this.#daemon.close();
    await this.#served;
    this.#gateway.close();
  };
}

/** @param server the port of the server on 127.0.0.1 */
export async function startGateway(
  server: number,
  settings: Settings = {},
  { t, resolve }: StartOptions = {},
): Promise<TestGateway> {
  const listen = [{ host: "127.0.0.1", port: 0 }];
  const config = { ...defaults, ...brisk, listen, server: { host: "127.0.0.1", port: server }, ...settings };
  const gateway = new TestGateway(config, resolve);
  await gateway.open();
  if (t) atEnd(t, gateway.close);
  return gateway;
}

/** Settings for TLS on these legs, with the certificate for localhost. */
export function underTls({ client, server }: { readonly client: boolean; readonly server: boolean }): Settings {
  return {
    ...(server && { serverTls: "tls", serverCa: CERT_FILE }),
    ...(client && {
      listen: [{ host: "127.0.0.1", port: 0, tls: "tls" }],
      certificates: [{ cert: CERT_FILE, key: KEY_FILE }],
    }),
  };
}
