/**
 * Requests to HTTP services: GET, with connections that are kept and shared, 64 at once, each within a time limit and
 * with a bounded answer. Redirects are not followed.
 */

import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { SecureContext } from "node:tls";
import { Slots } from "../base/slots";
import { timeLimit } from "../base/timelimit";
import type { Until } from "../base/until";
import type { AuthHttpUrl } from "../config/settings";
import { httpReason } from "../tls/httpreason";
import { SharedLookup } from "./sharedlookup";

/** The most requests that run at once; others wait. */
export const REQUESTS_AT_ONCE = 64;

/** The longest answer, head and body together, in octets. */
const ANSWER_BOUND = 16 * 1024;

/** How long a connection is kept without a request, in milliseconds. */
const KEPT = 30_000;

/** A request. */
interface HttpCall {
  readonly to: AuthHttpUrl;
  /** With what TLS is spoken; null: it is not. */
  readonly context: SecureContext | null;
  /** Names and values by turns, latin1, as they are sent. */
  readonly headers: readonly string[];
  /** For all of it: the wait for others, the connection and the whole answer; in milliseconds. */
  readonly timeout: number;
}

/** A complete answer, or why there is none. */
export type HttpAnswer =
  | {
      readonly kind: "answer";
      readonly status: number;
      /** Names and values by turns, latin1, as they came. */
      readonly headers: readonly string[];
    }
  | { readonly kind: "none"; readonly why: string };

const LATE: HttpAnswer = { kind: "none", why: "no answer in time" };

/** A service has closed a kept connection while the request was on its way. */
const STALE = new Set(["ECONNRESET", "EPIPE"]);

/** The requests that run, and the connections that are kept. */
export class Requests {
  readonly #slots = new Slots(REQUESTS_AT_ONCE);
  readonly #lookups = new SharedLookup();
  #http: HttpAgent | null = null;
  #https: HttpsAgent | null = null;

  /**
   * Sends a request. A kept connection that turns out to be closed is replaced by a new one, once.
   *
   * @param until gives up, with its reason
   * @throws the reason of `until`
   */
  async ask(call: HttpCall, until: Until): Promise<HttpAnswer> {
    // With what it waits for others, so that a service which hangs keeps nobody longer than one request may take.
    const ends = performance.now() + call.timeout;
    const give = await this.#slots.take(until);
    try {
      if (performance.now() >= ends) return LATE;
      const first = await this.#ask(call, ends, true, until);
      return first === "stale" ? ((await this.#ask(call, ends, false, until)) as HttpAnswer) : first;
    } finally {
      give();
    }
  }

  /** How many requests wait for their turn. */
  get waiting(): number {
    return this.#slots.waiting;
  }

  /** Closes the connections that are kept. */
  close(): void {
    this.#http?.destroy();
    this.#https?.destroy();
  }

  /** @param kept whether a kept connection may be used */
  #ask(call: HttpCall, ends: number, kept: boolean, until: Until): Promise<HttpAnswer | "stale"> {
    return new Promise((resolve, reject) => {
      const request = this.#request(call, kept);
      // By default Node drops what is beyond 2000 headers.
      request.maxHeadersCount = 0;
      let answered = false;
      let over = false;
      const leave = () => {
        over = true;
        endLimit();
        until.removeEventListener("abort", aborted);
      };
      const settle = (outcome: HttpAnswer | "stale") => {
        if (over) return;
        leave();
        if (outcome === "stale" || outcome.kind === "none") request.destroy();
        resolve(outcome);
      };
      const none = (why: string) => settle({ kind: "none", why });
      const aborted = () => {
        leave();
        request.destroy();
        reject(until.reason);
      };
      const endLimit = timeLimit(Math.max(0, ends - performance.now()), () => settle(LATE));
      until.addEventListener("abort", aborted);
      request.on("error", (fault: NodeJS.ErrnoException) => {
        if (kept && !answered && request.reusedSocket && STALE.has(fault.code ?? "")) settle("stale");
        else none(httpReason(fault));
      });
      request.once("response", (answer) => {
        answered = true;
        bounded(answer, settle);
      });
      request.once("upgrade", (_, socket) => {
        socket.destroy();
        none("an answer of another protocol");
      });
      request.once("close", () => none("the connection was closed"));
      request.end();
    });
  }

  #request({ to, context, headers }: HttpCall, kept: boolean): ClientRequest {
    const { host, port, socket, path } = to;
    const options: RequestOptions & { secureContext?: SecureContext } = {
      host,
      port,
      path,
      headers,
      maxHeaderSize: ANSWER_BOUND,
      lookup: this.#lookups.lookup,
      agent: kept && (context ? this.#secure() : this.#plain()),
    };
    if (socket !== undefined) options.socketPath = socket;
    if (!context) return httpRequest(options);
    options.secureContext = context;
    return httpsRequest(options);
  }

  #plain(): HttpAgent {
    this.#http ??= new HttpAgent({ keepAlive: true, maxFreeSockets: REQUESTS_AT_ONCE, timeout: KEPT });
    return this.#http;
  }

  #secure(): HttpsAgent {
    this.#https ??= new HttpsAgent({ keepAlive: true, maxFreeSockets: REQUESTS_AT_ONCE, timeout: KEPT });
    return this.#https;
  }
}

/** Reads an answer to its end, as far as the bound goes. */
function bounded(answer: IncomingMessage, settle: (outcome: HttpAnswer) => void): void {
  const { statusCode: status = 0, rawHeaders: headers } = answer;
  let octets = headers.reduce((sum, text) => sum + text.length + 2, 0);
  const limit = (count: number) => {
    if (count > ANSWER_BOUND) settle({ kind: "none", why: `an answer of more than ${ANSWER_BOUND} octets` });
  };
  limit(octets + Number(answer.headers["content-length"] ?? 0));
  answer.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    limit(octets);
  });
  answer.once("end", () => settle({ kind: "answer", status, headers }));
  answer.once("error", (fault) => settle({ kind: "none", why: httpReason(fault) }));
}
