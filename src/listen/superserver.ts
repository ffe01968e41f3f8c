/**
 * What a superserver hands over (SPEC section 10): a connection or a pipe is one session, which no limit touches; a
 * listening socket is served like the daemon's own. inetd wants its listening socket back when nobody has been there
 * for a while; a socket of systemd is ours for life.
 *
 * A connection that arrives while we stop to listen is lost to nobody: it waits in the socket, which inetd has too.
 */

import { Socket } from "node:net";
import { faultOfTls, type TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import { type DescriptorKind, isSameDescriptor, isSocket, kindOf, vacate } from "../process/descriptor";
import { clientOf, Listener } from "./listener";

/** How long inetd's listening socket is kept without a session, in milliseconds. */
const IDLE = 60_000;

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED = 3;

const STANDARD = [0, 1, 2] as const;

/** A descriptor that was passed over. */
export interface PassedDescriptor {
  readonly fd: number;
  readonly kind: DescriptorKind & ("connection" | "listener" | "pipe");
  /** systemd's FileDescriptorName; "" if there is none. */
  readonly name: string;
  /** It comes by systemd's protocol, LISTEN_FDS, not as standard input. */
  readonly activated: boolean;
}

/**
 * What was passed over to this process: by systemd's protocol, else as standard input. Takes systemd's variables out of
 * the environment, since they are meant for no child of ours.
 *
 * @throws Error if there is nothing that could be served; the message is one line for who has typed the command
 */
export function passedDescriptors(environment: NodeJS.ProcessEnv = process.env): readonly PassedDescriptor[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete environment[name];
  const count = LISTEN_PID === String(process.pid) && /^[0-9]{1,4}$/.test(LISTEN_FDS ?? "") ? Number(LISTEN_FDS) : 0;
  if (count === 0) return [standardInput()];
  const names = LISTEN_FDNAMES?.split(":") ?? [];
  return Array.from({ length: count }, (_, index) => passed(FIRST_PASSED + index, names[index] ?? ""));
}

function standardInput(): PassedDescriptor {
  const kind = kindOf(0);
  const server = "give -D to stand alone, or let inetd or systemd start it";
  if (kind === "terminal") throw new Error(`standard input is a terminal: ${server}`);
  if (kind === "other") throw new Error(`standard input is neither a connection nor a pipe: ${server}`);
  if (kind === "pipe" && !isSocket(0) && kindOf(1) !== "pipe") throw new Error("standard output is not a pipe");
  return { fd: 0, kind, name: "", activated: false };
}

function passed(fd: number, name: string): PassedDescriptor {
  const kind = kindOf(fd);
  if (kind === "terminal" || kind === "other" || !isSocket(fd)) {
    throw new Error(`descriptor ${fd} of LISTEN_FDS is not a stream socket`);
  }
  // StandardInput=socket: else the connection would stay open with it.
  for (const standard of STANDARD) if (isSameDescriptor(standard, fd)) vacate(standard);
  return { fd, kind, name, activated: true };
}

export class Superserver {
  readonly #gateway: Gateway;
  readonly #passed: readonly PassedDescriptor[];
  readonly #idle: number;
  readonly #listener: Listener;

  /**
   * @param idle how long inetd's listening socket is kept without a session, in milliseconds
   * @throws Error in one line if TLS is not set as what was passed over wants it
   */
  constructor(gateway: Gateway, passed: readonly PassedDescriptor[], idle = IDLE) {
    this.#gateway = gateway;
    this.#passed = passed;
    this.#idle = idle;
    const modes = passed.map((one) => this.#tls(one));
    const fault = faultOfTls(gateway.config, modes);
    if (fault !== null) throw new Error(fault);
    this.#listener = new Listener(gateway);
  }

  /** Serves all that was passed over, and resolves when that is over. @throws the system's error if it can't listen */
  async serve(): Promise<void> {
    const sessions = this.#passed.filter(({ kind }) => kind !== "listener").map((one) => this.#converse(one));
    const listeners = this.#passed.filter(({ kind }) => kind === "listener");
    for (const one of listeners) await this.#listener.listen({ fd: one.fd }, this.#tls(one));
    this.#listener.announce();
    await Promise.all(sessions);
    if (listeners.length === 0) return;
    if (!listeners.some(({ activated }) => activated)) {
      void this.#listener.untilIdle(this.#idle).then(() => this.#listener.close());
    }
    await this.#listener.closed;
  }

  /** As the daemon's: accepts nobody any more and lets sessions end for a while; called again, ends them at once. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  /** How TLS comes in: as systemd's name of the socket says, else as the option does. */
  #tls({ name }: PassedDescriptor): TlsMode {
    return name === "none" || name === "starttls" || name === "tls" ? name : this.#gateway.config.clientTls;
  }

  #converse(passed: PassedDescriptor): Promise<void> {
    const client = open(passed);
    const { address: host, port } = client.local;
    this.#gateway.listeners = [...this.#gateway.listeners, { host, port }];
    return this.#listener.serve(client, this.#tls(passed));
  }
}

/** The client on a descriptor; when its stream has closed, so has the descriptor. */
function open({ fd, kind }: PassedDescriptor): Connection {
  if (kind === "pipe" && fd === 0 && kindOf(1) === "pipe" && !isSameDescriptor(0, 1)) return onPipes();
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }).setNoDelay(true);
  const standard = STANDARD.filter((one) => one === fd || isSameDescriptor(one, fd));
  socket.once("close", () => standard.forEach(vacate));
  return clientOf(socket);
}

/** The class is only loaded where it is used: under inetd every millisecond counts, for each session. */
function onPipes(): Connection {
  const { PipePair } = require("../connection/pair") as typeof import("../connection/pair.js");
  const { Connection: Client } = require("../connection/connection") as typeof import("../connection/connection.js");
  const nowhere = { address: "", port: 0 };
  return new Client(new PipePair(), "client", nowhere, nowhere);
}
