/**
 * The descriptors that a superserver passes (the manual's section "Superserver Mode"). A connection or a pipe is one
 * session, to which no limit of sessions applies; a listening socket is served like the daemon's own. inetd takes its
 * listening socket back when no client has come for a while; one of systemd is kept.
 *
 * A connection that arrives while the gateway stops to listen is not lost: it waits in the socket, which inetd has too.
 */

import { Socket } from "node:net";
import { faultOfTls } from "../config/rules";
import type { TlsMode } from "../config/settings";
import { Connection } from "../connection/connection";
import { PipePair } from "../connection/pair";
import { type DescriptorKind, isSameDescriptor, isSocket, kindOf, vacate } from "../process/descriptor";
import { clientOf, type Listener } from "./listener";

/** How long inetd's listening socket is kept without a session, in milliseconds. */
const IDLE = 60_000;

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED = 3;

const STANDARD = [0, 1, 2] as const;

/** A descriptor that was passed. */
export interface PassedDescriptor {
  readonly fd: number;
  readonly kind: DescriptorKind & ("connection" | "listener" | "pipe");
  /** systemd's FileDescriptorName; "" if there is none. */
  readonly name: string;
  /** It comes by systemd's protocol, LISTEN_FDS, not as standard input. */
  readonly activated: boolean;
}

/**
 * The descriptors that were passed to this process: by systemd's protocol, else as standard input. Takes systemd's
 * variables out of the environment, since they are not for the gateway's children.
 *
 * @throws Error if there is none that could be served; the message is one line for the person who typed the command
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
  readonly #passed: readonly PassedDescriptor[];
  readonly #idle: number;
  readonly #listener: Listener;

  /**
   * @param idle how long inetd's listening socket is kept without a session, in milliseconds
   * @throws Error in one line if TLS is not set as the descriptors want it
   */
  constructor(listener: Listener, passed: readonly PassedDescriptor[], idle = IDLE) {
    this.#listener = listener;
    this.#passed = passed;
    this.#idle = idle;
    const modes = passed.map((one) => this.#tls(one));
    const fault = faultOfTls(listener.gateway.service, modes);
    if (fault !== null) throw new Error(fault);
  }

  /** Serves all that was passed, and resolves when that is over. @throws the system's error if it can't listen */
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
    return name === "none" || name === "starttls" || name === "tls" ? name : this.#listener.gateway.service.clients.tls;
  }

  #converse(passed: PassedDescriptor): Promise<void> {
    const client = clientOn(passed);
    const { address: host, port } = client.local;
    this.#listener.addOwn({ host, port });
    return this.#listener.serve(client, this.#tls(passed));
  }
}

/** The client on a descriptor; when its stream has closed, so has the descriptor. */
function clientOn({ fd, kind }: PassedDescriptor): Connection {
  if (kind === "pipe" && fd === 0 && kindOf(1) === "pipe" && !isSameDescriptor(0, 1)) {
    const nowhere = { address: "", port: 0 };
    return new Connection(new PipePair(), "client", nowhere, nowhere);
  }
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }).setNoDelay(true);
  const standard = STANDARD.filter((one) => one === fd || isSameDescriptor(one, fd));
  socket.once("close", () => standard.forEach(vacate));
  return clientOf(socket);
}
