/**
 * Access control by an HTTP service, with the protocol of nginx's ngx_mail_auth_http_module (the manual's section
 * "Access Control by HTTP"). It does for a login what the acp does: it decides, and may answer with another server, port,
 * user or password.
 *
 * A verdict comes only from a complete answer of status 2xx with exactly one Auth-Status. Everything else says nothing
 * against the client.
 */

import type { SecureContext } from "node:tls";
import { Abort, pause, type Until } from "../base/until";
import { showUrl } from "../config/authhttp";
import type { AuthHttpSettings, TlsMode } from "../config/settings";
import type { Emit } from "../log/events";
import { secretsOf } from "../protocol/credentials";
import { withoutSecrets } from "../protocol/quotation";
import { replies } from "../protocol/replies";
import { cleaned, isTemporary, responseCode, withKnownCode } from "../protocol/response";
import { type Denial, denial, NO_SERVER, type Route } from "../session/needs";
import { systemContext } from "../tls/servers";
import { type AccessControl, type AccessRequest, type Question, routeTo } from "./admission";
import { type AuthVerdict, verdictOf } from "./authanswer";
import { hostHeader, requestHeaders } from "./authrequest";
import { readHeaders } from "./headerfile";
import type { HttpAnswer, Requests } from "./requests";

/** How often a service that answers WAIT is asked again. */
const AGAIN = 5;

/** An auth_http service. */
export class AuthHttp implements AccessControl {
  readonly #settings: AuthHttpSettings;
  /** With the authorities of the system as they are when this is made, such as at a reload. */
  readonly #context: SecureContext | null;

  /**
   * @param settings of which the file with headers is read
   * @param memory has the requests of all sessions
   * @param otherwise the TLS mode of --server-tls
   * @throws Error in one line, with the file, if it can't be read or used
   */
  constructor(
    settings: AuthHttpSettings,
    private readonly otherwise: TlsMode,
    private readonly memory: { readonly requests: Requests },
    private readonly emit: Emit,
  ) {
    const { headers, headerFile } = settings;
    this.#settings =
      headerFile === undefined ? settings : { ...settings, headers: [...headers, ...readHeaders(headerFile)] };
    this.#context = settings.secure ? systemContext() : null;
  }

  /** The headers of a request. */
  question(route: Route, about: AccessRequest): Question {
    const { headers } = this.#settings;
    const sent = requestHeaders(this.#settings, route, about);
    const parts = Object.fromEntries(
      sent.flatMap((name, at) => (at % 2 === 0 ? [[name, sent[at + 1] as string]] : [])),
    );
    return { who: showUrl(this.#settings), parts, secrets: ["Auth-Pass", ...headers.map(({ name }) => name)] };
  }

  /** Sends a request without a login. */
  probe(): Promise<HttpAnswer> {
    const { headers } = this.#settings;
    const sent = ["Host", hostHeader(this.#settings), ...headers.flatMap(({ name, value }) => [name, value])];
    return this.#send(sent, new Abort());
  }

  /** Asks the service about a login. @param until ends the request, with its reason */
  async admit(route: Route, about: AccessRequest, until: Until): Promise<Route | Denial> {
    const headers = requestHeaders(this.#settings, route, about);
    for (let asked = 0; ; asked++) {
      const verdict = await this.#ask(headers, route, about, until);
      if (verdict.kind !== "again") return this.#obey(verdict, route, about);
      if (asked === AGAIN) return failed("WAIT again and again");
      await pause(verdict.wait, until);
    }
  }

  async #ask(headers: string[], route: Route, { session }: AccessRequest, until: Until): Promise<AuthVerdict> {
    const began = performance.now();
    const answer = await this.#send(headers, until);
    const verdict = answer.kind === "none" ? answer : verdictOf(answer.status, answer.headers);
    const seconds = Math.round(performance.now() - began) / 1000;
    this.emit(
      "acpEnded",
      { status: withoutSecrets(shownVerdict(verdict), this.#secrets(route)), seconds },
      { session },
    );
    return verdict;
  }

  #send(headers: readonly string[], until: Until): Promise<HttpAnswer> {
    const to = this.#settings;
    return this.memory.requests.ask({ to, context: this.#context, headers, timeout: to.timeout }, until);
  }

  #obey(verdict: Exclude<AuthVerdict, { kind: "again" }>, route: Route, { session }: AccessRequest): Route | Denial {
    if (verdict.kind === "denied") return this.#denied(verdict.text, verdict.wait, route);
    if (verdict.kind === "none") return failed(verdict.why);
    const to = verdict.kind === "granted" ? routeTo(route, verdict, this.otherwise, "the auth_http service") : null;
    if (verdict.kind === "granted" && to && to.host !== NO_SERVER) {
      const { user = to.user, password } = verdict;
      return { ...to, user, secret: password === undefined ? to.secret : { kind: "password", password } };
    }
    const misunderstood = verdict.kind === "unusable" ? verdict.why : "OK without Auth-Server, and no default server";
    this.emit("acpMisunderstood", { misunderstood: withoutSecrets(misunderstood, this.#secrets(route)) }, { session });
    return { ...denial("acp-answer", "acp", replies.misconfigured), temporary: true };
  }

  /**
   * A refusal in the service's words. A response code that they begin with stays, if it is one that clients know. Words
   * that quote a header of the administrator's, which may be a shared secret, do not reach the client.
   */
  #denied(text: string, wait: number, route: Route): Denial {
    const own = withKnownCode(`-ERR ${text}`);
    const unfit = text === "" || withoutSecrets(text, this.#keys()) !== text;
    const reply = unfit ? replies.accessDenied : responseCode(own) === "" ? cleaned(`-ERR [AUTH] ${text}`) : own;
    const reason = `acp: ${withoutSecrets(text, this.#secrets(route))}`;
    return { ...denial("acp-denied", reason, reply), wait, temporary: isTemporary(reply) };
  }

  #keys(): string[] {
    return this.#settings.headers.map(({ value }) => value);
  }

  /** What the log must not have. */
  #secrets(route: Route): string[] {
    return [...secretsOf(route), ...this.#keys()];
  }
}

function failed(why: string): Denial {
  return { ...denial("acp-failed", `acp: ${why}`, replies.accessUnknown), temporary: true };
}

/** A verdict for the log. */
function shownVerdict(verdict: AuthVerdict): string {
  switch (verdict.kind) {
    case "granted":
      return "OK";
    case "again":
      return `WAIT, ${verdict.wait / 1000} seconds`;
    case "denied":
      return verdict.text;
    default:
      return verdict.why;
  }
}
