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
import type { House } from "../gateway/gateway";
import { isSame, isSocket, type Kind, kindOf, vacate } from "../process/descriptor";
import { clientOf, Reception } from "./listener";

/** How long inetd's listening socket is kept without a session, in milliseconds. */
const IDLE = 60_000;

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED = 3;

const STANDARD = [0, 1, 2] as const;

/** A descriptor that was handed over. */
export interface Handed {
  readonly fd: number;
  readonly kind: Kind & ("connection" | "listener" | "pipe");
  /** systemd's FileDescriptorName; "" if there is none. */
  readonly name: string;
  /** It comes by systemd's protocol, LISTEN_FDS, not as standard input. */
  readonly activated: boolean;
}

/**
 * What was handed over to this process: by systemd's protocol, else as standard input. Takes systemd's variables out of
 * the environment, since they are meant for no child of ours.
 *
 * @throws Error if there is nothing that could be served; the message is one line for who has typed the command
 */
export function handedOver(environment: NodeJS.ProcessEnv = process.env): readonly Handed[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete environment[name];
  const count = LISTEN_PID === String(process.pid) && /^[0-9]{1,4}$/.test(LISTEN_FDS ?? "") ? Number(LISTEN_FDS) : 0;
  if (count === 0) return [standardInput()];
  const names = LISTEN_FDNAMES?.split(":") ?? [];
  return Array.from({ length: count }, (_, index) => passed(FIRST_PASSED + index, names[index] ?? ""));
}

function standardInput(): Handed {
  const kind = kindOf(0);
  const server = "give -D to stand alone, or let inetd or systemd start it";
  if (kind === "terminal") throw new Error(`standard input is a terminal: ${server}`);
  if (kind === "other") throw new Error(`standard input is neither a connection nor a pipe: ${server}`);
  if (kind === "pipe" && !isSocket(0) && kindOf(1) !== "pipe") throw new Error("standard output is not a pipe");
  return { fd: 0, kind, name: "", activated: false };
}

function passed(fd: number, name: string): Handed {
  const kind = kindOf(fd);
  if (kind === "terminal" || kind === "other" || !isSocket(fd)) {
    throw new Error(`descriptor ${fd} of LISTEN_FDS is not a stream socket`);
  }
  // StandardInput=socket: else the connection would stay open with it.
  for (const standard of STANDARD) if (isSame(standard, fd)) vacate(standard);
  return { fd, kind, name, activated: true };
}

export class Superserver {
  readonly #house: House;
  readonly #handed: readonly Handed[];
  readonly #idle: number;
  readonly #reception: Reception;

  /**
   * @param idle how long inetd's listening socket is kept without a session, in milliseconds
   * @throws Error in one line if TLS is not set as what was handed over wants it
   */
  constructor(house: House, handed: readonly Handed[], idle = IDLE) {
    this.#house = house;
    this.#handed = handed;
    this.#idle = idle;
    const modes = handed.map((one) => this.#tls(one));
    const fault = faultOfTls(house.config, modes);
    if (fault !== null) throw new Error(fault);
    this.#reception = new Reception(house);
  }

  /** Serves all that was handed over, and resolves when that is over. @throws the system's error if it can't listen */
  async serve(): Promise<void> {
    const sessions = this.#handed.filter(({ kind }) => kind !== "listener").map((one) => this.#converse(one));
    const listeners = this.#handed.filter(({ kind }) => kind === "listener");
    for (const one of listeners) await this.#reception.listen({ fd: one.fd }, this.#tls(one));
    this.#reception.announce();
    await Promise.all(sessions);
    if (listeners.length === 0) return;
    if (!listeners.some(({ activated }) => activated)) {
      void this.#reception.untilIdle(this.#idle).then(() => this.#reception.close());
    }
    await this.#reception.closed;
  }

  /** As the daemon's: accepts nobody any more and lets sessions end for a while; called again, ends them at once. */
  close(): Promise<void> {
    return this.#reception.close();
  }

  /** How TLS comes in: as systemd's name of the socket says, else as the option does. */
  #tls({ name }: Handed): TlsMode {
    return name === "none" || name === "starttls" || name === "tls" ? name : this.#house.config.clientTls;
  }

  #converse(handed: Handed): Promise<void> {
    const client = open(handed);
    const { address: host, port } = client.local;
    this.#house.listeners = [...this.#house.listeners, { host, port }];
    return this.#reception.serve(client, this.#tls(handed));
  }
}

/** The client on a descriptor; when its stream has closed, so has the descriptor. */
function open({ fd, kind }: Handed): Connection {
  if (kind === "pipe" && fd === 0 && kindOf(1) === "pipe" && !isSame(0, 1)) return onPipes();
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }).setNoDelay(true);
  const standard = STANDARD.filter((one) => one === fd || isSame(one, fd));
  socket.once("close", () => standard.forEach(vacate));
  return clientOf(socket);
}

/** The class is only loaded where it is used: under inetd every millisecond counts, for each session. */
function onPipes(): Connection {
  const { Pipes } = require("../connection/pair") as typeof import("../connection/pair.js");
  const { Connection: Client } = require("../connection/connection") as typeof import("../connection/connection.js");
  const nowhere = { address: "", port: 0 };
  return new Client(new Pipes(), "client", nowhere, nowhere);
}
