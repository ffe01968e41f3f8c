/**
 * A provider of OAuth on 127.0.0.1 that does what a test wants, and a POP3 server that takes its tokens. It rotates
 * refresh tokens; one that comes a second time ends the authorization, as oidc-provider has it.
 */

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import type { TestContext } from "node:test";
import { atEnd } from "./ending";

/** What a request is answered with; null: it is not answered at all. */
type Answer = { readonly status: number; readonly body: string | object; readonly headers?: object } | null;

/** Answers one request to the token endpoint in a way of its own. */
type Whim = (asked: URLSearchParams) => Answer | undefined | Promise<Answer | undefined>;

export class FakeProvider {
  /** The requests to the token endpoint. */
  readonly asked: URLSearchParams[] = [];
  /** How many tokens it has issued. */
  issued = 0;
  /** How long its access tokens hold, in seconds. */
  life = 3600;
  /** How long its codes of the device flow hold, in seconds. */
  codeLife = 600;
  /** How long it takes to answer, in milliseconds. */
  slow = 0;
  /** Answers requests to the token endpoint first, if it wants to. */
  whim: Whim | null = null;
  /** Whether a person has approved the code of the device flow. */
  approved = true;
  readonly #good = new Set<string>();
  /** The refresh token that counts, and those that have counted, by their authorization. */
  readonly #current = new Map<string, string>();
  readonly #families = new Map<string, string>();
  readonly ended = new Set<string>();
  /** Code challenges, by the codes of the code flow. */
  readonly #codes = new Map<string, string>();
  #port = 0;

  constructor(readonly rotates = true) {}

  async open(t: TestContext): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await once(server.listen(0, "127.0.0.1"), "listening");
    this.#port = (server.address() as AddressInfo).port;
    atEnd(t, async () => {
      server.closeAllConnections();
      server.close();
    });
    return this;
  }

  get place(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A new authorization. @returns its refresh token */
  authorize(): string {
    const family = randomUUID();
    return this.#refreshFor(family);
  }

  /** Ends all authorizations. */
  revoke(): void {
    for (const family of this.#current.keys()) this.ended.add(family);
  }

  /** Whether a server takes this token. */
  takes(token: string): boolean {
    return this.#good.has(token);
  }

  /** Makes all access tokens worthless. */
  forgetAccess(): void {
    this.#good.clear();
  }

  /** An access token that servers take. */
  access(): string {
    const token = `access-${randomUUID()}`;
    this.#good.add(token);
    return token;
  }

  #refreshFor(family: string): string {
    const token = `refresh-${randomUUID()}`;
    this.#current.set(family, token);
    this.#families.set(token, family);
    return token;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", this.place);
    let body = "";
    for await (const chunk of request) body += chunk;
    const send = (answer: Answer) => {
      if (!answer) return;
      const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
      response.end(text);
    };
    if (pathname === "/.well-known/openid-configuration") {
      const { place: issuer } = this;
      const endpoints = { authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` };
      return send({ status: 200, body: { issuer, ...endpoints, device_authorization_endpoint: `${issuer}/device` } });
    }
    if (pathname === "/device") {
      const codes = { device_code: "device-code", user_code: "ABCD-EFGH", verification_uri: `${this.place}/verify` };
      return send({ status: 200, body: { ...codes, expires_in: this.codeLife, interval: 0.01 } });
    }
    if (pathname === "/auth") {
      const code = randomUUID();
      this.#codes.set(code, searchParams.get("code_challenge") ?? "");
      const to = new URL(searchParams.get("redirect_uri") ?? "");
      to.searchParams.set("code", code);
      to.searchParams.set("state", searchParams.get("state") ?? "");
      return send({ status: 302, body: "", headers: { location: to.href } });
    }
    const asked = new URLSearchParams(body);
    this.asked.push(asked);
    if (this.slow > 0) await new Promise((resolve) => setTimeout(resolve, this.slow));
    const wanted = await this.whim?.(asked);
    send(wanted === undefined ? this.#issue(asked) : wanted);
  }

  #issue(asked: URLSearchParams): Answer {
    const grant = asked.get("grant_type") ?? "";
    const refused = (error: string, description: string): Answer => {
      return { status: 400, body: { error, error_description: description } };
    };
    if (grant.endsWith("device_code")) {
      if (!this.approved) return refused("authorization_pending", "wait");
      return this.#tokens(this.authorize());
    }
    if (grant === "authorization_code") {
      if (!this.#codes.delete(asked.get("code") ?? "")) return refused("invalid_grant", "no such code");
      return this.#tokens(this.authorize());
    }
    if (grant !== "refresh_token") return this.#tokens();
    const given = asked.get("refresh_token") ?? "";
    const family = this.#families.get(given);
    if (family === undefined || this.ended.has(family)) return refused("invalid_grant", "the grant was revoked");
    if (this.#current.get(family) !== given) {
      this.ended.add(family);
      return refused("invalid_grant", "a refresh token came a second time");
    }
    return this.#tokens(this.rotates ? this.#refreshFor(family) : undefined);
  }

  #tokens(refresh?: string): Answer {
    this.issued++;
    const access = { access_token: this.access(), token_type: "Bearer", expires_in: this.life };
    return { status: 200, body: { ...access, ...(refresh !== undefined && { refresh_token: refresh }) } };
  }
}

/** What the server of startTokenServer has been told. */
export interface TokenServer {
  readonly port: number;
  /** The responses to AUTH, decoded. */
  readonly responses: string[];
}

/** A POP3 server with an empty maildrop that takes tokens, and asks for them behind the line of AUTH. */
export async function startTokenServer(t: TestContext, takes: (token: string) => boolean): Promise<TokenServer> {
  const responses: string[] = [];
  const server = createTcpServer((socket) => {
    socket.on("error", () => {}).write("+OK ready\r\n");
    let state: "command" | "response" | "refused" = "command";
    let rest = "";
    const answer = (line: string): string => {
      if (state === "refused") {
        state = "command";
        return "-ERR [AUTH] not this token";
      }
      if (state === "response") {
        const response = Buffer.from(line, "base64").toString("latin1");
        responses.push(response);
        const known = takes(/Bearer (\S+?)\x01/.exec(response)?.[1] ?? "");
        state = known ? "command" : "refused";
        return known ? "+OK" : `+ ${Buffer.from('{"status":"400"}').toString("base64")}`;
      }
      if (/^AUTH (?:XOAUTH2|OAUTHBEARER)$/.test(line)) {
        state = "response";
        return "+ ";
      }
      return line === "STAT" ? "+OK 0 0" : line === "QUIT" ? "+OK bye" : "-ERR what?";
    };
    socket.on("data", (chunk) => {
      const lines = (rest + chunk.toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) socket.write(`${answer(line)}\r\n`);
      if (lines.includes("QUIT")) socket.end();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(t, async () => void server.close());
  return { port: (server.address() as AddressInfo).port, responses };
}
