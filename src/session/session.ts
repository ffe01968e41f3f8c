/** Session: what is known about one session while it lasts. */

import { showServer } from "../base/address";
import { now } from "../base/clock";
import type { TlsMode } from "../config/settings";
import { type Connection, OVERLONG } from "../connection/connection";
import type { EventName, FieldsOf } from "../log/events";
import type { Command, Optional, Rejection, State } from "../protocol/command";
import type { EndCode } from "../protocol/failure";
import type { Arrival, Needs, Route, Visitor } from "./needs";
import { StatusLines } from "./statuslines";
import { Unsupported } from "./unsupported";

/** How long a client's handshake may take, in milliseconds, within the time for its login. */
const HANDSHAKE = 30_000;

/** How a session ended, for its closing line. */
export interface SessionEnd {
  readonly code: EndCode;
  readonly reason: string;
}

let counter = 0;
const START = `${Math.floor(Date.now() / 1000).toString(36)}${process.pid.toString(36)}`;

export class Session implements Visitor {
  /** Unique, also among processes of one machine. */
  readonly id = `${START}.${(++counter).toString(36)}`;
  readonly began = now();
  /** How TLS comes into the client's connection. */
  readonly tls: TlsMode;
  readonly unsupported = new Unsupported((command) => this.emit("unsupported", { command }));
  route: Route | null = null;
  /** The client is owed an answer, so that it may be told of a failure. */
  owed = false;
  /** A multi-line response is under way: an -ERR would become a part of a mail. */
  insideResponse = false;
  /** For the closing line: messages retrieved in full, messages marked as deleted, octets of multi-line responses. */
  retrieved = 0;
  deleted = 0;
  octets = 0;

  constructor(
    readonly client: Connection,
    readonly needs: Needs,
    private readonly arrival: Arrival,
  ) {
    this.tls = arrival.tls;
    // A client that reads slowly is not inactive: what the system holds for it may take its time.
    const { inactivity, stall } = needs.service.limits;
    client.patience = Math.max(inactivity, stall);
    if (needs.trace) {
      client.trace = (direction, line) => {
        if (direction === "<") this.#emitLine("clientHeard", this.unsupported.masked(line));
        else this.#emitLine("clientTold", this.withoutSecrets(line));
      };
    }
  }

  /** Whether a login may be sent as things are: not in clear where TLS could be. */
  get mayLogIn(): boolean {
    return this.tls === "none" || this.client.tls !== "" || this.needs.service.clients.cleartextLogin;
  }

  get clientAddress(): string {
    return this.client.peer.address;
  }

  /**
   * What a server said, for the log. If the server repeats a password there, the length alone is shown: a gap in the
   * text could be filled in.
   */
  withoutSecrets(text: string): string {
    const { password = "", proxyPassword = "" } = this.route ?? {};
    const told = [password, proxyPassword].some((secret) => secret !== "" && text.includes(secret));
    return told ? `(${text.length} octets with a password in them)` : text;
  }

  /** Writes an event of this session to the log. */
  emit<Name extends EventName>(name: Name, fields: FieldsOf<Name>): void {
    this.needs.emit(name, fields, { session: this.id, client: this.clientAddress });
  }

  /** The status lines of a server; what is tolerated there is logged. */
  statusLines(server: Connection): StatusLines {
    return new StatusLines(server, (code, reason) => {
      this.emit("tolerated", { code, reason: this.withoutSecrets(reason) });
    });
  }

  /** Shows the lines of a server's connection in the log. */
  trace(server: Connection): void {
    server.trace = (direction, line) => {
      if (direction === ">") this.#emitLine("serverTold", this.unsupported.masked(line));
      else this.#emitLine("serverHeard", this.withoutSecrets(line));
    };
  }

  #emitLine(name: "clientHeard" | "clientTold" | "serverHeard" | "serverTold", line: string): void {
    this.needs.emit(name, { line }, { session: this.id });
  }

  /**
   * A line of the client as a command in this state, or why it is not carried out.
   *
   * @param line what `Connection.line` gave; the rest of an overlong line is skipped here, never run in part
   * @throws Failure
   */
  async parse(line: string | typeof OVERLONG, state: State): Promise<Command | Rejection> {
    if (line !== OVERLONG) return this.unsupported.parse(line, state, this.#opened, this.client.input.lineOctets);
    const rejection = this.unsupported.overlong(this.client.input.ahead);
    await this.client.input.skipLine();
    return rejection;
  }

  /** The optional commands that are permitted. */
  get #opened(): readonly Optional[] {
    if (this.tls === "starttls") return ["CAPA", "STLS"];
    return this.needs.service.replies.capa ? ["CAPA"] : [];
  }

  /** Goes on with the client under TLS. @throws Failure if the handshake does not come about in time */
  async startTls(): Promise<void> {
    const { client } = this;
    const { deadline } = client;
    client.deadline = Math.min(deadline, now() + HANDSHAKE);
    await client.startTls((raw) => this.needs.clientTls(raw));
    client.deadline = deadline;
  }

  /** The client is logged in; it hears of it when this resolves. */
  async loggedIn(route: Route): Promise<void> {
    this.arrival.onLogin?.();
    await this.needs.loggedIn(this, route);
    this.emit("login", { ...loginFields(route), tls: this.client.tls || undefined });
  }
}

/** Whose login it is, and where to, as the log shows it. */
export interface LoginFields {
  readonly user: string;
  readonly "proxy-user"?: string | undefined;
  readonly server: string | undefined;
}

export function loginFields(route: Route): LoginFields & { readonly server: string } {
  const { user, proxyUser, host, port } = route;
  return { user, "proxy-user": proxyUser || undefined, server: showServer(host, port) };
}
