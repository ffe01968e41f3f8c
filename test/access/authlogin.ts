/** Logins that an auth_http service decides. */

import type { TestContext } from "node:test";
import type { AccessRequest } from "../../src/access/admission";
import { AuthHttp } from "../../src/access/authhttp";
import { Requests } from "../../src/access/requests";
import type { AuthHttpSettings } from "../../src/config/settings";
import { given, type Value } from "../../src/log/events";
import type { Denial, Route } from "../../src/session/needs";
import { type HttpService, type Play, startHttpService } from "../stage/httpservice";

/** As it comes from a client. */
export const octets = (text: string) => Buffer.from(text).toString("latin1");

/** A login to the default server. */
export function routeOf(user: string, password: string): Route {
  return {
    kind: "route",
    host: "mail.example.org",
    port: 110,
    user: octets(user),
    secret: { kind: "password", password: octets(password) },
    proxyUser: "",
    proxyPassword: "",
    selected: false,
    guarded: false,
    tls: "none",
    because: "the default server",
    others: [],
  };
}

/** A client on this machine. */
export const NEAR: AccessRequest = {
  interface: { host: "127.0.0.1", port: 110 },
  client: "127.0.0.1",
  session: "s.1",
};

/** A login with a server besides. */
export const route: Route = {
  ...routeOf("joe@example.org", "some secret"),
  others: [{ host: "spare.example.org", port: 110, tls: "none" }],
};

/** A client elsewhere. */
export const about = { ...NEAR, client: "192.0.2.7", clientPort: 4321 };

export const patient = new AbortController().signal;

export interface Service extends HttpService {
  readonly settings: AuthHttpSettings;
}

/** A service; each request is answered by `play`. */
export async function startService(t: TestContext, play: Play, more: Partial<AuthHttpSettings> = {}): Promise<Service> {
  const service = await startHttpService(t, play);
  const { port } = service;
  const settings = { secure: false, host: "127.0.0.1", port, path: "/auth", timeout: 30_000, headers: [], ...more };
  return Object.assign(service, { settings });
}

export interface Outcome {
  readonly outcome: Route | Denial;
  readonly log: Readonly<Record<string, Value | undefined>>[];
}

export async function ask(
  t: TestContext,
  { settings }: Pick<Service, "settings">,
  to = route,
  until = patient,
): Promise<Outcome> {
  const log: Outcome["log"] = [];
  const requests = new Requests();
  t.after(() => requests.close());
  const control = new AuthHttp(settings, "none", { requests }, (_name, fields) => log.push(given(fields)));
  return { outcome: await control.admit(to, about, until), log };
}

/** An outcome in one line. */
export function shown(outcome: Route | Denial): string {
  if (outcome.kind === "denial") return `${outcome.code}${outcome.temporary ? "" : " counts"}: ${outcome.reply}`;
  const { host, port, tls, user, secret, others } = outcome;
  const password = secret.kind === "password" ? secret.password : "a token";
  return `${host}:${port} ${tls} ${user} ${password} ${others.length}`;
}

/** A complete answer with these headers. */
export const ok = (...headers: string[]) => ["HTTP/1.1 200 OK", "Content-Length: 0", ...headers, "", ""].join("\r\n");

/** Outcomes: granted as it was asked for; no verdict. */
export const GRANTED = "mail.example.org:110 none joe@example.org some secret 1";
export const TEMP = "acp-failed: -ERR [SYS/TEMP] access control not available";
