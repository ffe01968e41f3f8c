/**
 * The descriptors that a superserver passes (the manual's section "Superserver Mode"). A connection or a pipe is one
 * session, to which no limit of sessions applies. A listening socket is served like the daemon's own; the gateway gives
 * inetd's listening socket back, by ending, when there has been no client for a while, and keeps systemd's.
 *
 * A connection that arrives while the gateway ends is not lost: inetd has the same listening socket, and the connection
 * waits in its queue.
 */

import { Socket } from "node:net";
import { plainAddress } from "../base/address";
import { quote } from "../base/quote";
import type { TlsMode } from "../config/settings";
import { faultOfTls } from "../config/tlsrules";
import { Connection } from "../connection/connection";
import { standardPair } from "../connection/pair";
import {
  type DescriptorKind,
  isAcceptedOnAll,
  isSameDescriptor,
  isSocket,
  kindOf,
  vacate,
} from "../process/descriptor";
import type { Listener } from "./listener";
import { clientOf, type ListeningSocket, type Served } from "./sockets";

/** How long inetd's listening socket is kept without a client, in milliseconds. */
const IDLE = 60_000;

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_PASSED = 3;

/** The standard streams. */
const STANDARD = [0, 1, 2] as const;

/** A descriptor that was passed. */
interface PassedDescriptor {
  readonly fd: number;
  readonly kind: DescriptorKind & ("connection" | "listener" | "pipe");
  /** systemd's FileDescriptorName; "" if there is none. */
  readonly name: string;
  /** Whether it was passed by systemd's protocol, LISTEN_FDS, and not as standard input. */
  readonly activated: boolean;
}

/**
 * The descriptors that were passed to this process: by systemd's protocol (sd_listen_fds(3)), else as standard input.
 * Deletes systemd's variables from the environment, since the gateway's children must not use them.
 *
 * @throws Error in one line, for the person who started the gateway, if a descriptor can't be served
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
  // With StandardInput=socket the standard streams are the same socket, and would keep the connection open.
  for (const standard of STANDARD) if (isSameDescriptor(standard, fd)) vacate(standard);
  return { fd, kind, name, activated: true };
}

/** The gateway under a superserver. */
export class Superserver {
  readonly #passed: readonly PassedDescriptor[];
  readonly #idle: number;
  readonly #listener: Listener;
  /** The descriptors that listen. */
  readonly #listening = new Map<PassedDescriptor, ListeningSocket>();

  /**
   * @param idle how long inetd's listening socket is kept without a client, in milliseconds
   * @throws Error in one line if the settings of TLS do not fit the descriptors
   */
  constructor(listener: Listener, passed: readonly PassedDescriptor[], idle = IDLE) {
    this.#listener = listener;
    this.#passed = passed;
    this.#idle = idle;
    this.#refuseFaults(listener.gateways);
  }

  /**
   * Serves new clients with these gateways.
   *
   * @throws Error in one line, with nothing changed, if their services do not fit the descriptors
   */
  async replace(gateways: Listener["gateways"]): Promise<void> {
    if (gateways.some(({ service }) => service.listen.length > 0)) {
      throw new Error("a service has listen, and a superserver passes the sockets: leave it out, or start a daemon");
    }
    this.#refuseFaults(gateways);
    this.#listener.gateways = gateways;
    this.#assign();
  }

  /** Gives each socket that listens the gateway of its service. */
  #assign(): void {
    for (const [passed, socket] of this.#listening) Object.assign(socket, servedBy(passed, this.#listener.gateways));
  }

  /** @throws Error in one line */
  #refuseFaults(gateways: Listener["gateways"]): void {
    const settled = this.#passed.map((one) => ({ ...servedBy(one, gateways), kind: one.kind }));
    for (const { service } of gateways) {
      const own = settled.filter(({ gateway }) => gateway.service === service);
      const modes = own.map(({ arrival }) => arrival.tls);
      const useless = own.some(({ proxy, kind }) => proxy && kind === "pipe");
      const fault = useless ? "--client-proxy is of no use: standard input is a pipe" : faultOfTls(service, modes);
      if (fault !== null) throw new Error(service.name === undefined ? fault : `[service.${service.name}]: ${fault}`);
    }
  }

  /** Serves all descriptors; resolves when all have ended. @throws the system's error if it can't listen */
  async serve(): Promise<void> {
    // A signal to end may have come by now.
    if (this.#listener.closing) return;
    const sessions = this.#passed.filter(({ kind }) => kind !== "listener").map((one) => this.#serveOne(one));
    const listeners = this.#passed.filter(({ kind }) => kind === "listener");
    for (const one of listeners) {
      const socket = await this.#listener.listen({ fd: one.fd }, servedBy(one, this.#listener.gateways));
      this.#listening.set(one, socket);
    }
    // SIGHUP may have come meanwhile.
    this.#assign();
    this.#listener.announce();
    await Promise.all(sessions);
    if (listeners.length === 0) return;
    if (!listeners.some(({ activated }) => activated)) {
      void this.#listener.untilIdle(this.#idle).then(() => this.#listener.close());
    }
    await this.#listener.closed;
  }

  /** Whether a listening socket was passed. */
  get listens(): boolean {
    return this.#passed.some(({ kind }) => kind === "listener");
  }

  /** Whether the process stays: systemd's sockets are kept, and inetd gets its own back. */
  get stays(): boolean {
    return this.#passed.some(({ kind, activated }) => kind === "listener" && activated);
  }

  /** As `Listener.close`. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  /** Serves the client on a connection or a pipe. */
  #serveOne(passed: PassedDescriptor): Promise<void> {
    const { gateway, arrival, proxy } = servedBy(passed, this.#listener.gateways);
    if (isPair(passed)) {
      const nowhere = { address: "", port: 0 };
      const client = new Connection(standardPair(), "client", nowhere, nowhere);
      return this.#listener.serve(client, gateway, arrival);
    }
    const socket = socketOn(passed);
    const host = plainAddress(socket.localAddress);
    const port = socket.localPort ?? 0;
    this.#listener.addOwn({ host, port, onAll: () => isAcceptedOnAll(host, port) });
    if (proxy) return this.#listener.serveProxied(socket, gateway, arrival);
    return this.#listener.serve(clientOf(socket), gateway, arrival);
  }
}

/**
 * What the clients of a descriptor get. systemd's name of the socket may be a TLS mode, the name of a service, or both with
 * a dot between; without a mode it is that of --client-tls.
 *
 * @throws Error in one line if there are several services, and the name is that of none
 */
function servedBy({ name }: PassedDescriptor, gateways: Listener["gateways"]): Served {
  const [, named = name, mode] = /^(?:(.*)\.)?(none|starttls|tls)$/.exec(name) ?? [];
  const own = mode !== undefined && named === name ? "" : named;
  const gateway = gateways.find(({ service }) => service.name === own) ?? (gateways.length === 1 ? gateways[0] : null);
  if (!gateway) {
    const names = gateways.map(({ service }) => service.name).join(", ");
    throw new Error(`no service for the socket ${quote(name)}: FileDescriptorName= must be one of ${names}`);
  }
  const { tls, proxy } = gateway.service.clients;
  return { gateway, arrival: { tls: (mode as TlsMode | undefined) ?? tls }, proxy };
}

/** Whether the client is on two pipes, standard input and standard output. */
function isPair({ fd, kind }: PassedDescriptor): boolean {
  return kind === "pipe" && fd === 0 && kindOf(1) === "pipe" && !isSameDescriptor(0, 1);
}

/** The socket of a descriptor; the descriptor closes with it. */
function socketOn({ fd }: PassedDescriptor): Socket {
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }).setNoDelay(true);
  const standard = STANDARD.filter((one) => one === fd || isSameDescriptor(one, fd));
  socket.once("close", () => standard.forEach(vacate));
  return socket;
}
