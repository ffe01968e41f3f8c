/** The built-in sample maildrop of --demo, beside the gateway. */

import type { HostPort } from "../base/address";
import type { Service, Settings } from "../config/settings";
import { startDemo } from "../demo/demo";
import type { Undo } from "./undo";

/** The sample maildrop, once a service wants it. */
export class Demos {
  readonly #undo: Undo[];
  #demo: Awaited<ReturnType<typeof startDemo>> | null = null;

  constructor(undo: Undo[]) {
    this.#undo = undo;
  }

  /** The services, with the sample maildrop as the server of those that want it. */
  async withServers(services: Settings["services"]): Promise<Settings["services"]> {
    if (!services.some(({ servers }) => servers.demo)) return services;
    if (!this.#demo) {
      const demo = await startDemo();
      this.#demo = demo;
      this.#undo.push(() => demo.close());
    }
    const { server } = this.#demo;
    const [first, ...others] = services;
    const served = (one: Service) => (one.servers.demo ? withDefault(one, server) : one);
    return [served(first), ...others.map(served)];
  }

  /** The commands that try it; null: no service wants it. @param port the gateway's port */
  howTo(port: number): string | null {
    return this.#demo?.howTo(port) ?? null;
  }
}

function withDefault(service: Service, server: HostPort): Service {
  return { ...service, servers: { ...service.servers, defaultServers: [server] } };
}
