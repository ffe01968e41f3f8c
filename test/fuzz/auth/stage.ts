/** A session in memory: what it needs of a gateway, with real settings, real routes, and no network, clock or program. */

import { unthrottled } from "../../../src/access/throttle";
import type { Service } from "../../../src/config/settings";
import { Connection } from "../../../src/connection/connection";
import { Gateway } from "../../../src/gateway/gateway";
import { Memory } from "../../../src/gateway/memory";
import type { Emit } from "../../../src/log/events";
import { EVENTS, given } from "../../../src/log/events";
import { jsonLine } from "../../../src/log/json";
import { line } from "../../../src/log/line";
import { denial, type Needs, type Route } from "../../../src/session/needs";
import { serve } from "../../../src/session/serve";
import { settingsFor } from "../../stage/settings";
import type { Random } from "../random";
import type { Expected } from "./judge";
import type { Reading, Rules } from "./model";
import { MECHANISMS } from "./sasl";
import { type Ears, veil, Wire } from "./wire";

/** How a gateway is set up. */
export interface Terms extends Rules {
  readonly xclient: boolean;
  readonly select: boolean;
  readonly starttls: boolean;
  /** What the access control program does, if there is one. */
  readonly acp: "none" | "grants" | "password" | "denies";
  /** Whether the log is written as JSON, too. */
  readonly json: boolean;
}

/** The password that an access control program puts in the place of a client's. */
const ACP_PASSWORD = "acp-s3cr3t-of-the-server";

interface Logged {
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | undefined>>;
  readonly line: string;
}

export function termsOf(random: Random): Terms {
  const mechanisms = MECHANISMS.filter(() => random.chance(0.75));
  return {
    mechanisms: mechanisms.length > 0 || random.chance(0.3) ? mechanisms : ["PLAIN"],
    utf8: random.chance(0.4),
    tls: random.pick(["none", "none", "none", "starttls", "tls"]),
    cleartext: random.chance(0.3),
    xclient: random.chance(0.4),
    select: random.chance(0.4),
    starttls: random.chance(0.3),
    acp: random.pick(["none", "none", "none", "grants", "password", "denies"]),
    json: random.chance(0.1),
  };
}

const gateways = new Map<string, Gateway>();

/** The gateway with these settings; what reads files or runs programs is not used of it. */
function gatewayFor({ mechanisms, utf8, xclient, select, starttls, acp }: Terms): Gateway {
  const wishes = {
    mechanisms,
    utf8,
    xclient,
    select,
    server: { host: "mail.example.org", port: null },
    ...(acp !== "none" && { acp: ["/bin/true"] }),
  };
  const key = JSON.stringify([wishes, starttls]);
  let gateway = gateways.get(key);
  if (!gateway) {
    const {
      services: [service],
    } = settingsFor(wishes);
    const servers = { ...service.servers, ...(starttls && { tls: "starttls" as const }) };
    gateway = new Gateway({ ...service, servers }, new Memory(), () => {}, true);
    gateways.set(key, gateway);
  }
  return gateway;
}

export class Stage {
  readonly log: Logged[] = [];
  /** The gateway's end of the connection to the server; null: there is none. */
  wire: Wire | null = null;
  /** Called when the gateway has connected to the server. */
  connected = () => {};
  #dialled: Connection | null = null;
  readonly #client: Connection;
  readonly #gateway: Gateway;

  constructor(
    private readonly terms: Terms,
    private readonly clientWire: Wire,
    private readonly ears: Ears,
  ) {
    this.#gateway = gatewayFor(terms);
    const [from, to] = [
      { address: "192.0.2.1", port: 40_000 },
      { address: "192.0.2.2", port: 110 },
    ];
    this.#client = new Connection(clientWire, "client", from, to);
  }

  /** Serves the client. @returns when the session has ended */
  serve(): Promise<void> {
    return serve(this.#client, this.#needs(), { tls: this.terms.tls });
  }

  /** What a server is to get of a client's login; null: it is to get nothing. */
  expected(login: NonNullable<Reading["login"]>): Expected | null {
    const { select, acp, xclient, starttls } = this.terms;
    if (acp === "denies") return null;
    const at = select ? login.user.lastIndexOf("@") : -1;
    let user = at < 0 ? login.user : login.user.slice(0, at);
    let { secret, token } = login;
    const colon = user.indexOf(":");
    if (acp !== "none" && colon >= 0) {
      user = user.slice(colon + 1);
      if (!token) secret = secret.slice(secret.indexOf(":") + 1);
    }
    if (acp === "password") [secret, token] = [ACP_PASSWORD, false];
    return user === "" ? null : { ...login, user, secret, token, xclient, starttls };
  }

  /** Whether this login goes to the default server. */
  surelyDials(login: Reading["login"]): boolean {
    return login !== null && !(this.terms.select && login.user.includes("@"));
  }

  /** Lets the next limit of time pass. @returns whether there was one */
  expire(): boolean {
    const both = [this.#client, ...(this.#dialled ? [this.#dialled] : [])];
    const at = Math.min(...both.flatMap(({ deadline, limit }) => [deadline, limit]));
    if (at === Infinity) return false;
    for (const one of both) one.sweep(at);
    return true;
  }

  /** The first line of the log with this text in it, whatever the line has of it. */
  logged(text: string): string | undefined {
    const has = ({ fields }: Logged) => Object.values(fields).some((value) => String(value).includes(text));
    return this.log.find(has)?.line;
  }

  close(): void {
    this.#client.destroy();
    this.clientWire.destroy();
    this.#dialled?.destroy();
    this.wire?.destroy();
  }

  #needs(): Needs {
    const gateway = this.#gateway;
    const service: Service = {
      ...gateway.service,
      clients: { ...gateway.service.clients, cleartextLogin: this.terms.cleartext },
    };
    let pipelining = false;
    const emit: Emit = (name, told, origin) => {
      const { event } = EVENTS[name];
      const fields = given(told);
      this.log.push({ event, fields: { ...origin, ...fields }, line: line(name, fields, origin) });
      if (this.terms.json) JSON.parse(jsonLine(name, fields, origin));
    };
    return {
      service: {
        ...service,
        dialogue: { ...service.dialogue, capa: service.dialogue.capa || this.terms.tls === "starttls" },
      },
      scanner: null,
      trace: true,
      emit,
      attempt: async () => unthrottled(),
      route: (credentials, arrival) => gateway.route(credentials, arrival),
      admit: async (_who, route) => this.#admit(route),
      dial: async (_who, { host, port, tls }) => {
        this.wire = new Wire(this.ears);
        const [to, from] = [
          { address: "192.0.2.3", port },
          { address: "192.0.2.2", port: 50_000 },
        ];
        this.#dialled = new Connection(this.wire, "server", to, from);
        this.connected();
        return { kind: "dialled", server: this.#dialled, place: { host, port, tls } };
      },
      clientTls: (raw) => veil(raw, false),
      serverTls: (raw) => veil(raw, true),
      loggedIn: async () => {},
      pipelines: () => pipelining,
      withToken: (_who, route) => route,
      learned: (_server, capabilities) => {
        pipelining = capabilities.has("PIPELINING");
      },
    };
  }

  #admit(route: Route): Route | ReturnType<typeof denial> {
    const { acp } = this.terms;
    if (acp === "denies") return denial("acp-denied", "acp: exit status 1", "-ERR [AUTH] access denied");
    return acp === "password" ? { ...route, secret: { kind: "password", password: ACP_PASSWORD } } : route;
  }
}
