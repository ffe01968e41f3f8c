/**
 * What kind a file descriptor is, and standard streams through which no message of the process reaches a client.
 *
 * Loads modules of Node only, since main calls this first: a fault while a package loads must not reach the client.
 *
 * A socket whose peer has an address is a connection. The kind of any other socket is in Linux's tables of sockets,
 * which are slow to read: 8 ms on a machine with room for many connections. Of the table of TCP only the beginning is
 * read, where the listeners are: all of it took 26 ms with 20,000 connections in TIME_WAIT.
 */

import { closeSync, fstatSync, openSync, readFileSync, readSync, type Stats } from "node:fs";
import { Socket } from "node:net";
import { isatty } from "node:tty";

/**
 * The kind of a file descriptor.
 *
 * - connection: a TCP connection, even if the client has closed or reset it
 * - listener: a listening socket, of TCP or a Unix stream socket
 * - pipe: a pipe, or a connected Unix stream socket
 */
export type DescriptorKind = "connection" | "listener" | "pipe" | "terminal" | "other";

/** The state TCP_LISTEN in the tables of TCP, and the name of the state's column in their first line. */
const LISTENING = "0A";
const HEADING = "st";

/** The last standard stream; libuv never closes one. */
const STDERR = 2;

/** In the table of Unix sockets: the flag __SO_ACCEPTCON, and the type SOCK_STREAM. */
const ACCEPTS = 0x10000;
const STREAM = "0001";

/** The kind of a descriptor. On a system without tables of sockets any socket counts as a connection. */
export function kindOf(fd: number): DescriptorKind {
  const stats = look(fd);
  if (stats?.isFIFO()) return "pipe";
  if (stats?.isSocket()) return fd <= STDERR && hasPeer(fd) ? "connection" : kindOfSocket(String(stats.ino));
  return stats?.isCharacterDevice() && isatty(fd) ? "terminal" : "other";
}

/** Whether a descriptor is a socket of any kind, so that octets go in and out. */
export function isSocket(fd: number): boolean {
  return look(fd)?.isSocket() ?? false;
}

/** Whether two descriptors mean the same socket or file. */
export function isSameDescriptor(one: number, other: number): boolean {
  const [a, b] = [look(one), look(other)];
  return a !== null && b !== null && a.dev === b.dev && a.ino === b.ino;
}

/**
 * Points descriptors 1 and 2 at /dev/null if they are the same socket as descriptor 0. Under a superserver they are: a
 * warning or a stack on them would go to the client.
 *
 * A Unix socket that is 0 and 1, but not 2, is left as it is: sshd starts a command so, for a person who may want to
 * read --help. The gateway writes to descriptor 1 for a person only.
 *
 * @returns whether descriptor 2 was the client's connection
 */
export function safeStandardStreams(): boolean {
  if (!isSocket(0)) return false;
  const stdoutIsClient = isSameDescriptor(1, 0);
  const stderrIsClient = isSameDescriptor(2, 0);
  if (stderrIsClient) vacate(2);
  if (stdoutIsClient && (stderrIsClient || kindOf(0) !== "pipe")) vacate(1);
  return stderrIsClient;
}

/**
 * Closes a standard stream, which libuv never does, and opens /dev/null in its place. A free number would go to the
 * next socket, and libuv would not close that socket either.
 */
export function vacate(fd: 0 | 1 | 2): void {
  closeSync(fd);
  openSync("/dev/null", fd === 0 ? "r" : "w");
}

/** How many descriptors this process may have open (RLIMIT_NOFILE); null on a system without /proc. */
export function descriptorBound(): number | null {
  try {
    const bound = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return bound === undefined ? null : Number(bound);
  } catch {
    return null;
  }
}

/** What fstat(2) says of a descriptor; null: it is not open. */
function look(fd: number): Stats | null {
  try {
    return fstatSync(fd);
  } catch {
    return null;
  }
}

/**
 * Whether a socket has a peer with an address. Only for standard streams: Node asks through a handle, and closes any
 * other descriptor with the handle.
 */
function hasPeer(fd: number): boolean {
  try {
    const handle = new Socket({ fd, readable: false, writable: false });
    const known = handle.remoteAddress !== undefined;
    handle.destroy();
    return known;
  } catch {
    return false; // not a stream socket
  }
}

function kindOfSocket(inode: string): DescriptorKind {
  if (listens("tcp", inode) || listens("tcp6", inode)) return "listener";
  const unix = new RegExp(`^[0-9a-f]+: \\w+ \\w+ (\\w+) (\\w+) \\w+ +${inode}(?: |$)`, "m").exec(table("unix"));
  if (unix?.[2] === STREAM) return Number.parseInt(unix[1] as string, 16) & ACCEPTS ? "listener" : "pipe";
  if (unix) return "other";
  // A connection that was reset is in no table any more: it is a socket that no table has.
  const datagrams = `${table("udp")}\n${table("udp6")}`.split("\n");
  return datagrams.some((line) => columnsOf(line).owner === inode) ? "other" : "connection";
}

/** Whether a table of TCP has this socket as a listener. */
function listens(name: string, inode: string): boolean {
  for (const { owner } of listeners(name)) if (owner === inode) return true;
  return false;
}

/**
 * Whether the listener that has accepted a connection to this address and port listens on all addresses.
 *
 * @param address of this end of the connection
 */
export function isAcceptedOnAll(address: string, port: number): boolean {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const on = (name: string) => [...listeners(name)].filter(({ local }) => local?.endsWith(ending));
  // A listener on all of IPv6 takes IPv4 as well, where IPv4 has none. One port has no two listeners of both kinds.
  const four = address.includes(":") ? [] : on("tcp");
  return (four.length > 0 ? four : on("tcp6")).some(({ local }) => /^0+:/.test(local as string));
}

/** The listeners in a table of TCP, which come before all other sockets in it. */
function* listeners(name: string): Generator<Columns> {
  const page = Buffer.alloc(4096);
  const fd = opened(`/proc/self/net/${name}`);
  if (fd === null) return;
  try {
    let rest = "";
    for (let octets = readSync(fd, page); octets > 0; octets = readSync(fd, page)) {
      const lines = (rest + page.toString("latin1", 0, octets)).split("\n");
      rest = lines.pop() as string;
      for (const columns of lines.map(columnsOf)) {
        if (columns.state === LISTENING) yield columns;
        else if (columns.state !== HEADING) return;
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** What is read of a line of a table of TCP or UDP. */
interface Columns {
  /** The address and port in hexadecimal digits. */
  readonly local: string | undefined;
  readonly state: string | undefined;
  /** The inode of the socket. */
  readonly owner: string | undefined;
}

function columnsOf(line: string): Columns {
  const [, local, , state, , , , , , owner] = line.trim().split(/ +/);
  return { local, state, owner };
}

function opened(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch {
    return null;
  }
}

/** A table of the system's sockets; "" where there is none. */
function table(name: string): string {
  try {
    return readFileSync(`/proc/self/net/${name}`, "latin1");
  } catch {
    return "";
  }
}
