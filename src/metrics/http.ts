/**
 * The HTTP server of --metrics: it has its own port, and for its clients it is a server for strangers. What they send is
 * bounded in size and time; so is how many there are. Pages are made at most once a second.
 */

import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { isLoopback, unmapped } from "../base/address";
import type { Snapshot } from "./snapshot";
import { hashOf } from "./token";

/** How old a page may be, in milliseconds. */
const AGE = 1000;

/** The most octets of a request's head. A browser sends the cookies of everything on this host. */
const HEAD_BOUND = 16 * 1024;

/** The most connections; one more closes the oldest. */
export const CONNECTIONS = 64;

/** How long a request may take to arrive, and a connection may stand still, in milliseconds. */
const ARRIVAL = 5000;
const STANDSTILL = 10_000;

/** What makes the pages. */
export interface Pages {
  /** What the gateway is doing. @throws Error if it does not say */
  snapshot(): Promise<Snapshot>;
  /** Ends a session. @returns false: there is none with this id */
  end(id: string): Promise<boolean>;
  /** Called when a client has connected. */
  came?(): void;
  /** The text of each page that is made of a snapshot, by its path. */
  readonly texts: Readonly<Record<string, PageText>>;
}

/** How a page is made. */
interface PageText {
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly write: (snapshot: Snapshot) => string | Promise<string>;
}

/** What is kept of a page. */
interface Kept {
  readonly at: number;
  readonly made: Promise<unknown>;
}

interface PageReply {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** Hosts that no name in the DNS of others can stand for: addresses, and this machine. */
const OWN_HOST = /^(?:\[[0-9a-f:.]+\]|[0-9.]+|(?:[a-z0-9-]+\.)*localhost\.?)?(?::[0-9]*)?$/i;

/** A session's path. Ids are those of session.ts. */
const SESSION = /^\/sessions\/([a-z0-9]{1,40}\.[a-z0-9]{1,20})\/end$/;

/** The HTTP server. */
export class StatusServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #kept = new Map<string, Kept>();
  /** The hash of the token; null: nobody may end a session. */
  token: Buffer | null;

  constructor(
    private readonly pages: Pages,
    token: Buffer | null,
  ) {
    this.token = token;
    const bounds = {
      maxHeaderSize: HEAD_BOUND,
      headersTimeout: ARRIVAL,
      requestTimeout: ARRIVAL,
      connectionsCheckingInterval: 1000,
    };
    this.#server = createServer(bounds, (request, response) => void this.#serve(request, response));
    this.#server.timeout = STANDSTILL;
    // A connection has one request. Of those behind it thousands would be answered in one turn of the event loop.
    this.#server.maxRequestsPerSocket = 1;
    this.#server.on("dropRequest", (_, socket) => socket.destroy());
    this.#server.on("connection", (socket: Socket) => this.#enter(socket));
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** @returns the address @throws the system's error */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        // Such as EMFILE: one client could not be accepted, and the server goes on.
        this.#server.off("error", reject).on("error", () => {});
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Makes all pages anew from now on: what they tell has changed. */
  forget(): void {
    this.#kept.clear();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #enter(socket: Socket): void {
    this.#sockets.add(socket);
    this.pages.came?.();
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#sockets.size <= CONNECTIONS) return;
    const [oldest] = this.#sockets;
    oldest?.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    const answer = await this.#answer(request).catch((): PageReply => {
      return { status: 503, body: "the gateway does not say what it is doing\n" };
    });
    const { status, type = "text/plain; charset=utf-8", headers, body } = answer;
    response.writeHead(status, {
      "Content-Type": type,
      "Content-Length": Buffer.byteLength(body),
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      Connection: "close",
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  async #answer({ method = "", url = "", headers, socket }: IncomingMessage): Promise<PageReply> {
    const [path = ""] = url.split("?", 1);
    if (path !== "/health" && isLoopback(unmapped(socket.localAddress ?? "")) && !OWN_HOST.test(headers.host ?? ""))
      return MISDIRECTED;
    const id = this.token ? SESSION.exec(path)?.[1] : undefined;
    if (id !== undefined) {
      if (method !== "POST") return notAllowed("POST");
      return this.#end(id, headers.authorization ?? "");
    }
    const text = Object.hasOwn(this.pages.texts, path) ? this.pages.texts[path] : undefined;
    if (!text && path !== "/health") return { status: 404, body: "there is no such page\n" };
    if (method !== "GET" && method !== "HEAD") return notAllowed("GET, HEAD");
    if (text) return { status: 200, ...text, body: await this.#page(path, text) };
    const { accepting } = await this.#snapshot();
    return accepting ? { status: 200, body: "ok\n" } : { status: 503, body: "no clients are accepted\n" };
  }

  #snapshot(): Promise<Snapshot> {
    return this.#once("", () => this.pages.snapshot());
  }

  #page(path: string, { write }: PageText): Promise<Buffer> {
    return this.#once(path, async () => Buffer.from(await write(await this.#snapshot())));
  }

  /** Makes something at most once a second, for all who ask. What failed is made anew. */
  #once<Made>(key: string, make: () => Promise<Made>): Promise<Made> {
    const at = performance.now();
    const kept = this.#kept.get(key);
    if (kept && at - kept.at < AGE) return kept.made as Promise<Made>;
    const made = make();
    this.#kept.set(key, { at, made });
    made.catch(() => {
      if (this.#kept.get(key)?.made === made) this.#kept.delete(key);
    });
    return made;
  }

  async #end(id: string, authorization: string): Promise<PageReply> {
    const given = /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? "";
    if (!timingSafeEqual(hashOf(given), this.token as Buffer)) {
      const headers = { "WWW-Authenticate": 'Bearer realm="pop3.proxy"' };
      return { status: 401, headers, body: "the token of --metrics-token is needed: Authorization: Bearer TOKEN\n" };
    }
    const ended = await this.pages.end(id);
    this.forget();
    if (!ended) return { status: 404, body: `there is no session ${id}\n` };
    return { status: 200, body: `session ${id} is ended\n` };
  }
}

/**
 * For requests to this machine's own address by a name of others. A web page in a browser on this machine could read what
 * is answered, if the name is the page's own and leads here (DNS rebinding).
 */
const MISDIRECTED: PageReply = { status: 421, body: "the host of the URL must be an address, or localhost\n" };

function notAllowed(allowed: string): PageReply {
  return { status: 405, headers: { Allow: allowed }, body: `the method here is ${allowed}\n` };
}
